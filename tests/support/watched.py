"""Turns by the minute for monitors: how many, how many of them bad, in what way."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from pointsman.domain.decision import Decision
from pointsman.domain.record import CheckRecord, StepRecord, TurnRecord
from pointsman.store import Store

MINUTE_US = 60_000_000
START = 29_500_000
"""A minute in 2026, a Wednesday."""
MODEL, OTHER = "openai/gpt-5-mini", "anthropic/claude-haiku-4-5"


def turn(name: str, minute: int, **changes: Any) -> TurnRecord:
    """Make a turn that arrived in a minute. ``bad`` (status), ``tool_ok``, ``conforms``, ``model``, ``tier``, ``cost`` ..."""
    model, status = changes.pop("model", MODEL), changes.pop("status", "ok")
    cost, tool_ok, conforms = (changes.pop(one, None) for one in ("cost", "tool_ok", "conforms"))
    checks = []
    if tool_ok is not None:
        checks.append(CheckRecord("arguments refund@1", tool_ok, model, "released" if tool_ok else "retried"))
    if conforms is not None:
        checks.append(CheckRecord("contract answer@1", conforms, model, "released" if conforms else "failed"))
    served = changes.pop("served", model.partition("/")[2])
    step = StepRecord("reply", model, status, 500.0, upstream_model=served)
    decision = Decision(
        id=name,
        route=changes.pop("route", "tools"),
        model=model,
        tier=changes.pop("tier", "small"),
        policy="p",
        intent=changes.pop("intent", None),
    )
    return TurnRecord(
        id=name,
        conversation_id=changes.pop("conversation", f"c-{name}"),
        at_us=minute * MINUTE_US + 1,
        dialect="openai_chat",
        status=status,
        decision=decision,
        steps=(step,),
        duration_ms=520.0,
        http_status=200 if status != "error" else 502,
        cost_usd=Decimal(str(cost)) if cost is not None else Decimal("0.001"),
        checks=tuple(checks),
        **changes,
    )


def minutes(store: Store, start: int, many: int, *, n: int, bad: int = 0, **changes: Any) -> None:
    """Write ``n`` turns in each of ``many`` minutes, ``bad`` of every ten as ``how`` says (default: failed)."""
    how = changes.pop("how", {"status": "error"})
    serial = store.count()
    records = []
    for minute in range(start, start + many):
        for _ in range(n):
            serial += 1
            more = {**changes, **how} if serial % 10 < bad else changes
            records.append(turn(f"turn_{serial}", minute, **more))
    write(store, records)


def write(store: Store, records: list[TurnRecord]) -> None:
    """Write turns together: a commit for each would take most of a test's time."""

    async def all_of_them() -> None:
        await asyncio.gather(*(store.append(record) for record in records))

    asyncio.run(all_of_them())
