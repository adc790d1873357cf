"""Ratios of two arms measured on the same cases (cost, a latency's p95), with bounds by drawing whole clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, Literal

import msgspec

from pointsman.errors import UsageError

Kind = Literal["mean", "p95"]
_P95 = 0.95
_DRAWS = 2000
_TOP = 6
_FEW = 8
_CELLS = 2_000_000
"""Weights held at a time: 16 MB."""
_DEFINED = 0.9


class Ratio(msgspec.Struct, frozen=True):
    """Candidate over baseline, with one-sided bounds. Bounds are None where they cannot be told (one cluster, a zero)."""

    baseline: float
    candidate: float
    ratio: float | None
    low: float | None
    high: float | None
    cases: int


def ratio_of(  # noqa: PLR0913 - the two arms and the terms of the test
    baseline: Sequence[Sequence[float]],
    candidate: Sequence[Sequence[float]],
    clusters: Sequence[Hashable],
    kind: Kind,
    *,
    alpha: float = 0.05,
    alpha_low: float | None = None,
    seed: int = 0,
) -> Ratio:
    """Return how the candidate's figure compares: of each case the values of its repeats, in both arms.

    Bounds: percentile bootstrap over clusters, both arms drawn together (B. Efron and R. Tibshirani, "An Introduction to
    the Bootstrap", 1993, chapters 8.5 and 13); ``high`` at ``alpha``, ``low`` at ``alpha_low`` (None: the same). One seed,
    one answer.

    Raises:
        UsageError: no cases, arms that do not pair up, or numpy is not installed.
    """
    try:
        import numpy as np
    except ImportError:
        raise UsageError("intervals of costs and latencies need numpy. Install pointsman[prove].") from None
    n = len(clusters)
    if n == 0 or len(baseline) != n or len(candidate) != n:
        raise UsageError(f"both arms must have the same cases: {len(baseline)}, {len(candidate)} and {n} clusters")
    numbers = {cluster: place for place, cluster in enumerate(dict.fromkeys(clusters))}
    places = [numbers[cluster] for cluster in clusters]
    arms = [_Arm(values, places, len(numbers), kind) for values in (baseline, candidate)]
    once = np.ones((1, len(numbers)), dtype=np.int64)
    old, new = (float(arm.figures(once)[0]) for arm in arms)
    if math.isnan(old) or math.isnan(new):
        raise UsageError("an arm has no values")
    ratio = new / old if old else None
    if len(numbers) == 1 or ratio is None:
        return Ratio(old, new, ratio, None, None, n)
    drawn = _draws(arms, len(numbers), seed)
    if len(drawn) < _DEFINED * _DRAWS:
        return Ratio(old, new, ratio, None, None, n)
    low = float(np.quantile(drawn, alpha if alpha_low is None else alpha_low))
    return Ratio(old, new, ratio, low, float(np.quantile(drawn, 1 - alpha)), n)


def _draws(arms: list[_Arm], groups: int, seed: int) -> list[float]:
    """Return the ratio of each draw of clusters, some draws at a time: many at once are quick, all at once much memory."""
    import numpy as np

    random = np.random.default_rng(seed)
    found: list[float] = []
    at_once = max(1, min(_DRAWS, _CELLS // max(groups, *(arm.size for arm in arms))))
    for start in range(0, _DRAWS, at_once):
        rows = min(at_once, _DRAWS - start)
        drawn = random.integers(0, groups, (rows, groups)) + np.arange(rows)[:, None] * groups
        counts = np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups)
        old, new = arms[0].figures(counts), arms[1].figures(counts)
        defined = (old > 0) & ~np.isnan(new)
        found += (new[defined] / old[defined]).tolist()
    return found


class _Arm:
    """One arm's values, put in order once; a draw is then a weight for each cluster."""

    def __init__(self, values: Sequence[Sequence[float]], places: Sequence[int], groups: int, kind: Kind) -> None:
        import numpy as np

        self._kind = kind
        flat = [(value, place) for some, place in zip(values, places, strict=True) for value in some]
        array: Any = np.array([value for value, _ in flat], dtype=float)
        group: Any = np.array([place for _, place in flat], dtype=np.int64)
        self.size = len(flat)
        self._counts = np.bincount(group, minlength=groups)
        if kind == "mean":
            self._sums = np.bincount(group, weights=array, minlength=groups)
        else:
            order = np.argsort(array, kind="stable")
            self._values, self._group = array[order], group[order]

    def figures(self, counts: Any) -> Any:
        """Return the figure under each row of weights; not a number where a row leaves nothing."""
        import numpy as np

        with np.errstate(invalid="ignore", divide="ignore"):
            if self._kind == "mean":
                return (counts * self._sums).sum(axis=1) / (counts * self._counts).sum(axis=1)
        if not self.size:
            return np.full(len(counts), np.nan)
        total = (counts * self._counts).sum(axis=1)
        # The p95 is among the largest values: only where it is not among the top ones does a row need all of them.
        found, known = self._p95(counts, total, max(0, self.size - self.size // _TOP - _FEW))
        if not known.all():
            found[~known] = self._p95(counts[~known], total[~known], 0)[0]
        return np.where(total > 0, found, np.nan)

    def _p95(self, counts: Any, total: Any, first: int) -> tuple[Any, Any]:
        """Return each row's p95 as the values from place ``first`` on tell it, and in which rows they do."""
        import numpy as np

        weights = counts[:, self._group[first:]]
        below = (total - weights.sum(axis=1))[:, None] + np.cumsum(weights, axis=1)
        enough = below >= _P95 * total[:, None]
        places = enough.argmax(axis=1)
        return self._values[first + places], (places > 0) | (first == 0)
