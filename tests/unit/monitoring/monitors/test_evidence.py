from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pointsman.monitoring.monitors.evidence import (
    binomial_high,
    binomial_low,
    normal_high,
    poisson_low,
    two_shares_high,
)

COUNTS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(COUNTS, st.sampled_from([0.0001, 0.01, 0.05, 0.5, 0.95, 0.99]))
def test_binomial_tails_are_exact(counts: tuple[int, int], share: float) -> None:
    n, k = counts
    assert binomial_low(k, n, share) == pytest.approx(stats.binom.cdf(k, n, share), rel=1e-7, abs=1e-13)
    assert binomial_high(k, n, share) == pytest.approx(stats.binom.sf(k - 1, n, share), rel=1e-7, abs=1e-13)


@given(COUNTS, COUNTS)
def test_two_shares_are_fishers(one: tuple[int, int], other: tuple[int, int]) -> None:
    (n, k), (m, j) = one, other
    assert two_shares_high(k, n, j, m) == pytest.approx(stats.hypergeom.sf(k - 1, n + m, k + j, n), rel=1e-6, abs=1e-12)


@given(st.integers(0, 300), st.floats(0.1, 400))
def test_poisson_tail(count: int, expected: float) -> None:
    assert poisson_low(count, expected) == pytest.approx(stats.poisson.cdf(count, expected), rel=1e-7, abs=1e-13)


def test_nothing_is_no_evidence() -> None:
    assert binomial_high(0, 0, 0.05) == binomial_low(0, 0, 0.95) == 1.0
    assert poisson_low(0, 0) == 1.0
    assert normal_high(4.107) == pytest.approx(2e-5, rel=0.01)


def test_weighted_counts_need_not_be_whole() -> None:
    assert binomial_low(9, 20, 0.8) < binomial_low(9.5, 20, 0.8) < binomial_low(10, 20, 0.8)
