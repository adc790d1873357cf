"""Shares, quantiles and costs of a bench, with intervals that know how little was asked."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from decimal import Decimal

import msgspec

from pointsman.domain.intervals import wilson
from pointsman.evaluation.statistics.clustered import clustered_mean

SMALL = 30
"""Fewer independent cases than this are called few: an interval of a share is then wider than a third."""

_TAIL = 0.025


class Share(msgspec.Struct, frozen=True):
    """A share of ``n`` answers to ``cases`` cases, with its 95 % interval. All None where there is nothing to share."""

    n: int
    cases: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


def share_of(values: Sequence[bool], cases: Sequence[Hashable]) -> Share:
    """Return the share of True. Repeats of one case are not independent of each other.

    Wilson's interval on the effective number of answers: their number over the design effect of the clusters (J. Rao and A.
    Scott, Biometrics 48, 1992), or the number of cases where all answers are alike and the effect cannot be measured.
    """
    n, clusters = len(values), len(set(cases))
    if not n:
        return Share(0, 0)
    marks = [float(value) for value in values]
    grouped, plain = clustered_mean(marks, cases), clustered_mean(marks)
    effective = float(clusters)
    if clusters == n:
        effective = float(n)
    elif plain.error and grouped.error is not None:
        effective = n / max(1.0, (grouped.error / plain.error) ** 2)
    bounds = wilson(grouped.mean * effective, effective)
    return Share(n, clusters, grouped.mean, *(bounds or (None, None)))


class Quantile(msgspec.Struct, frozen=True):
    """A quantile of ``n`` measured values with its 95 % interval; a bound is None where so few values cannot give one."""

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


def quantile(values: Sequence[float], q: float) -> Quantile:
    """Return the ``q`` quantile, and bounds that hold for any distribution.

    The bounds are two of the values themselves (order statistics): the number of values below the true quantile is binomial
    with (n, q), so each side errs with 2.5 % at most (W. J. Conover, "Practical Nonparametric Statistics", 3.2). An upper bound
    of p95 needs 72 values, a lower one two. The value is the usual linear interpolation.
    """
    n = len(values)
    if not n:
        return Quantile(0)
    ordered = sorted(values)
    place = q * (n - 1)
    below = math.floor(place)
    above = min(below + 1, n - 1)
    value = ordered[below] + (ordered[above] - ordered[below]) * (place - below)
    tails = _binomial_cdf(n, q)
    # x[r] (from 1) is above the quantile with P(B <= r - 1); x[s] is below it with P(B >= s).
    lower = max((r for r in range(1, n + 1) if tails[r - 1] <= _TAIL), default=None)
    upper = min((s for s in range(1, n + 1) if 1 - tails[s - 1] <= _TAIL), default=None)
    return Quantile(
        n, value, None if lower is None else ordered[lower - 1], None if upper is None else ordered[upper - 1]
    )


def _binomial_cdf(n: int, q: float) -> list[float]:
    """Return P(B <= k) for k = 0 .. n."""
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(q) + (n - k) * math.log(1 - q)
        for k in range(n + 1)
    ]
    total, cdf = 0.0, []
    for value in logs:
        total += math.exp(value)
        cdf.append(min(total, 1.0))
    return cdf


def cost_per_1k(costs: Sequence[Decimal | None]) -> Decimal | None:
    """Return the dollars of a thousand answers like these; None where the cost of one is unknown, or there is none."""
    known = [cost for cost in costs if cost is not None]
    if not costs or len(known) < len(costs):
        return None
    return sum(known, Decimal(0)) * 1000 / len(costs)


def counted(words: Sequence[str]) -> dict[str, int]:
    """Return how often each word occurs, the most frequent first, then by the alphabet."""
    found = {word: words.count(word) for word in set(words)}
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
