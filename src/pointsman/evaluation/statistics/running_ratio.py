"""Ratios that may be looked at after every conversation: cost by the mean, latency by its p95; evidence for and against a margin.

"The candidate's mean is below (1 + margin) times the baseline's" is "the mean of (1 + margin) old - new is above zero", a
question that ``eprocess.Betting`` answers once the difference is bounded. Costs have no bound, so both arms are cut where the
baseline's own figures so far put the edge: old at ``DEAREST`` times its mean, new at (1 + margin) times that, so that a candidate
that costs exactly (1 + margin) times as much has a difference of zero, cut or not. For a p95 the bound comes by itself: the
question is whether the candidate is above (1 + margin) t less often than the baseline is above t, where t is the baseline's p95.

The edge and t are taken from the conversations *before* the one at hand, so each bet is fair whatever the shape of the data
(Ville's inequality asks for nothing more); the first ``WARM`` values only set them.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Sequence

from pointsman.evaluation.statistics.eprocess import Betting

DEAREST = 5.0
"""Times the baseline's mean conversation: what costs more is counted as that."""
WARM = 20
_P95 = 0.95
_SPREAD = 0.01
"""First guess of a difference's variance, as a part of the largest possible: costs of paired conversations are alike."""


class RunningRatio:
    """Evidence about one ratio: ``not_worse`` that it is below 1 + margin, ``worse`` that it is above."""

    def __init__(self, margin: float, alpha: float, alpha_fail: float) -> None:
        self.not_worse = Betting(0.0, alpha, spread=_SPREAD)
        self.worse = Betting(0.0, alpha_fail, spread=_SPREAD)
        self._top = 1 + margin
        self._alpha = alpha
        self.n = 0
        self._sum = self._squares = 0.0

    @property
    def settled(self) -> bool:
        """True once either is shown."""
        return self.not_worse.shown or self.worse.shown

    def _bet(self, difference: float) -> None:
        value = max(-1.0, min(1.0, difference))
        self.not_worse.see(value)
        self.worse.see(-value)
        self._sum += value
        self._squares += value * value

    def _needed(self, edge: float) -> int | None:
        """Return about how many conversations the bet needs in all, were the mean difference ``edge``; None: unknown."""
        bets = self.not_worse.n
        if edge <= 0 or not bets:
            return None
        second = max(self._squares / bets, edge * edge)
        bet = min(edge / second, 0.5)
        growth = bet * edge - bet * bet * second / 2
        return math.ceil(-math.log(self._alpha) / growth) + self.n - bets

    @property
    def _mean(self) -> float:
        return self._sum / max(1, self.not_worse.n)


class RunningCost(RunningRatio):
    """The ratio of two mean costs; a value is what a whole conversation cost."""

    def __init__(self, margin: float, alpha: float, alpha_fail: float) -> None:
        super().__init__(margin, alpha, alpha_fail)
        self.old = self.new = 0.0
        self.cut = 0

    def see(self, old: float, new: float) -> None:
        """Take the next conversation's cost in both arms (0 or more, the same unit)."""
        edge = DEAREST * self.old / self.n if self.n >= WARM else 0.0
        if edge > 0:
            kept_old, kept_new = min(old, edge), min(new, self._top * edge)
            self.cut += kept_old < old or kept_new < new
            self._bet((self._top * kept_old - kept_new) / (self._top * edge))
        self.n += 1
        self.old += old
        self.new += new

    @property
    def agrees(self) -> bool | None:
        """Tell whether the sums without any cut are within the margin, too; None where nothing cost anything."""
        return self.new <= self._top * self.old if self.old or self.new else None

    @property
    def needed(self) -> int | None:
        """Conversations needed in all to show "not worse": half of the loss seen so far is taken to last."""
        even = (self._top - 1) / (self._top * DEAREST)
        return self._needed(max((even + self._mean) / 2, even / 4))


class RunningP95(RunningRatio):
    """The ratio of two 95th percentiles; a conversation brings the values of its cases, and counts once."""

    def __init__(self, margin: float, alpha: float, alpha_fail: float) -> None:
        super().__init__(margin, alpha, alpha_fail)
        self._known: list[float] = []
        self._all: list[float] = []

    def see(self, old: Sequence[float], new: Sequence[float]) -> None:
        """Take the next conversation's values in both arms."""
        if len(self._known) >= WARM:
            edge = _quantile(self._known)
            self._bet(_above(old, edge) - _above(new, self._top * edge))
        self.n += 1
        for value in old:
            insort(self._known, value)
        for value in new:
            insort(self._all, value)

    @property
    def figures(self) -> tuple[float, float]:
        """Both arms' p95 so far."""
        return _quantile(self._known), _quantile(self._all)

    @property
    def needed(self) -> int | None:
        """Conversations needed in all, if what was seen so far goes on; None where it looks worse."""
        return self._needed(self._mean)


def _quantile(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(_P95 * len(ordered)) - 1)] if ordered else math.nan


def _above(values: Sequence[float], edge: float) -> float:
    ordered = sorted(values)
    return (len(ordered) - bisect_right(ordered, edge)) / len(ordered)
