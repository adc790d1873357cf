"""Calls summed up by model and purpose."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.store import TurnFilter, open_store

MakeRecord = Callable[..., TurnRecord]


def step(purpose: str, model: str, cost: str | None, status: str = "ok") -> StepRecord:
    return msgspec.convert(
        {
            "purpose": purpose,
            "model": model,
            "status": status,
            "duration_ms": 1.0,
            "usage": Usage(input_uncached=10, output=2) if status != "error" else None,
            "cost_usd": None if cost is None else Decimal(cost),
        },
        StepRecord,
        from_attributes=True,
    )


def test_each_model_bears_its_own_calls(tmp_path: Path, make: MakeRecord) -> None:
    planned = msgspec.structs.replace(
        make(1),
        steps=(
            step("plan", "p/big", "0.02"),
            step("reply", "p/small", None, "error"),
            step("reply", "p/small", "0.001"),
        ),
    )
    plain = msgspec.structs.replace(make(2), steps=(step("reply", "p/small", None),))
    with open_store(f"sqlite:///{tmp_path / 's.db'}") as store:
        store.append_sync(planned)
        store.append_sync(plain)
        small, big = store.calls()
        assert (small.model, small.purpose, small.calls, small.turns, small.failed) == ("p/small", "reply", 3, 2, 1)
        assert (small.billed, small.cost_known, small.cost_usd, small.input) == (2, 1, Decimal("0.001"), 20)
        assert (big.model, big.purpose, big.cost_usd) == ("p/big", "plan", Decimal("0.02"))
        assert [row.calls for row in store.calls(filters=TurnFilter(model="p/none"))] == []
