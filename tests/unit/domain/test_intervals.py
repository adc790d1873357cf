from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.intervals import wilson


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Computed with statsmodels.stats.proportion.proportion_confint(hits, n, method="wilson").
    [(0, 10, 0.0, 0.2775327998628892), (5, 10, 0.236593090512564, 0.763406909487436), (14, 14, 0.784689, 1.0)],
)
def test_known_intervals(hits: int, n: int, low: float, high: float) -> None:
    found = wilson(hits, n)

    assert found == pytest.approx((low, high), abs=1e-6)


def test_the_edges_are_exact() -> None:
    assert [(wilson(0, n) or (1,))[0] for n in range(1, 200)] == [0.0] * 199
    assert [(wilson(n, n) or (0, 0))[1] for n in range(1, 200)] == [1.0] * 199


def test_nothing_has_no_interval() -> None:
    assert wilson(0, 0) is None


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_share_is_always_inside(pair: tuple[int, int]) -> None:
    hits, n = pair
    low, high = wilson(hits, n) or (1.0, 0.0)

    assert 0 <= low <= hits / n + 1e-12
    assert hits / n - 1e-12 <= high <= 1


def test_ten_times_the_evidence_narrows_the_interval() -> None:
    few, many = wilson(81, 263), wilson(810, 2630)
    assert few == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    assert many is not None
    assert many[1] - many[0] < few[1] - few[0]  # type: ignore[index]  # not None, as compared above
