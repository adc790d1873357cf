"""Ratios of two arms measured on the same cases (cost, a latency's p95), with bounds by drawing whole clusters."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import msgspec

from pointsman.errors import UsageError

Kind = Literal["mean", "p95"]
_P95 = 0.95
_DRAWS = 2000
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
    once = np.ones(len(numbers), dtype=np.int64)
    old, new = (arm.figure(once) for arm in arms)
    if old is None or new is None:
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
    import numpy as np

    random = np.random.default_rng(seed)
    found = []
    for _ in range(_DRAWS):
        counts = np.bincount(random.integers(0, groups, groups), minlength=groups)
        old, new = arms[0].figure(counts), arms[1].figure(counts)
        if old and new is not None:
            found.append(new / old)
    return found


class _Arm:
    """One arm's values, put in order once; a draw is then a weight for each cluster."""

    def __init__(self, values: Sequence[Sequence[float]], places: Sequence[int], groups: int, kind: Kind) -> None:
        import numpy as np

        self._kind = kind
        flat = [(value, place) for some, place in zip(values, places, strict=True) for value in some]
        array: Any = np.array([value for value, _ in flat], dtype=float)
        group: Any = np.array([place for _, place in flat], dtype=np.int64)
        if kind == "mean":
            self._sums = np.bincount(group, weights=array, minlength=groups)
            self._counts = np.bincount(group, minlength=groups)
        else:
            order = np.argsort(array, kind="stable")
            self._values, self._group = array[order], group[order]

    def figure(self, counts: Any) -> float | None:
        import numpy as np

        if self._kind == "mean":
            n = float((counts * self._counts).sum())
            return float((counts * self._sums).sum()) / n if n else None
        reached = np.cumsum(counts[self._group])
        if not len(reached) or not reached[-1]:
            return None
        return float(self._values[int(np.searchsorted(reached, _P95 * reached[-1]))])
