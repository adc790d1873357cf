"""Means with errors that know their clusters: turns of one conversation are not independent of each other."""

from __future__ import annotations

import math
from array import array
from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby

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
    if clusters is None:
        groups, squares = n, math.fsum((value - mean) ** 2 for value in values)
    else:
        numbers: dict[Hashable, int] = {}
        places = array("L", (numbers.setdefault(cluster, len(numbers)) for cluster in clusters))
        groups, squares = len(numbers), math.fsum(_squares(values, places, mean))
    if groups == 1:
        return Mean(mean, None, n, groups)
    return Mean(mean, math.sqrt(squares * groups / (groups - 1)) / n, n, groups)


def _squares(values: Sequence[float], places: Sequence[int], mean: float) -> Iterator[float]:
    """Yield the square of each cluster's sum of residuals, one cluster after the other: none of them is kept."""
    order = sorted(range(len(values)), key=places.__getitem__)
    for _, members in groupby(order, key=places.__getitem__):
        yield math.fsum(values[member] - mean for member in members) ** 2
