"""Recorded turns for shadow checks, and their replies."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from pointsman.domain.decision import Decision
from pointsman.domain.message import Text
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.usage import Usage

HAIKU, OPUS, MINI = "anthropic/claude-haiku-4-5", "anthropic/claude-opus-4-8", "openai/gpt-5-mini"
AT_US = 1_795_000_000_000_000
"""2026-11-18, 11:06:40 UTC."""
Make = Callable[..., TurnRecord]


def reply(text: str = "It ships on Monday.", *parts: Any) -> bytes:
    """Return a reply as it is stored."""
    return msgspec.json.encode(Reply("r", "m", (*((Text(text),) if text else ()), *parts), "end_turn", Usage(100, 20)))


def make(n: int, *, confidence: float | None = None, model: str = HAIKU, **changes: Any) -> TurnRecord:
    """Return the n-th turn; keywords change it."""
    decision = Decision(
        id=f"turn{n:05}",
        route=changes.pop("route", "direct"),
        model=model,
        tier=changes.pop("tier", "small"),
        policy="p",
        confidence=confidence,
        intent=changes.pop("intent", "order status"),
        signals=changes.pop("signals", {}),
        excluded=changes.pop("excluded", ()),
    )
    cost = changes.pop("cost", Decimal("0.001"))
    step = StepRecord("reply", model, "ok", 500.0, usage=Usage(100, 20), cost_usd=cost)
    base = TurnRecord(
        id=f"turn{n:05}",
        conversation_id=f"conv{n:05}",
        at_us=AT_US + n * 1_000_000,
        dialect="openai_chat",
        status="ok",
        decision=decision,
        steps=(step,),
        duration_ms=500.0,
        usage=Usage(100, 20),
        cost_usd=cost,
        flagship_model=OPUS,
        flagship_cost_usd=Decimal("0.005"),
        request=(("params", b'{"model":"auto"}'), ("message", b'{"role":"user","content":"Where is my order?"}')),
        reply=reply(),
    )
    return msgspec.structs.replace(base, **changes)
