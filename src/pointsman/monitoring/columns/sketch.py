"""Quantiles from counts per bucket, where buckets grow by a constant factor: any value is known to within 0.75 %.

Counts of two sketches are added up by adding the counts of equal buckets, so they merge over hours, models and processes
without loss. Follows C. Masson, J. Rim, H. Lee, "DDSketch: a fast and fully-mergeable quantile sketch", VLDB 2019.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from pointsman.domain.intervals import Z_95

ACCURACY: Final = 0.0075
"""The largest relative error of a quantile."""

_GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
_PER_LOG: Final = 1 / math.log(_GAMMA)
_SMALLEST: Final = 1e-6
_LARGEST: Final = 1e12


def bucket(value: float | None) -> int | None:
    """Return the bucket of a positive value, None for unknown; what is not above zero is put with the smallest."""
    if value is None or not math.isfinite(value):
        return None
    return math.ceil(math.log(min(max(value, _SMALLEST), _LARGEST)) * _PER_LOG)


def middle(index: int) -> float:
    """Return the value that stands for a bucket: none of its values is further off than ``ACCURACY``."""
    return float(2 * _GAMMA**index / (_GAMMA + 1))


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the nearest-rank quantile: the k-th smallest value with k = ceil(n * share); None when there is none."""
    n = sum(counts.values())
    return _ranked(counts, max(1, math.ceil(n * share - 1e-9))) if n else None


def interval(counts: Mapping[int, int], share: float) -> tuple[float | None, float | None]:
    """Return the 95 % interval of a quantile, from the ranks the binomial distribution gives; a bound beyond the data is None."""
    n = sum(counts.values())
    half = Z_95 * math.sqrt(n * share * (1 - share))
    low, high = math.floor(n * share - half), math.ceil(n * share + half) + 1
    return (_ranked(counts, low) if low >= 1 else None, _ranked(counts, high) if high <= n else None)


def _ranked(counts: Mapping[int, int], rank: int) -> float:
    seen = 0
    last = 0
    for last in sorted(counts):
        seen += counts[last]
        if seen >= rank:
            break
    return middle(last)
