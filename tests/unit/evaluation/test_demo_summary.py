from __future__ import annotations

from decimal import Decimal

import pytest

from pointsman.domain.decision import Decision, Tier
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.evaluation.demo_run import Exchange
from pointsman.evaluation.demo_summary import DemoSummary, PlayedTurn, summarise


def record(route: str, model: str, tier: Tier, cost: str | None, *failed: str) -> TurnRecord:
    answered = "p/other" if failed else model
    steps = [StepRecord("reply", name, "error", 1.0, http_status=503, error_code="overloaded") for name in failed]
    steps.append(StepRecord("reply", answered, "ok", 1.0))
    return TurnRecord(
        id=f"{route}-{model}",
        conversation_id="c",
        at_us=1,
        dialect="openai",
        status="ok",
        decision=Decision("d", route, model, tier, "abc", decided_us=100.0),
        steps=tuple(steps),
        duration_ms=1.0,
        cost_usd=None if cost is None else Decimal(cost),
        flagship_model="p/big",
        flagship_cost_usd=Decimal(1),
        simulated=True,
    )


def total(turns: list[PlayedTurn]) -> DemoSummary:
    return summarise(turns, {"p/small": "small", "p/mid": "mid"})


def played(*records: TurnRecord | None, error: str | None = None, rejected: str | None = None) -> PlayedTurn:
    exchanges = tuple(Exchange("c", 1, "hi", "d", 200, error=error, rejected=rejected) for _ in records)
    return PlayedTurn("c", "chat", "hi", 1, exchanges, records)


def test_both_bills_are_added_from_the_stored_records() -> None:
    summary = total(
        [
            played(record("tools", "p/mid", "mid", "0.2"), record("tools", "p/mid", "mid", "0.1")),
            played(record("direct", "p/small", "small", "0.1")),
        ]
    )

    assert (summary.cost_usd, summary.flagship_cost_usd) == (Decimal("0.4"), Decimal(3))
    assert summary.saved == pytest.approx(1 - 0.4 / 3)
    assert [(one.name, one.turns, one.requests, one.cost_usd) for one in summary.routes] == [
        ("tools", 1, 2, Decimal("0.3")),
        ("direct", 1, 1, Decimal("0.1")),
    ]
    assert [(one.name, one.tier) for one in summary.models] == [("p/mid", "mid"), ("p/small", "small")]
    assert (summary.turns, summary.requests, summary.simulated) == (2, 3, True)


def test_one_unknown_cost_makes_the_bill_unknown() -> None:
    summary = total([played(record("tools", "p/mid", "mid", None)), played(record("tools", "p/mid", "mid", "1"))])

    assert summary.cost_usd is None
    assert summary.saved is None


def test_a_fallback_names_who_failed_and_who_answered() -> None:
    summary = total([played(record("direct", "p/small", "small", "0.1", "p/small"))])

    (seen,) = summary.fallbacks
    assert (seen.decided, seen.answered, seen.failures) == ("p/small", "p/other", ("p/small: 503 overloaded",))


def test_errors_rejections_and_missing_records_are_told() -> None:
    good = record("direct", "p/small", "small", "0.1")
    summary = total([played(good, error="broke"), played(good, rejected="not JSON"), played(None)])

    assert [(one.kind, one.text) for one in summary.troubles] == [("error", "200: broke"), ("rejected", "not JSON")]
    assert summary.missing_records == 1


def test_nothing_played_is_no_figure() -> None:
    summary = total([])

    assert (summary.simulated, summary.decided_us_p50, summary.saved) == (False, None, None)
