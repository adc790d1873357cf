from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.intervals import wilson
from pointsman.evaluation.bench_sums import cost_per_1k, counted, quantile, share_of


def test_a_share_without_repeats_has_wilsons_interval() -> None:
    found = share_of([True] * 18 + [False] * 2, list(range(20)))
    assert (found.n, found.cases, found.share) == (20, 20, 0.9)
    assert (found.low, found.high) == pytest.approx(wilson(18, 20))


def test_repeats_that_always_agree_are_worth_one_case_each() -> None:
    values = [case < 8 for case in range(10) for _ in range(5)]
    found = share_of(values, [case for case in range(10) for _ in range(5)])
    once = share_of([case < 8 for case in range(10)], list(range(10)))
    assert found.low is not None
    assert once.low is not None
    assert found.low == pytest.approx(once.low, abs=0.02)


def test_repeats_without_a_failure_keep_the_width_of_their_cases() -> None:
    found = share_of([True] * 50, [n // 5 for n in range(50)])
    assert (found.low, found.high) == pytest.approx(wilson(10, 10))


def test_nothing_asked_gives_no_share() -> None:
    assert share_of([], []).share is None
    assert quantile([], 0.5).value is None


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=120), st.sampled_from([0.5, 0.95]))
def test_bounds_of_a_quantile_are_values_around_it(values: list[float], q: float) -> None:
    found = quantile(values, q)
    assert found.value is not None
    assert min(values) <= found.value <= max(values)
    assert found.low is None or (found.low in values and found.low <= found.value)
    assert found.high is None or (found.high in values and found.high >= found.value)


def test_an_upper_bound_of_p95_needs_72_values() -> None:
    assert quantile([1.0] * 71, 0.95).high is None
    assert quantile([1.0] * 72, 0.95).high == 1.0


def test_the_cost_of_a_thousand_is_unknown_where_one_cost_is() -> None:
    assert cost_per_1k([Decimal("0.001"), Decimal("0.003")]) == Decimal(2)
    assert cost_per_1k([Decimal("0.001"), None]) is None
    assert cost_per_1k([]) is None


def test_words_are_counted_most_frequent_first() -> None:
    assert list(counted(["b", "a", "c", "c", "a", "c"]).items()) == [("c", 3), ("a", 2), ("b", 1)]
