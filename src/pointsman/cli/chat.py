"""``pointsman chat``: talk to an agent in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsman.cli.chat_view import ChatView
from pointsman.cli.policy_file import DEFAULT
from pointsman.cli.store_options import StoreUrl
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, UsageError
from pointsman.execution.ask import Ask
from pointsman.routing.router import new_id
from pointsman.store import DEFAULT_URL

if TYPE_CHECKING:
    from pointsman.app import Router
    from pointsman.execution.agents.managed import ManagedRun
    from pointsman.store.agent_runs import RunRow

EXIT_FAILED = 1
_SHORT = {"y": "yes", "n": "no"}


def command(
    agent: Annotated[str, typer.Argument(help="The agent's name, as under agents: in the policy.")],
    policy: Annotated[Path | None, typer.Option(help="Policy file; default ./pointsman.yaml.")] = None,
    store: StoreUrl = DEFAULT_URL,
    emulated: Annotated[
        bool, typer.Option("--emulated", help="Simulated models answer; no account is needed.")
    ] = False,
    script: Annotated[Path | None, typer.Option(help="With --emulated: what the simulated models say.")] = None,
    conversation: Annotated[str | None, typer.Option(help="Go on with this conversation, or name a new one.")] = None,
) -> None:
    """Talk to an agent: each line is a turn, tool calls are shown, approvals are asked. Ends with an empty line or Ctrl-D.

    Exit codes: 0 done, 1 a turn failed, 2 the input was wrong.
    """
    if script is not None and not emulated:
        raise UsageError("--script says what simulated models answer: add --emulated")
    chosen = policy if policy is not None else DEFAULT
    if not chosen.exists():
        raise UsageError(f"{chosen}: no such file; agents are defined under agents: in a policy (--policy FILE)")
    with contextlib.ExitStack() as stack:
        url = None
        if emulated:
            from pointsman.emulator.app import Emulator
            from pointsman.emulator.script import Script, load_script
            from pointsman.emulator.serving import serve_in_thread

            emulator = Emulator(load_script(script) if script else Script(any_model=True))
            url = stack.enter_context(serve_in_thread(emulator)).base_url
        from pointsman.app import build_router

        router = build_router(chosen, store=store, simulate_at=url)
        if not asyncio.run(_chat(router, agent, conversation or f"chat-{new_id()}")):
            raise typer.Exit(EXIT_FAILED)


async def _chat(router: Router, agent: str, conversation: str) -> bool:
    """Read lines until there are no more; return whether every turn went well."""
    view = ChatView(sys.stdin.isatty())
    well = True
    async with router:
        definition = router.agents.definition(agent)
        view.greet(agent, definition, conversation)
        messages = _earlier(router, agent, conversation, view)
        async for line in _lines(view):
            said = _SHORT.get(line.lower(), line) if view.asked else line
            messages.append(Message("user", (Text(said),)))
            try:
                run = await _turn(router, agent, conversation, messages, view)
            except PointsmanError as error:
                view.failed(error)
                messages.pop()
                well = False
                continue
            messages.append(Message("assistant", (Text(run.reply.text),)))
            view.reply(run)
    return well


async def _turn(router: Router, agent: str, conversation: str, messages: list[Message], view: ChatView) -> ManagedRun:
    ask = Ask(
        turn=Turn(tuple(messages), model=f"agent/{agent}"),
        dialect="library",
        conversation_id=conversation,
        arrived_us=time.time_ns() // 1000,
        started_ns=time.perf_counter_ns(),
    )
    run = await router.agents.begin(agent, ask, told=view.told)
    await run.open()
    await run.commit()
    return run


def _earlier(router: Router, agent: str, conversation: str, view: ChatView) -> list[Message]:
    """Return what was said before in a conversation that is taken up again."""
    runs: list[RunRow] = router.agents.runs.of_conversation(agent, conversation, None, 1)
    if not runs:
        return []
    run = runs[0]
    messages = [message for message in run.turn.messages if message.role in {"user", "assistant"}]
    if run.reply is None:
        how = "was cut short" if run.state == "running" else f"is {run.state}"
        view.note(f"the last run of this conversation {how}: say the same again to take it up")
        return messages[:-1]
    view.again(run)
    return [*messages, Message("assistant", (Text(run.reply.text),))]


async def _lines(view: ChatView) -> AsyncIterator[str]:
    while True:
        view.prompt()
        line = await asyncio.to_thread(sys.stdin.readline)
        text = line.strip()
        if not text:
            return
        view.heard(text)
        yield text
