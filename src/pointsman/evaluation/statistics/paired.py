"""Paired differences between two arms on the same cases, with bounds that keep their width where no case differs."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.statistics.clustered import clustered_mean

_NORMAL = NormalDist()
_STEPS = 80  # halvings of an interval of width 2: below the last bit of a float


class Difference(msgspec.Struct, frozen=True):
    """Candidate minus baseline, with one-sided bounds at the level that was asked for.

    ``low`` is below the true difference with that confidence, and so is ``high`` above it. ``discordance`` is the mean
    absolute difference of a case. ``effective`` is how many independent cases these are worth (see ``paired_share``).
    """

    estimate: float
    low: float
    high: float
    discordance: float
    cases: int
    clusters: int
    effective: float


def paired_share(
    baseline: Sequence[float],
    candidate: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    alpha: float = 0.05,
) -> Difference:
    """Return the difference of two shares measured on the same cases.

    Each value is a case's share of passed repeats, in [0, 1], so repeats are averaged inside a case and never paired with
    each other. Bounds: the score interval of T. Tango, Statistics in Medicine 17 (1998), which keeps its width where no case
    differs. Clusters (conversations) shrink the cases to an effective number by the design effect of the differences (J. Rao
    and A. Scott, Biometrics 48, 1992), or to the number of clusters where nothing differs and the effect cannot be measured.

    Raises:
        UsageError: no cases, cases that do not pair up, or values outside [0, 1].
    """
    n = len(baseline)
    if n == 0 or n != len(candidate):
        raise UsageError(f"both arms must have the same cases: {n} and {len(candidate)}")
    if not all(0 <= value <= 1 for arm in (baseline, candidate) for value in arm):
        raise UsageError("a case's share must be between 0 and 1")
    differences = [new - old for old, new in zip(baseline, candidate, strict=True)]
    gained = math.fsum(max(value, 0.0) for value in differences)
    lost = math.fsum(max(-value, 0.0) for value in differences)
    grouped = clustered_mean(differences, clusters)
    effect = _design_effect(differences, grouped.error, n, grouped.clusters)
    scale = 1 / effect
    z = _NORMAL.inv_cdf(1 - alpha)
    low, high = (tango_bound(gained * scale, lost * scale, n * scale, side * z) for side in (1, -1))
    return Difference(grouped.mean, low, high, (gained + lost) / n, n, grouped.clusters, n * scale)


def _design_effect(differences: Sequence[float], error: float | None, n: int, clusters: int) -> float:
    plain = clustered_mean(differences).error
    if clusters == n:
        return 1.0
    if not plain or error is None:
        return n / clusters
    return min(max(1.0, (error / plain) ** 2), n / 1.0)


def tango_bound(gained: float, lost: float, n: float, z: float) -> float:
    """Return the difference at which Tango's score statistic equals ``z`` (positive: the lower bound, negative: the upper).

    ``gained`` and ``lost`` are the counts of cases that only the candidate, or only the baseline, passed, of ``n``.
    """

    def score(delta: float) -> float:
        variance = n * tango_variance(gained / n, lost / n, delta)
        distance = gained - lost - n * delta
        return math.copysign(math.inf, distance) if variance <= 0 else distance / math.sqrt(variance)

    estimate = (gained - lost) / n
    low, high = (-1.0, estimate) if z > 0 else (estimate, 1.0)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if score(middle) > z:
            low = middle
        else:
            high = middle
    return low if z > 0 else high


def tango_variance(gained: float, lost: float, delta: float) -> float:
    """Return the variance of one case's difference were the true difference ``delta``, from the shares seen to differ.

    The shares are fitted under that constraint by maximum likelihood: T. Tango (1998), equations 5 to 7.
    """
    b = -gained - lost + (2 - gained + lost) * delta
    c = -lost * delta * (1 - delta)
    nuisance = (math.sqrt(max(b * b - 8 * c, 0.0)) - b) / 4
    return 2 * nuisance + delta * (1 - delta)
