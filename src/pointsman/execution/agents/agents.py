"""All agents of one process: where they are defined, how one is put together, and which run a request belongs to.

A request starts a run, answers the question of one that waits for an approval, or takes up one that was cut short: the
same messages in the same conversation again are a second try, and a second try must not do twice what the first has done.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.domain.decision import TIERS
from pointsman.domain.message import Message, Text
from pointsman.errors import AgentStopped, NotFound, RequestError, UsageError
from pointsman.execution.agents.approval import DECLINED, EXPIRED, approves, expired, reference
from pointsman.execution.agents.loop import Begin, Bound, Loop, Told
from pointsman.execution.agents.managed import ManagedRun
from pointsman.execution.agents.owner import Owner
from pointsman.execution.agents.tools import Offered, bind, python_tools
from pointsman.execution.ask import Ask
from pointsman.execution.python_tools import PythonTool
from pointsman.routing.agent_policy import check_agent, policy_for
from pointsman.routing.policy import Policy
from pointsman.routing.policy_errors import spell
from pointsman.routing.router import Routing, new_id
from pointsman.routing.sections_agents import Agent, McpServer
from pointsman.store.agent_runs import AgentRuns, RunRow, StepRow

PREFIX = "agent/"
_SECOND_TRY_US = 3600 * 1_000_000
"""How long a request without a conversation name counts as a second try of one that was cut short."""


class McpTools(Protocol):
    """Where the tools of MCP servers come from: ``mcp_servers.McpServers``."""

    async def offered(self, name: str, server: McpServer, folder: Path) -> list[Offered]:
        """Return the tools of a server."""
        ...

    async def aclose(self) -> None:
        """End every connection."""
        ...


Prompt = Callable[[str, str], str]
"""(agent, prompt of its definition) -> the prompt to use: where prompts are kept with versions, theirs goes first."""


class Agents:
    """The agents of one policy, and those registered while it runs."""

    def __init__(  # noqa: PLR0913 - the composition root passes each collaborator by name
        self,
        *,
        policy: Policy,
        catalog: Catalog,
        begin: Begin,
        runs: AgentRuns,
        registered: Mapping[str, PythonTool],
        mcp: McpTools,
        prompt: Prompt | None = None,
    ) -> None:
        self.runs = runs
        self.owner = Owner()
        self._policy = policy
        self._catalog = catalog
        self._begin = begin
        self._registered = registered
        self._mcp = mcp
        self._prompt = prompt
        self._folder = Path(policy.source).parent if policy.source else Path()
        self._bound: dict[tuple[str, str], Bound] = {}
        self._binding = asyncio.Lock()

    # -- definitions ----------------------------------------------------------------------------------------------------

    def definitions(self) -> dict[str, Agent]:
        """Return every agent by name; one of the policy file goes before a registered one of the same name."""
        stored = {row.name: Agent.model_validate_json(row.spec) for row in self.runs.agents()}
        return {**stored, **self._policy.agents}

    def definition(self, name: str) -> Agent:
        """Return an agent.

        Raises:
            NotFound: there is none of this name.
        """
        known = self.definitions()
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise NotFound(f"there is no agent {name!r}; there are: {there}. Define it under agents:", param="model")
        return known[name]

    async def register(self, name: str, agent: Agent) -> None:
        """Keep an agent's definition. Its tools are looked up first, so that a broken one is refused at once.

        Raises:
            UsageError: the policy file has an agent of this name, or something in it does not fit.
        """
        if name in self._policy.agents:
            raise UsageError(f"agent {name!r} is defined in the policy file: change it there")
        for problem in check_agent(self._policy, name, agent):
            raise UsageError(f"{spell(problem.path)}{problem.text}")
        await self._bind(name, agent)
        await self.runs.save_agent(name, agent.model_dump_json(exclude_unset=True))

    async def bound(self, name: str, agent: Agent) -> Bound:
        """Return an agent with its tools, put together once per definition."""
        place = (name, agent.model_dump_json())
        async with self._binding:
            if place not in self._bound:
                self._bound[place] = await self._bind(name, agent)
            found = self._bound[place]
        return (
            found if self._prompt is None else msgspec.structs.replace(found, prompt=self._prompt(name, found.prompt))
        )

    async def _bind(self, name: str, agent: Agent) -> Bound:
        offered = python_tools(agent, self._registered, self._folder)
        for server_name, server in agent.mcp.items():
            offered += await self._mcp.offered(server_name, server, self._folder)
        try:
            tools = bind(agent, offered)
        except UsageError as error:
            raise UsageError(f"agent {name}: {error}") from None
        return Bound(
            name=name,
            agent=agent,
            prompt=self._read_prompt(name, agent),
            tools=tools,
            steps=Routing(policy_for(self._policy, agent, agent.steps), self._catalog),
            synthesis=Routing(policy_for(self._policy, agent, agent.synthesis), self._catalog),
            synthesis_models=frozenset(self._models(agent.synthesis)),
        )

    def _read_prompt(self, name: str, agent: Agent) -> str:
        if agent.prompt_file is None:
            return agent.prompt or ""
        path = self._folder / agent.prompt_file
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"agent {name}: prompt_file {path} cannot be read: {error}") from None

    def _models(self, target: str | None) -> tuple[str, ...]:
        if target is None:
            return ()
        if target in self._policy.routes:
            return self._policy.route_models(target)
        tier = next((tier for tier in TIERS if tier == target), None)
        return (target,) if tier is None else self._policy.tiers.models(tier)

    # -- runs -----------------------------------------------------------------------------------------------------------

    async def begin(self, name: str, ask: Ask, *, retry: bool = False, told: Told | None = None) -> ManagedRun:
        """Return the run a request belongs to, ready to be opened. ``retry``: the client says it asks a second time.

        Raises:
            NotFound: no such agent.
            RequestError: the request brings tools of its own, or asks for several replies.
            AgentStopped: the very same request is being worked on.
        """
        agent = self.definition(name)
        _check(ask)
        opening = _digest(ask.turn.messages)
        for run in self.runs.of_conversation(name, ask.conversation_id, ask.key_id):
            if run.opening == opening:
                again = await self._again(run, ask, retry, told)
                if again is not None:
                    return again
                continue
            if run.state == "waiting_for_approval" and _answers(run, ask):
                return await self._answered(run, ask, told)
        return await self._new(name, agent, ask, opening, told)

    async def resume(self, run_id: str, told: Told | None = None) -> ManagedRun:
        """Take up a run that was cut short; what it has done stays done.

        Raises:
            NotFound: no such run.
            UsageError: it is done, waits for an approval, or another process works on it.
        """
        run = self.found(run_id)
        if run.state in {"done", "waiting_for_approval"}:
            raise UsageError(f"run {run.id} is {run.state}: there is nothing to take up")
        return await self._go_on(run, _ask_of(run), told)

    async def decide(self, run_id: str, *, approved: bool, words: str, told: Told | None = None) -> ManagedRun:
        """Approve or decline what a run waits for, and let it go on. ``words`` are kept as the customer's.

        Raises:
            NotFound: no such run.
            UsageError: it does not wait for an approval.
        """
        run = self.found(run_id)
        if run.state != "waiting_for_approval":
            raise UsageError(f"run {run.id} is {run.state}: it does not wait for an approval")
        return await self._decided(run, _ask_of(run), Message("user", (Text(words),)), told, approved=approved)

    def found(self, run_id: str) -> RunRow:
        """Return a run.

        Raises:
            NotFound: there is none under this id.
        """
        run = self.runs.run(run_id)
        if run is None:
            raise NotFound(f"there is no run {run_id!r}", param="run")
        return run

    async def aclose(self) -> None:
        """End the connections to tool servers."""
        await self._mcp.aclose()

    async def _new(self, name: str, agent: Agent, ask: Ask, opening: bytes, told: Told | None) -> ManagedRun:
        bound = await self.bound(name, agent)
        messages = (*self._left_behind(name, ask), *ask.turn.messages)
        now = time.time_ns() // 1000
        run = RunRow(
            id=new_id(),
            agent=name,
            spec=agent.model_dump_json(exclude_unset=True),
            conversation_id=ask.conversation_id,
            key_id=ask.key_id,
            state="running",
            owner=self.owner.name,
            opening=opening,
            turn=msgspec.structs.replace(ask.turn, messages=messages),
            reply=None,
            ended_by=None,
            error_code=None,
            error_text=None,
            started_at_us=now,
            updated_at_us=now,
            expires_at_us=None,
        )
        await self.runs.create(run)
        return self._managed(bound, run, ask, told)

    def _left_behind(self, name: str, ask: Ask) -> tuple[Message, ...]:
        """Return what the last run of a named conversation did before it was cut short, for the model of the next one."""
        earlier = (
            self.runs.of_conversation(name, ask.conversation_id, ask.key_id, 1) if ask.explicit_conversation else []
        )
        if not earlier or earlier[0].state == "done":
            return ()
        lines = [
            f"- {call.tool} {call.arguments[:300]}: {'outcome unknown' if call.state in {'started', 'unknown'} else 'done'}"
            for call in self.runs.calls(earlier[0].id)
            if call.writes and call.state in {"started", "unknown", "done"}
        ]
        if not lines:
            return ()
        text = "Your last run in this conversation was cut short after these actions; do not repeat them:\n"
        return (Message("system", (Text(text + "\n".join(lines)),)),)

    async def _again(self, run: RunRow, ask: Ask, retry: bool, told: Told | None) -> ManagedRun | None:
        """A request that was made before: its waiting question, the run taken up, or None when it is a new wish."""
        if run.state == "waiting_for_approval" and not expired(run):
            return self._ready(run, ask)
        if run.state == "done":
            return self._ready(run, ask) if retry else None
        fresh = time.time_ns() // 1000 - run.updated_at_us < _SECOND_TRY_US
        if run.state == "waiting_for_approval" or not (retry or ask.explicit_conversation or fresh):
            return None
        return await self._go_on(run, ask, told)

    async def _go_on(self, run: RunRow, ask: Ask, told: Told | None) -> ManagedRun:
        if run.state == "running" and not self.owner.is_gone(run.owner, run.updated_at_us):
            raise AgentStopped(f"run {run.id} is being worked on; ask again when it is done")
        bound = await self.bound(run.agent, _stored(run))
        if not await self.runs.claim(run, self.owner.name):
            raise AgentStopped(f"run {run.id} was taken up elsewhere at the same moment; ask again when it is done")
        return self._managed(bound, msgspec.structs.replace(run, owner=self.owner.name), ask, told)

    async def _answered(self, run: RunRow, ask: Ask, told: Told | None) -> ManagedRun:
        words = ask.turn.messages[-1]
        waiting = [call for call in self.runs.calls(run.id) if call.state == "waiting"]
        return await self._decided(run, ask, words, told, approved=approves(words, waiting))

    async def _decided(self, run: RunRow, ask: Ask, words: Message, told: Told | None, *, approved: bool) -> ManagedRun:
        bound = await self.bound(run.agent, _stored(run))
        if not await self.runs.claim(run, self.owner.name):
            raise AgentStopped(f"the question of run {run.id} was answered at the same moment")
        run_now = msgspec.structs.replace(run, owner=self.owner.name)
        managed = self._managed(bound, run_now, ask, told)
        loop = managed.loop
        waiting = loop.transcript.waiting
        step = StepRow(loop.transcript.last_step + 1, "customer", "steps", None, words)
        late = expired(run)
        if approved and not late:
            await self.runs.approve(run.id, step)
            loop.approved(words)
        else:
            refused = [await loop.calls.refuse(row, EXPIRED if late else DECLINED) for row in waiting]
            await self.runs.add_step(run.id, step)
            loop.refused(refused, words)
        return managed

    def _ready(self, run: RunRow, ask: Ask) -> ManagedRun:
        return ManagedRun(ask, run.id, self.runs, policy=self._policy.version, ready=run.reply)

    def _managed(self, bound: Bound, run: RunRow, ask: Ask, told: Told | None) -> ManagedRun:
        loop = Loop(bound, run, ask, begin=self._begin, runs=self.runs, told=told)
        return ManagedRun(ask, run.id, self.runs, policy=self._policy.version, loop=loop)


def _check(ask: Ask) -> None:
    turn = ask.turn
    if turn.tools:
        raise RequestError(
            "an agent has tools of its own; leave tools out, or name a model and run the tool loop yourself",
            param="tools",
        )
    if turn.n is not None and turn.n > 1:
        raise RequestError("an agent gives one reply: leave n out", param="n")


def _digest(messages: tuple[Message, ...]) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(messages), digest_size=16).digest()


def _answers(run: RunRow, ask: Ask) -> bool:
    """Return whether a request brings the customer's answer to the question a run waits with."""
    messages = ask.turn.messages
    if messages[-1].role != "user":
        return False
    if ask.explicit_conversation:
        return True
    asked = next((message.text for message in reversed(messages) if message.role == "assistant"), "")
    return reference(run) in asked


def _stored(run: RunRow) -> Agent:
    return Agent.model_validate_json(run.spec)


def _ask_of(run: RunRow) -> Ask:
    """Return the request of a run as it came, for a run that goes on without its client."""
    return Ask(
        turn=msgspec.structs.replace(run.turn, stream=False),
        dialect="agent",
        conversation_id=run.conversation_id,
        arrived_us=time.time_ns() // 1000,
        started_ns=time.perf_counter_ns(),
        key_id=run.key_id,
    )
