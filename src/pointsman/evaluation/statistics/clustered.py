"""Means with errors that know their clusters: turns of one conversation are not independent of each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence

import msgspec

from pointsman.errors import UsageError


class Mean(msgspec.Struct, frozen=True):
    """A mean of ``n`` values in ``clusters`` groups. ``error`` is its standard error, None where there is one group."""

    mean: float
    error: float | None
    n: int
    clusters: int


def clustered_mean(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Mean:
    """Return the mean with its clustered standard error. Without ``clusters`` every value is its own.

    The error is the square root of sum over clusters of (sum of residuals)^2, over n, times G / (G - 1) for the finite
    number of clusters: the sandwich estimator for a mean (K.-Y. Liang and S. Zeger, Biometrika 73, 1986; as advised for
    evaluations by E. Miller, arXiv 2411.00640). With one value a cluster it is the textbook error s / sqrt(n).

    Raises:
        UsageError: there is no value, or not one cluster for each.
    """
    n = len(values)
    if n == 0:
        raise UsageError("there is no value to take the mean of")
    if clusters is not None and len(clusters) != n:
        raise UsageError(f"{n} values, but {len(clusters)} cluster names")
    mean = math.fsum(values) / n
    residuals: dict[Hashable, list[float]] = defaultdict(list)
    for index, value in enumerate(values):
        residuals[index if clusters is None else clusters[index]].append(value - mean)
    groups = len(residuals)
    if groups == 1:
        return Mean(mean, None, n, groups)
    squares = math.fsum(math.fsum(group) ** 2 for group in residuals.values())
    return Mean(mean, math.sqrt(squares * groups / (groups - 1)) / n, n, groups)
