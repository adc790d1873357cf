from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from pointsman.domain.record import TurnRecord
from pointsman.domain.usage import Usage
from pointsman.errors import StoreError
from pointsman.store import Store, TurnFilter

MakeRecord = Callable[..., TurnRecord]


def test_an_empty_store_has_no_groups(store: Store) -> None:
    assert store.report() == []
    assert store.report(("route", "model")) == []


def test_groups_add_up_and_unknown_is_counted_not_added(store: Store, make: MakeRecord) -> None:
    store.append_sync(make(1))
    store.append_sync(make(2, usage=None, cost_usd=None, ttft_ms=None, status="error", stream=False))
    store.append_sync(make(3, flagship_cost_usd=None, status="cancelled", simulated=True))
    store.append_sync(make(4, decision=msgspec.structs.replace(make(4).decision, route="plan", intent=None)))
    whole = store.report()[0]
    assert (whole.turns, whole.errors, whole.cancelled, whole.simulated) == (4, 1, 1, 1)
    assert (whole.cost_known, whole.cost_usd) == (3, 3 * Decimal("0.00071"))
    assert (whole.both_known, whole.compared_usd) == (2, 2 * Decimal("0.00071"))
    assert (whole.flagship_usd, whole.saving_usd) == (Decimal("0.0071"), Decimal("0.00568"))
    assert (whole.usage_known, whole.input_uncached, whole.cache_read, whole.cache_write) == (3, 900, 300, None)
    assert whole.tokens_per_s == pytest.approx(80 / 0.43)
    tools, plan = store.report(("route", "intent"))
    assert (tools.by, tools.turns) == ({"route": "tools", "intent": "refund"}, 3)
    assert (plan.by, plan.turns) == ({"route": "plan", "intent": None}, 1)


def test_a_group_of_which_nothing_is_known_says_so(store: Store, make: MakeRecord) -> None:
    store.append_sync(make(1, usage=None, cost_usd=None, ttft_ms=None))
    row = store.report(("model",))[0]
    unknown = (row.cost_usd, row.saving_usd, row.output, row.ttft_p50_ms, row.ttft_p95_ms, row.tokens_per_s)
    assert unknown == (None,) * 6
    assert (row.cost_known, row.ttft_n, row.usage_known) == (0, 0, 0)


def test_quantiles_are_measured_values_per_group(store: Store, make: MakeRecord) -> None:
    plan = msgspec.structs.replace(make(1).decision, route="plan")
    for n in range(1, 101):
        store.append_sync(make(n, ttft_ms=float(101 - n)))
    store.append_sync(make(200, decision=plan, ttft_ms=7.0))
    tools, alone = store.report(("route",))
    assert (tools.ttft_n, tools.ttft_p50_ms, tools.ttft_p95_ms) == (100, 50.0, 95.0)
    assert (alone.ttft_n, alone.ttft_p50_ms, alone.ttft_p95_ms) == (1, 7.0, 7.0)


def test_sums_stay_exact_beyond_what_one_integer_holds(store: Store, make: MakeRecord) -> None:
    much = Decimal("8999999.999999999999")
    for n in range(4):
        store.append_sync(make(n, cost_usd=much, flagship_cost_usd=much))
    row = store.report()[0]
    assert (row.cost_usd, row.saving_usd) == (4 * much, Decimal(0))


def test_a_report_takes_times_and_filters(store: Store, make: MakeRecord) -> None:
    for n in range(1, 6):
        store.append_sync(make(n, usage=Usage(n, 0)))
    assert store.report((), make(2).at_us, make(5).at_us)[0].input_uncached == 2 + 3 + 4
    assert store.report(("status",), filters=TurnFilter(conversation="nobody")) == []


def test_an_unknown_dimension_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="route, model"):
        store.report(("route; DROP TABLE turn",))


def test_a_kind_of_token_that_some_turns_do_not_report_is_known_for_fewer(store: Store, make: MakeRecord) -> None:
    store.append_sync(make(1, usage=Usage(300, 80, cache_read=0)))
    store.append_sync(make(2, usage=Usage(300, 80)))
    store.append_sync(make(3, usage=None))
    whole = store.report()[0]
    assert (whole.cache_read, whole.cache_read_known, whole.usage_known) == (0, 1, 2)
    assert (whole.reasoning, whole.reasoning_known) == (None, 0)
