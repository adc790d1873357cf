"""The bounds of a quantile against scipy's binomial distribution."""

from __future__ import annotations

import pytest
from scipy import stats

from pointsman.evaluation.bench_sums import quantile


@pytest.mark.parametrize("n", [5, 6, 71, 72, 200])
@pytest.mark.parametrize("q", [0.5, 0.95])
def test_bounds_of_a_quantile_are_those_of_the_binomial(n: int, q: float) -> None:
    """The places of the order statistics, worked out with scipy's binomial distribution."""
    found = quantile([float(value) for value in range(1, n + 1)], q)
    places = range(1, n + 1)
    low = max((r for r in places if stats.binom.cdf(r - 1, n, q) <= 0.025), default=None)
    high = min((s for s in places if stats.binom.sf(s - 1, n, q) <= 0.025), default=None)
    assert (found.low, found.high) == (low, high)
