"""Lets a conversation run on freely: recorded tool results answer the calls, recorded words stand for the customer.

A case that brings a world is acted on, in the run's own copy of it (``worlds``). On a tape nothing is executed: a call is
answered by the recorded result of the same call (name and arguments, as canonical JSON), each used in turn; a look-up that is
repeated gets its last result again. A call that the tape does not hold ends the run: from there on nobody knows what would have
happened. That point is kept.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from pointsman.domain.message import Message, Text, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.evaluation.answers import Answer, EndState, Way
from pointsman.evaluation.cases import Case, Taped
from pointsman.execution.routes.tool_words import may_write

MOST_CALLS = 100
"""Model calls of one run; a longer one goes in circles."""

AskAt = Callable[[Turn, bytes], Awaitable[Answer | None]]
"""Asks the model at a point of the conversation; the second is a hash of how it came there. None: no money is left."""


class Tape:
    """The recorded results of one case."""

    def __init__(self, taped: tuple[Taped, ...]) -> None:
        self._left: dict[str, deque[Taped]] = defaultdict(deque)
        for one in taped:
            self._left[_name(one.name, one.arguments)].append(one)
        self._last: dict[str, Taped] = {}
        self.left = len(taped)

    def answer(self, call: ToolCall) -> ToolResult | None:
        """Return the result that was recorded for this call; None where there is none."""
        try:
            arguments = msgspec.json.decode(call.arguments or "{}")
        except (msgspec.DecodeError, RecursionError):
            return None
        name = _name(call.name, arguments)
        if self._left[name]:
            found = self._last[name] = self._left[name].popleft()
            self.left -= 1
        elif name in self._last and not may_write(call.name):
            found = self._last[name]
        else:
            return None
        return msgspec.structs.replace(found.result, call_id=call.id, name=found.result.name)


class _Sums:
    """What the calls of one run add up to; what one of them does not know, the sum does not know."""

    def __init__(self) -> None:
        self.calls = 0
        self._usage: Usage | None = None
        self._usd: Decimal | None = Decimal(0)
        self._ms: float | None = 0.0
        self._ttft: float | None = None
        self._known = True

    def add(self, answer: Answer) -> None:
        if not self.calls:
            self._ttft = answer.ttft_ms
        self.calls += 1
        self._usd = None if self._usd is None or answer.cost_usd is None else self._usd + answer.cost_usd
        self._ms = None if self._ms is None or answer.latency_ms is None else self._ms + answer.latency_ms
        self._known = self._known and answer.usage is not None
        if answer.usage is not None:
            self._usage = answer.usage if self._usage is None else self._usage + answer.usage

    def put(self, answer: Answer) -> Answer:
        return msgspec.structs.replace(
            answer,
            usage=self._usage if self._known else None,
            cost_usd=self._usd,
            latency_ms=self._ms,
            ttft_ms=self._ttft,
        )


class Acts(Protocol):
    """A world that answers calls by acting on it. ``problem`` says why a call has no answer."""

    problem: str

    async def answer(self, call: ToolCall) -> ToolResult | None:
        """Return what the tool says; None where the run cannot go on."""
        ...

    async def end(self) -> EndState:
        """Judge the state that the run left behind."""
        ...


async def run_free(case: Case, ask: AskAt, world: Acts | None = None) -> Answer | None:
    """Return the whole run as one answer: every call the model made, its last words, and how it went.

    In a ``world`` calls are acted out, on this run's own copy of it; without one the tape answers them.
    """
    if world is None:
        return await _run(case, ask, None)
    try:
        answer = await _run(case, ask, world)
    finally:
        state = await world.end()
    if answer is None or answer.way is None:
        return answer
    return msgspec.structs.replace(answer, way=msgspec.structs.replace(answer.way, state=state))


async def _run(case: Case, ask: AskAt, world: Acts | None) -> Answer | None:
    tape, customer, sums = Tape(case.tape), deque(case.customer), _Sums()
    said: list[Message] = []
    made: list[Any] = []
    while True:
        turn = msgspec.structs.replace(case.turn, messages=(*case.turn.messages, *said))
        answer = await ask(turn, _step(said))
        if answer is None:
            return None
        sums.add(answer)
        if answer.reply is None:
            return sums.put(_ended(answer, made, Way(tuple(said), sums.calls, whole=False, divergence="no reply")))
        said.append(Message("assistant", answer.reply.parts))
        calls = answer.reply.tool_calls
        made += calls
        results = [await world.answer(call) if world is not None else tape.answer(call) for call in calls]
        lost = [call for call, result in zip(calls, results, strict=True) if result is None]
        if lost and world is not None:
            way = Way(tuple(said), sums.calls, whole=False, diverged_at=sums.calls, divergence=world.problem)
            return sums.put(_ended(answer, made, way))
        if lost:
            return sums.put(_ended(answer, made, _left(lost, said, sums.calls)))
        if calls:
            said.append(Message("tool", tuple(result for result in results if result is not None)))
        elif customer:
            said.append(customer.popleft())
        else:
            break
        if sums.calls >= MOST_CALLS:
            way = Way(tuple(said), sums.calls, whole=False, divergence=f"not at an end after {MOST_CALLS} calls")
            return sums.put(_ended(answer, made, way))
    return sums.put(_ended(answer, made, Way(tuple(said), sums.calls, whole=tape.left == 0 or world is not None)))


def _ended(answer: Answer, made: list[Any], way: Way) -> Answer:
    reply = answer.reply
    if reply is not None:
        words = tuple(part for part in reply.parts if type(part) is Text)
        reply = Reply(reply.id, reply.model, (*made, *words), reply.stop_reason)
    return msgspec.structs.replace(answer, reply=reply, way=way)


def _left(lost: list[ToolCall], said: list[Message], calls: int) -> Way:
    first = lost[0]
    writes = sum(may_write(call.name) for call in lost)
    what = f"{first.name}({first.arguments[:160]}) is not on the tape"
    if writes:
        what += "; it may change something and was not executed" if may_write(first.name) else ""
    return Way(tuple(said), calls, whole=False, diverged_at=calls, divergence=what, writes_blocked=writes)


def _name(name: str, arguments: Any) -> str:
    return f"{name} {msgspec.json.encode(arguments, order='deterministic').decode()}"


def _step(said: list[Message]) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(said), digest_size=16).digest() if said else b""
