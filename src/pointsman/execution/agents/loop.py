"""The managed loop: a model's reply, its tool calls, the next reply, until one calls no tool or a limit is reached.

Each model step is a turn of its own for the engine: decided, called, recorded and billed like any other. Where the agent
names a tier for its steps and one for its synthesis, the steps' model works until it calls no more tools; that reply is a
draft, which the synthesis model's reply replaces.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from pointsman.domain.message import (
    CacheMark,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.errors import AgentStopped, RequestError
from pointsman.execution.agents.approval import question
from pointsman.execution.agents.calling import Calls
from pointsman.execution.agents.tools import BoundTool
from pointsman.execution.agents.transcript import Transcript, as_message
from pointsman.execution.ask import Ask, neutral_parts
from pointsman.execution.prompts import Prompt
from pointsman.execution.running import Running
from pointsman.providers.tool_names import wire_name
from pointsman.routing.router import Routing, new_id
from pointsman.routing.sections_agents import Agent
from pointsman.store.agent_runs import AgentRuns, CallRow, Ending, Phase, RunRow, StepRow

Begin = Callable[[Ask], Awaitable[Running]]
"""Decides a turn and returns it ready to be opened: ``Router.begin``."""
Told = Callable[[TurnRecord | CallRow], None]
"""Hears of every finished step, and of every tool call that starts or ends."""


_NO_NAME: Final = "no-such-tool"
_CLOSING: Final = "The work with tools is done. Write the reply to the customer now."


class Bound(msgspec.Struct, frozen=True):
    """An agent with everything it needs: its prompt, its tools, and who decides its steps and its synthesis."""

    name: str
    agent: Agent
    prompt: Prompt
    tools: Mapping[str, BoundTool]
    steps: Routing
    synthesis: Routing
    synthesis_models: frozenset[str] = frozenset()


class Live(msgspec.Struct, frozen=True):
    """A step that is read by the customer while it comes: the one that will most likely be the final reply."""

    running: Running
    synthesis: bool
    last: bool


class Loop:
    """One run on its way. ``go`` takes it as far as it gets; everything it has done is in the store at every moment."""

    def __init__(  # noqa: PLR0913 - one run and what it works with, by name
        self, bound: Bound, run: RunRow, ask: Ask, *, begin: Begin, runs: AgentRuns, told: Told | None = None
    ) -> None:
        self.bound = bound
        self.run = run
        self.ask = ask
        self.current: Running | None = None
        self.records: list[TurnRecord] = []
        self._begin = begin
        self._runs = runs
        self._told = told or _nobody
        self._ends_at = time.monotonic() + bound.agent.total_s
        stored = runs.calls(run.id)
        self.calls = Calls(bound.agent, bound.tools, runs, run, self._told)
        self.calls.recall(stored)
        self.transcript = Transcript(runs.steps(run.id), stored)
        self._risky: str | None = None
        self.live: Live | None = None

    def take_over(self, before: Loop) -> None:
        """Go on with what another loop of this run holds in memory, which the store has only in redacted form."""
        self.transcript = before.transcript
        self.run = msgspec.structs.replace(self.run, turn=before.run.turn)

    async def go(self) -> Ending | None:
        """Go on until the run is done or waits for an approval; None: the reply has begun to come, see ``live``.

        Raises:
            AgentStopped: its time is over.
            PointsmanError: a step failed; the engine recorded it.
        """
        if self.transcript.final is not None:
            return self._said_already(self.transcript.final)
        if self.transcript.open:
            waits = await self._call(self.transcript.open)
            if waits is not None:
                return waits
        while True:
            ending = await self._step()
            if ending is not None or self.live is not None:
                return ending

    def _said_already(self, step: StepRow) -> Ending:
        """End with a reply that is in the store: the model is not asked for another one."""
        said = tuple(part for part in step.message.parts if isinstance(part, Text | Refusal))
        reply = Reply(step.turn_id or self.run.id, "pointsman", said, "end_turn")
        return Ending("done", "reply", self._final(reply))

    async def finish_live(self) -> Ending | None:
        """Keep the step that was read while it came; return the run's end, None when it called tools: then ``go`` on."""
        live, self.live = self.live, None
        if live is None:
            return None
        reply, record = await self._committed(live.running)
        return await self._took(reply, record, synthesis=live.synthesis, last=live.last)

    def approved(self, words: Message) -> None:
        """The customer said yes to what the run waits for: it is done when the run goes on."""
        transcript = self.transcript
        self._risky = transcript.waiting[0].tool
        transcript.open = [
            msgspec.structs.replace(row, state="planned") if row.state == "waiting" else row for row in transcript.open
        ]
        transcript.later.append(words)
        transcript.last_step += 1

    def refused(self, ended: list[CallRow], words: Message) -> None:
        """The customer did not say yes: ``ended`` are the calls as they stand now."""
        transcript = self.transcript
        by_key = {row.key: row for row in ended}
        transcript.close([by_key.get(row.key, row) for row in transcript.open])
        transcript.messages.append(words)
        transcript.last_step += 1

    async def _step(self) -> Ending | None:
        transcript, agent = self.transcript, self.bound.agent
        last = transcript.model_steps + 1 >= agent.max_steps
        synthesis = agent.synthesis is not None and (last or transcript.drafted)
        shown = self.ask.turn.stream and (synthesis or last)
        running = await self._opened(self._turn(synthesis=synthesis, last=last, shown=shown), synthesis=synthesis)
        if shown:
            self.live = Live(running, synthesis, last)
            return None
        reply, record = await self._committed(running)
        return await self._took(reply, record, synthesis=synthesis, last=last)

    async def _took(self, reply: Reply, record: TurnRecord, *, synthesis: bool, last: bool) -> Ending | None:
        """Take a model's reply into the run: keep it, and make its calls."""
        transcript, agent = self.transcript, self.bound.agent
        reply = self._sendable(reply)
        calls = reply.tool_calls
        stuck = bool(last and calls and not reply.text)
        if last and not stuck:
            reply, calls = self._final(reply), ()
        drafted = not calls and not synthesis and not last and self._replaces(record)
        phase: Phase = "draft" if drafted else "synthesis" if synthesis else "steps"
        transcript.last_step += 1
        transcript.model_steps += 1
        transcript.drafted = drafted
        rows = self.calls.plan(transcript.last_step, calls, refused="the run has no steps left" if stuck else None)
        step = StepRow(transcript.last_step, "model", phase, record.id, as_message(reply, record.steps[-1].model))
        await self._runs.add_step(self.run.id, step, rows)
        if drafted:
            return None
        transcript.messages.append(step.message)
        if stuck:
            transcript.close(rows)
            raise AgentStopped(
                f"agent {self.bound.name} used its {agent.max_steps} steps (max_steps) and still called tools; "
                f"run {self.run.id} keeps what it did"
            )
        if calls:
            return await self._call(rows)
        return Ending("done", "max_steps" if last and agent.max_steps > 1 else "reply", self._final(reply))

    def _sendable(self, reply: Reply) -> Reply:
        """Return the reply with calls that a provider takes back: ids that occur once in the run, and names that can be sent."""
        history = (*self.run.turn.messages, *self.transcript.messages)
        used = {part.id for message in history for part in message.parts if isinstance(part, ToolCall)}
        parts: list[Part] = []
        for part in reply.parts:
            if not isinstance(part, ToolCall):
                parts.append(part)
                continue
            call_id = f"call_{new_id()}" if not part.id or part.id in used else part.id
            used.add(call_id)
            parts.append(msgspec.structs.replace(part, id=call_id, name=_sendable_name(part.name)))
        return msgspec.structs.replace(reply, parts=tuple(parts))

    def _replaces(self, record: TurnRecord) -> bool:
        """Return whether a reply of the steps' model has to be written again by the synthesis model."""
        if self.bound.agent.synthesis is None:
            return False
        return record.steps[-1].model not in self.bound.synthesis_models

    async def _call(self, rows: list[CallRow]) -> Ending | None:
        transcript = self.transcript
        transcript.open = rows
        transcript.close(await self.calls.run(rows))
        if not transcript.waiting:
            transcript.messages += transcript.later
            transcript.later = []
            return None
        agent = self.bound.agent
        reply = question(agent, self.run, transcript.waiting, bool(self.ask.explicit_conversation))
        expires = time.time_ns() // 1000 + int(agent.approval_expires_s * 1e6)
        return Ending("waiting_for_approval", "approval", self._final(reply), expires_at_us=expires)

    async def _opened(self, turn: Turn, *, synthesis: bool) -> Running:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise AgentStopped(
                f"agent {self.bound.name} ran for its {self.bound.agent.total_s:g} s (total_s) without an answer; "
                f"run {self.run.id} keeps what it did"
            )
        running = await self._begin(self._asked(turn, synthesis=synthesis))
        self.current = running
        await running.open()
        return running

    async def _committed(self, running: Running) -> tuple[Reply, TurnRecord]:
        reply = running.reply
        record = await running.commit()
        self.records.append(record)
        self._told(record)
        self._risky = None
        return reply, record

    def _asked(self, turn: Turn, *, synthesis: bool) -> Ask:
        return msgspec.structs.replace(
            self.ask,
            turn=turn,
            dialect="agent",
            body=None,
            parts=neutral_parts(turn),
            arrived_us=time.time_ns() // 1000,
            started_ns=time.perf_counter_ns(),
            routing=self.bound.synthesis if synthesis else self.bound.steps,
            open_risky_action=self._risky,
            agent=self.bound.name,
            prompt=self.bound.prompt.ref,
        )

    def _turn(self, *, synthesis: bool, last: bool, shown: bool) -> Turn:
        bound, given = self.bound, self.run.turn
        tools = tuple(tool.tool for tool in bound.tools.values())
        final = synthesis or last or bound.agent.synthesis is None
        contract = bound.agent.contract if final else None
        wanted = OutputFormat("json_schema", contract, bound.name) if contract is not None else None
        system = Message("system", (Text(bound.prompt.text.strip("\n")),))
        messages = (system, *given.messages, *self.transcript.messages)
        if synthesis and self._sealed():
            # A word of the customer's side closes the tool loop: only inside of it does a model need its own seals.
            messages = (*messages, Message("user", (Text(_CLOSING),)))
        number = str(self.transcript.model_steps + 1)
        return msgspec.structs.replace(
            given,
            model="auto",
            messages=_marked(messages),
            tools=tools,
            tool_choice=ToolChoice("none") if last and tools else None,
            # The customer's limit is on what they read; cut short, a tool call is no call.
            max_output_tokens=given.max_output_tokens if final else None,
            output_format=(given.output_format or wanted) if final else None,
            stream=shown,
            metadata={**given.metadata, "agent": bound.name, "run_id": self.run.id, "run_step": number},
        )

    def _sealed(self) -> bool:
        """Return whether the steps' model left opaque state in the history that the synthesis model cannot read."""
        known = self.bound.synthesis_models
        origins = {_sealed_by(part) for message in self.transcript.messages for part in message.parts}
        return not origins - {None} <= known

    def _final(self, reply: Reply) -> Reply:
        """Return what the customer gets: the last reply without calls and reasoning, with the usage of the whole run."""
        used: Usage | None = None
        for record in self.records:
            if record.usage is not None:
                used = record.usage if used is None else used + record.usage
        stop = "end_turn" if reply.stop_reason == "tool_use" else reply.stop_reason
        parts = tuple(part for part in reply.parts if not _is_inner(part))
        return msgspec.structs.replace(reply, parts=parts, usage=used, stop_reason=stop)


def _sendable_name(name: str) -> str:
    try:
        wire_name(name)
    except RequestError:
        return _NO_NAME
    return name


def _nobody(what: TurnRecord | CallRow) -> None:
    pass


def _marked(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Ask for the whole prompt to be cached: the next step sends it again, longer by one reply and its results.

    Providers that cache by themselves take no notice. Where the client marked places of its own, they stay the only ones.
    """
    if any(getattr(part, "cache", None) is not None for message in messages for part in message.parts):
        return messages
    last = messages[-1]
    part = last.parts[-1] if last.parts else None
    if not isinstance(part, Text | ToolResult):
        return messages
    marked = msgspec.structs.replace(part, cache=CacheMark())
    return (*messages[:-1], msgspec.structs.replace(last, parts=(*last.parts[:-1], marked)))


def _sealed_by(part: Part) -> str | None:
    if isinstance(part, Reasoning):
        return None if part.state is None else part.origin
    return part.origin if isinstance(part, ToolCall) and part.origin_state is not None else None


def _is_inner(part: Part) -> bool:
    return isinstance(part, ToolCall | Reasoning)
