"""Memory of conversations: what a finished turn leaves behind for the next one.

Only a conversation that the client named has a memory: a derived id may be shared by customers who opened with the same words.
Where the policy confines or redacts personal data, memory holds tokens in its place, since the next turn may go elsewhere;
of a turn with sensitive data only the flags are kept.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec

from pointsman.domain.decision import Decision
from pointsman.domain.memory import NO_MEMORY, Fact, Memory
from pointsman.domain.message import Message, Text
from pointsman.domain.record import Handoff
from pointsman.domain.reply import Reply
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.errors import PointsmanError
from pointsman.execution.ask import Ask
from pointsman.execution.privacy.redaction import Redactor
from pointsman.routing.reading import Reading
from pointsman.routing.sections_memory import MemorySection
from pointsman.routing.signals.history import measure as measure_history
from pointsman.store.memory import Memories, Place

_log = logging.getLogger(__name__)

_DAY_US: Final = 86_400_000_000
_TAIL: Final = 6
_VALUE: Final = 200
_PROMISES: Final = 5
_CUSTOMER_NAMES: Final = ("user", "user_id", "customer", "customer_id")
_BETWEEN: Final = re.compile(r"(?<=[.!?])\s+|\n")
_PROMISE: Final = re.compile(
    r"\b(?:(?:i|we)(?:'ll|’ll| will| am going to| are going to)|you(?:'ll|’ll| will) (?:receive|get|hear|have)"
    r"|(?:has|have) been (?:scheduled|booked|promised)|ich werde|wir werden|nous allons|je vais|vamos a|voy a)\b",
    re.IGNORECASE,
)
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class MemoryBook:
    """Reads and writes what is remembered. ``redactor`` takes personal data out before anything is kept; None: not asked for."""

    def __init__(
        self,
        memories: Memories,
        bounds: MemorySection,
        redactor: Redactor | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._memories = memories
        self._bounds = bounds
        self._redactor = redactor
        self._clock = clock

    def recall(self, ask: Ask) -> Memory:
        """Return what is known of the turn's conversation; nothing where the client did not name it or the store is away."""
        if not ask.explicit_conversation or not self._bounds.keep:
            return NO_MEMORY
        try:
            return self._memories.recall(self._place(ask), self._now_us())
        except PointsmanError as error:
            _log.warning("the memory of a conversation cannot be read: %s", error)
            return NO_MEMORY

    def note(
        self, ask: Ask, decision: Decision, reply: Reply, handoffs: Iterable[Handoff] = ()
    ) -> Awaitable[None] | None:
        """Begin to write what a turn that went well leaves behind; None when that is nothing.

        Called before the turn's record is handed over, it becomes durable with it, in the same commit. A failure is logged and
        never the turn's.
        """
        if not ask.explicit_conversation or not self._bounds.keep:
            return None
        learned = self._learned(ask, decision, reply, handoffs)
        before = self.recall(ask)
        if self._merged(before, learned) == before:
            return None
        return asyncio.ensure_future(self._write(ask, learned))

    def remember(self, ask: Ask, learned: Memory) -> Awaitable[None]:
        """Add to a conversation's memory from elsewhere (a tool, an agent run); see ``Memory`` for the fields."""
        return asyncio.ensure_future(self._write(ask, self._clean(learned)))

    async def _write(self, ask: Ask, learned: Memory) -> None:
        try:
            await self._memories.change(
                self._place(ask),
                lambda before: self._merged(before, learned),
                customer=self.customer(ask.turn.metadata),
                now_us=self._now_us(),
                ttl_us=round(self._bounds.ttl_days * _DAY_US),
            )
        except PointsmanError as error:
            _log.warning("the memory of a conversation was not written: %s", error)

    def customer(self, metadata: dict[str, str]) -> str | None:
        """Return the customer a request names, as it is stored."""
        named = next((metadata[name] for name in _CUSTOMER_NAMES if metadata.get(name)), None)
        return named if named is None or self._redactor is None else self._redactor.text(named)

    def _place(self, ask: Ask) -> Place:
        name = ask.conversation_id if self._redactor is None else self._redactor.name(ask.conversation_id)
        return ask.key_id, name

    def _now_us(self) -> int:
        return self._clock() // 1000

    def _learned(self, ask: Ask, decision: Decision, reply: Reply, handoffs: Iterable[Handoff]) -> Memory:
        plan = plan_of(handoffs)
        flags = Memory(
            open_risky_action=_planned_action(plan) or open_risky_action(ask.turn, reply),
            escalated=escalated(decision) or _plan_escalates(plan),
        )
        if self._withheld(decision):
            return flags
        return self._clean(
            msgspec.structs.replace(
                flags,
                plan=plan,
                facts=tuple(_facts(plan, reply, decision.id, self._now_us())),
                promised=self.promises(decision, reply),
            )
        )

    def promises(self, decision: Decision, reply: Reply) -> tuple[str, ...]:
        """Return what the agent commits itself to in a reply, fit to travel with the next turn."""
        if self._withheld(decision):
            return ()
        return promises(reply, str if self._redactor is None else self._redactor.text)

    def _withheld(self, decision: Decision) -> bool:
        """Return whether a turn's words may not go where the next turn goes: health, for one, has no token."""
        return self._redactor is not None and bool(decision.signals.get("personal_data", {}).get("sensitive"))

    def _clean(self, memory: Memory) -> Memory:
        redactor = self._redactor
        if redactor is None:
            return memory
        return msgspec.structs.replace(
            memory,
            plan=None if memory.plan is None else redactor.json_bytes(memory.plan),
            facts=tuple(
                msgspec.structs.replace(
                    fact, name=redactor.text(fact.name), value=redactor.value(fact.value, fact.name)
                )
                for fact in memory.facts
            ),
            promised=tuple(map(redactor.text, memory.promised)),
        )

    def _merged(self, before: Memory, learned: Memory) -> Memory:
        """Add what was learned: a new plan replaces the old one, an open action lasts one turn, an escalation stays."""
        known = {fact.name: fact.value for fact in before.facts}
        fresh = [fact for fact in learned.facts if known.get(fact.name) != fact.value]
        names = {fact.name for fact in fresh}
        facts = [fact for fact in before.facts if fact.name not in names] + fresh
        promised = tuple(dict.fromkeys((*before.promised, *learned.promised)))[-_PROMISES:]
        memory = Memory(
            plan=learned.plan or before.plan,
            facts=tuple(facts[-self._bounds.max_facts :] if self._bounds.max_facts else ()),
            open_risky_action=learned.open_risky_action,
            escalated=before.escalated or learned.escalated,
            promised=promised,
        )
        return _within(memory, self._bounds.max_bytes)


def _within(memory: Memory, most: int) -> Memory:
    """Drop the oldest facts, then the oldest promises, then the plan, until the memory is small enough."""
    while len(msgspec.msgpack.encode(memory)) > most:
        if memory.facts:
            dropped = max(1, len(memory.facts) // 8)
            memory = msgspec.structs.replace(memory, facts=memory.facts[dropped:])
        elif memory.promised:
            memory = msgspec.structs.replace(memory, promised=memory.promised[1:])
        elif memory.plan is not None:
            memory = msgspec.structs.replace(memory, plan=None)
        else:
            break
    return memory


def open_risky_action(turn: Turn, reply: Reply) -> str | None:
    """Return the kind of risky action for which ``reply`` asks the customer's leave, as the history signal sees it."""
    said = Message("assistant", reply.parts)
    nothing_yet = Message("user", (Text("…"),))
    read = Reading.of(Turn(messages=(*turn.messages[-_TAIL:], said, nothing_yet)))
    return measure_history(read, EMPTY_SESSION).open_risky_action or None


def escalated(decision: Decision) -> bool:
    """Return whether the turn was about handing the case to a person."""
    history = decision.signals.get("history", {})
    if history.get("escalated") or decision.signals.get("sentiment", {}).get("asks_human"):
        return True
    return any(reason.kind == "plan" and reason.name == "escalate" for reason in decision.reasons)


def promises(reply: Reply, clean: Callable[[str], str] = str) -> tuple[str, ...]:
    """Return the sentences of a reply in which the agent commits itself; ``clean`` sees the text before it is cut up."""
    text = "\n".join(part.text for part in reply.parts if isinstance(part, Text))[:20_000]
    found = [_line(sentence) for sentence in _BETWEEN.split(clean(text)) if _PROMISE.search(sentence)]
    return tuple(found[:_PROMISES])


def render(memory: Memory) -> str:
    """Return the memory for a prompt, one line each; empty when there is none. Put it where the prompt delimits data."""
    lines = []
    if memory.open_risky_action:
        lines.append(f"waits for the customer's word: {_line(memory.open_risky_action)}")
    if memory.escalated:
        lines.append("the case was or is being handed to a person")
    lines += [f"promised: {_line(promise)}" for promise in memory.promised]
    lines += [f"{_line(fact.name)}: {_line(fact.value)}" for fact in memory.facts]
    if memory.plan is not None:
        lines.append(f"last plan: {_line(memory.plan.decode('utf-8', 'replace'), 2000)}")
    return "\n".join(lines)


def _line(text: str, most: int = _VALUE) -> str:
    line = _SPACE.sub(" ", text).strip()
    return line if len(line) <= most else line[: most - 1] + "…"


def _plan(raw: bytes | None) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any]) if raw else {}
    except msgspec.MsgspecError:
        return {}


def planned(raw: bytes | None) -> tuple[str | None, str | None]:
    """Return what a plan wants next and the tool it names for it; None for what it does not say."""
    plan = _plan(raw)
    action, tool = plan.get("next_action"), plan.get("tool")
    return action if isinstance(action, str) else None, tool if isinstance(tool, str) and tool else None


def plan_of(handoffs: Iterable[Handoff]) -> bytes | None:
    """Return the plan that was handed over in a turn; None where none was."""
    return next((bytes(handoff.artifact) for handoff in handoffs if handoff.kind == "plan"), None)


def _planned_action(raw: bytes | None) -> str | None:
    """A risky plan that asks first leaves its action open."""
    plan = _plan(raw)
    if plan.get("risk") != "high" or plan.get("next_action") != "ask_clarifying":
        return None
    return _line(str(plan.get("tool") or plan.get("intent") or "")) or None


def _plan_escalates(raw: bytes | None) -> bool:
    return _plan(raw).get("next_action") == "escalate"


def _facts(plan: bytes | None, reply: Reply, turn_id: str, at_us: int) -> Iterable[Fact]:
    """Yield what the plan and the reply's tool calls name: plain values under the names of arguments."""
    sources: list[Any] = [_plan(plan).get("arguments")]
    sources += [_plan(call.arguments.encode("utf-8", "replace")) for call in reply.tool_calls]
    for source in sources:
        for name, value in source.items() if isinstance(source, dict) else ():
            if (
                isinstance(value, str | int | float)
                and not isinstance(value, bool)
                and len(str(value)) <= _VALUE
                and value != ""
            ):
                yield Fact(_line(str(name)), _line(str(value)), turn_id, at_us)
