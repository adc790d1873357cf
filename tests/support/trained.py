"""A store of turns to learn from, and an export of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from pointsman.domain.decision import Decision
from pointsman.domain.message import Message, Part, Text, Tool, ToolCall, ToolResult
from pointsman.domain.record import CheckRecord, Status, StepRecord, TurnRecord
from pointsman.domain.reply import Reply, StopReason
from pointsman.domain.turn import Turn
from pointsman.execution.ask import neutral_parts
from pointsman.execution.privacy.redaction import Redactor
from pointsman.learning.distill import Exported, Exporter, Settings, Target
from pointsman.learning.distill_sieve import Sieve
from pointsman.store import Store
from pointsman.store.outcomes import Feedback, OutcomeReport, Outcomes, Report, Sender

STRONG, WEAK = "openai/gpt-5.5", "openai/gpt-5-mini"
TIERS = {STRONG: "flagship", WEAK: "small"}
KEY = b"k" * 32
REDACTOR = Redactor(key=KEY)
LOOK_UP = Tool("get_order", "Look up", {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]})


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def agent(text: str) -> Message:
    return Message("assistant", (Text(text),))


def called(call_id: str, arguments: str = '{"id": "A-1"}') -> ToolCall:
    return ToolCall(call_id, "get_order", arguments)


def returned(call_id: str, text: str) -> Message:
    return Message("tool", (ToolResult(call_id, (Text(text),), "get_order"),))


class Shop:
    """Writes turns to a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.outcomes = Outcomes(store)
        self._n = 0

    def turn(  # noqa: PLR0913 - what a test may want otherwise, by name
        self,
        *asked: Message,
        said: str | Sequence[Part] = "Certainly, it will be with you on Friday.",
        conversation: str | None = None,
        model: str = STRONG,
        status: Status = "ok",
        stop: StopReason = "end_turn",
        consent: str | None = "yes",
        tools: tuple[Tool, ...] = (LOOK_UP,),
        checks: tuple[CheckRecord, ...] = (),
        simulated: bool = False,
    ) -> str:
        """Write one turn; return its id."""
        self._n += 1
        turn = Turn(asked or (user(f"Where is order number {self._n} of mine?"),), tools=tools)
        parts: Any = (Text(said),) if isinstance(said, str) else tuple(said)
        reply = Reply("r", model, parts, stop) if status == "ok" else None
        step = StepRecord("reply", model, status, 1.0, prompt="worker@abc123")
        record = TurnRecord(
            id=f"turn{self._n:04}",
            conversation_id=conversation or f"talk-{self._n}",
            at_us=1_795_000_000_000_000 + self._n,
            dialect="library",
            status=status,
            decision=Decision(
                f"turn{self._n:04}", "direct", model, "flagship", "pol1", signals={"size": {"tokens": 3}}
            ),
            steps=(step,),
            duration_ms=1.0,
            cost_usd=Decimal("0.001"),
            simulated=simulated,
            request=neutral_parts(turn),
            reply=b"" if reply is None else msgspec.json.encode(reply),
            metadata={} if consent is None else {"training_consent": consent},
            checks=checks,
        )
        self.store.append_sync(record)
        return record.id

    def feedback(self, turn: str, **said: Any) -> None:
        """Say something of a turn."""
        asyncio.run(self.outcomes.give(turn, Feedback(None, 1, **said), Sender()))

    def ended(self, conversation: str, **said: Any) -> None:
        """Report how a conversation ended."""
        self.outcomes.report_sync(Report(conversation, OutcomeReport(**said), 1))

    def export(
        self,
        folder: Path,
        target: Target = "chat",
        *,
        exclude: Sequence[Path] = (),
        runs: Sequence[Path] = (),
        sieves: Sequence[Sieve] = (),
        **settings: Any,
    ) -> Exported:
        """Export what is there."""
        chosen = Settings(target, **settings)
        exporter = Exporter(self.store, chosen, redactor=REDACTOR, key=KEY, tier_of=TIERS.get, sieves=sieves)
        return exporter.run(folder, exclude, runs)


def lines(folder: Path, *splits: str) -> list[Any]:
    """Return the lines of a set."""
    names = splits or ("train", "valid", "test")
    return [json.loads(line) for name in names for line in (folder / f"{name}.jsonl").read_text().splitlines()]
