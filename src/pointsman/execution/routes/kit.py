"""What the stages of routes have in common: who may be asked, what is remembered, and how a conversation is shown to a helper."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.domain.decision import TIERS, Reason
from pointsman.domain.message import Document, Image, Message, Part, Text, ToolCall, ToolResult
from pointsman.domain.turn import Turn
from pointsman.execution.ask import Ask
from pointsman.execution.prompts import PromptBook, delimited
from pointsman.execution.routes.latency import LatencyBook
from pointsman.execution.work import Desk
from pointsman.routing.policy import Policy

_LABELS = {"user": "customer", "assistant": "agent", "tool": "tool results"}


class Room(msgspec.Struct, frozen=True):
    """How long a call may take, in seconds; ``refused``: why it may not be made at all."""

    limit_s: float
    refused: str | None = None


class Kit(msgspec.Struct, frozen=True):
    """What every stage of a route works with. ``recall`` gives what is remembered of a conversation, as text for a prompt."""

    policy: Policy
    catalog: Catalog
    prompts: PromptBook
    recall: Callable[[Ask], str]
    latency: LatencyBook

    def now(self) -> datetime:
        """Return the time, for prices."""
        return datetime.now(UTC)

    def models(self, desk: Desk, target: str, *, structured: bool = False) -> tuple[str, ...]:
        """Return the models meant by a tier or a model id that may see this turn, in the policy's order.

        Eligibility was decided for the turn itself, its personal data included, so a helper never sees a turn that it could
        not have answered. ``structured``: only models that can be held to a JSON Schema.
        """
        names = self.policy.tiers.models(target) if target in TIERS else (target,)
        return self.eligible(desk, names, structured=structured)

    def eligible(self, desk: Desk, names: tuple[str, ...], *, structured: bool = False) -> tuple[str, ...]:
        """Return those of ``names`` that may see this turn."""
        may = frozenset(desk.decision.eligible)
        found = [name for name in names if name in may]
        if structured:
            found = [name for name in found if self.catalog.get(name).structured_output == "json_schema"]
        return tuple(found)

    def room(self, desk: Desk, purpose: str, models: tuple[str, ...], answering: str, limit_s: float) -> Room:
        """Return how long a call before the reply may take, and why it may not be made at all.

        Where the channel has a budget, what is left of it after the first token of ``answering`` is all there is. What a call
        takes is learned; one that is not known yet may try, and is cut off when the budget is used up.
        """
        turn = desk.ask.turn
        budget = self.policy.voice.budget_ms if turn.channel == "voice" else None
        if budget is None:
            return Room(limit_s)
        spent = (time.perf_counter_ns() - desk.ask.started_ns) / 1e6
        tokens = desk.decision.signals.get("size", {}).get("prompt_tokens", 0)
        left = budget - spent - (self.latency.first_ms(answering, tokens) or 0.0)
        takes = self.latency.whole_ms(models[0], purpose)
        if left <= 0 or (takes is not None and takes > left):
            known = "an unknown time" if takes is None else f"{takes:,.0f} ms (p95)"
            return Room(
                0.0, f"{models[0]} takes {known} for it and {max(left, 0):,.0f} ms of the voice budget are left"
            )
        return Room(min(limit_s, left / 1000))

    def answered(self, desk: Desk, purpose: str, models: tuple[str, ...]) -> str:
        """Return which of ``models`` gave the last reply for ``purpose``."""
        done = (step.model for step in reversed(desk.steps) if step.purpose == purpose and step.status == "ok")
        return next(done, models[0])


def explain(desk: Desk, kind: str, name: str, text: str) -> None:
    """Add a reason to the turn's decision."""
    desk.take(msgspec.structs.replace(desk.decision, reasons=(Reason(kind, name, text),)))


def transcript(turn: Turn, closing: str, last: int | None = None) -> Message:
    """Return a conversation as one message of data, without its system prompt: no provider refuses that, and nothing in it rules.

    Images and documents follow the text. ``closing`` is said after it; ``last`` keeps only so many messages.
    """
    messages = [message for message in turn.messages if message.role != "system"]
    kept = messages if last is None else messages[-last:]
    lines = [f"{_LABELS[message.role]}: {_told(message)}" for message in kept]
    media = [part for message in kept for part in _media(message)]
    return Message("user", (Text(delimited("conversation", "\n\n".join(lines))), *media, Text(closing)))


def instructions(turn: Turn) -> str:
    """Return the operator's own words: the system messages of a turn."""
    return "\n\n".join(message.text for message in turn.messages if message.role == "system")


def with_instructions(turn: Turn, text: str) -> Turn:
    """Return the turn with a further system message behind those that open it."""
    place = next((n for n, message in enumerate(turn.messages) if message.role != "system"), len(turn.messages))
    added = Message("system", (Text(text),))
    return msgspec.structs.replace(turn, messages=(*turn.messages[:place], added, *turn.messages[place:]))


def _told(message: Message) -> str:
    return "\n".join(told for part in message.parts if (told := _part(part)))


def _part(part: Part) -> str:
    match part:
        case Text():
            return part.text
        case ToolCall():
            return f"[calls {part.name} with {part.arguments}]"
        case ToolResult():
            inner = "\n".join(one.text for one in part.content if isinstance(one, Text))
            return f"[{part.name or part.call_id} {'failed' if part.is_error else 'gave'}: {inner}]"
        case Image() | Document():
            return f"[{type(part).__name__.lower()} attached below]"
        case _:
            return ""


def _media(message: Message) -> list[Image | Document]:
    found: list[Image | Document] = []
    for part in message.parts:
        inner = part.content if isinstance(part, ToolResult) else (part,)
        found += [one for one in inner if isinstance(one, Image | Document)]
    return found
