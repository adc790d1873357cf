"""A router with one managed agent, its Python tools in this process and its models scripted on an emulator."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from pointsman.app import Router, build_router
from pointsman.domain.message import Message, Text, ToolResult
from pointsman.domain.turn import Turn
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Rule, SaidCall, Say, Script, When
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.execution.agents.managed import ManagedRun
from pointsman.execution.ask import Ask
from pointsman.execution.python_tools import python_tool
from pointsman.routing.policy import parse_policy

POLICY = """
version: 1
providers:
  anthropic: {host: anthropic}
tiers:
  small: [anthropic/claude-haiku-4-5]
  flagship: [anthropic/claude-opus-4-8]
routes:
  direct: {tiers: [small]}
  tools: {tiers: [small]}
  plan: {tiers: [flagship]}
default_route: tools
fallback: {max_attempts: 1}
agents:
  clerk:
    prompt: You are a clerk.
"""


class Ledger:
    """Tools that remember what was done with them."""

    def __init__(self) -> None:
        self.refunds: list[tuple[str, int]] = []
        self.looked_up: list[str] = []
        self.before_return: Callable[[], None] | None = None

    def look_up(self, order: str) -> str:
        """Look an order up."""
        self.looked_up.append(order)
        return f"order {order}: shipped"

    def refund(self, order: str, cents: int) -> str:
        """Refund an order."""
        self.refunds.append((order, cents))
        if self.before_return is not None:
            self.before_return()
        return f"refunded {cents} cents of {order}"


def agent(lines: str, text: str = POLICY) -> str:
    """Return the policy with more lines under the agent."""
    return text + "".join(f"    {line}\n" for line in lines.strip().splitlines())


TOOLS = "tools: {look_up: {}, refund: {}}\n"


def says(text: str = "", *calls: tuple[str, Any], **when: Any) -> Rule:
    """Return a rule: the reply to the requests that ``when`` is for."""
    return Rule(when=When(**when), reply=Say(text, calls=tuple(SaidCall(name, value) for name, value in calls)))


@contextlib.contextmanager
def emulated(*rules: Rule) -> Iterator[Handle]:
    with serve_in_thread(Emulator(Script(rules=rules))) as handle:
        yield handle


@contextlib.asynccontextmanager
async def running(store: Path, handle: Handle, policy: str, ledger: Ledger | None = None) -> AsyncIterator[Router]:
    router = build_router(
        parse_policy(policy, str(store.parent / "test.yaml")), store=f"sqlite:///{store}", simulate_at=handle.base_url
    )
    if ledger is not None:
        router.tools["look_up"] = python_tool(ledger.look_up)
        router.tools["refund"] = python_tool(ledger.refund, writes=True)
    async with router:
        yield router


def ask(*texts: str, conversation: str = "c1", agent: str = "clerk", explicit: bool = True, **more: Any) -> Ask:
    """A request of a customer: texts of the customer and of the agent by turns."""
    messages = tuple(
        Message("user" if index % 2 == 0 else "assistant", (Text(text),)) for index, text in enumerate(texts)
    )
    turn = Turn(messages, model=f"agent/{agent}", **more)
    return Ask(
        turn=turn,
        dialect="library",
        conversation_id=conversation,
        arrived_us=time.time_ns() // 1000,
        started_ns=time.perf_counter_ns(),
        explicit_conversation=explicit,
    )


async def answer(router: Router, asked: Ask, **more: Any) -> ManagedRun:
    """Run a request to its reply."""
    run = await router.answer(asked, **more)
    assert isinstance(run, ManagedRun)
    await run.open()
    await run.commit()
    return run


def text_of(result: ToolResult) -> str:
    """The text of a tool's result."""
    return "\n".join(part.text for part in result.content if isinstance(part, Text))
