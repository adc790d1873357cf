"""What is usual of a series: its share over the last week, and by how much more than chance neighbouring hours differ."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import Final
from weakref import WeakKeyDictionary

import msgspec

from pointsman.monitoring.monitors.tallies import Counts, Source
from pointsman.store.tallies import NONE, Tally

_HOURS: Final = 168
_HOUR: Final = 60
_HOURS_NEEDED: Final = 12
_LEAST_N: Final = 20
_N_NEEDED: Final = 500
_ODD: Final = 25.0
"""Hours that stand this many squared standard errors away were no usual ones: an incident is not held against the next."""
_CHI_MEDIAN: Final = 0.4549
"""Median of the chi-squared distribution with one degree of freedom."""


class Level(msgspec.Struct, frozen=True):
    """The usual share, how many it rests on, and how much it wanders: the variance from hour to hour over that of one turn."""

    share: float
    n: float
    wander: float

    def worth(self, n: float) -> float:
        """Return how many turns that come together are worth one that comes by itself: 1 where hours differ by chance only."""
        return 1 + self.wander * n


class Usual:
    """Remembers the levels of one source; they are measured anew once an hour."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: WeakKeyDictionary[Counts, tuple[int, dict[str, Level]]] = WeakKeyDictionary()

    def of(self, counts: Counts, now: int, series: str) -> Level | None:
        """Return the level of a series before this hour, None where too few hours tell it."""
        hour = now // _HOUR
        seen = self._seen.get(counts)
        if seen is None or seen[0] != hour:
            seen = (hour, self._measured(counts, hour))
            self._seen[counts] = seen
        return seen[1].get(series)

    def _measured(self, counts: Counts, hour: int) -> dict[str, Level]:
        hours: dict[str, list[Tally]] = {}
        if not counts.between(self._source, (hour - _HOURS) * _HOUR, (hour - 1) * _HOUR):
            return {}
        for back in range(2, _HOURS + 2):
            start = (hour - back) * _HOUR
            for series, tally in counts.between(self._source, start, start + _HOUR).items():
                if tally.n >= _LEAST_N:
                    hours.setdefault(series, []).append(tally)
        found = {series: level(tallies) for series, tallies in hours.items()}
        return {series: one for series, one in found.items() if one is not None}


def level(hours: list[Tally]) -> Level | None:
    """Return what is usual of these hours, which are in order; None: there are too few. Hours that stand far out do not count.

    How much the hours wander is taken from each hour and the next (J. von Neumann's mean square successive difference, 1941),
    by the median, which a few odd ones do not move: a share that goes down for days is no noise, and must not pass for it.
    """
    kept, noise = hours, 1.0
    for _ in range(2):
        whole = sum(kept, NONE)
        share = whole.share
        if share is None or whole.n < _N_NEEDED or len(kept) < _HOURS_NEEDED:
            return None
        spread = share * (1 - share) or 1 / (whole.n + 2)  # nothing ever went wrong: as if one in all had
        noise = max(1.0, median(_apart(one, other, spread) for one, other in pairwise(kept)) / _CHI_MEDIAN)
        away = [(one.hits - one.n * share) ** 2 / (one.n * spread) for one in kept]
        usual = [one for one, far in zip(kept, away, strict=True) if far / noise <= _ODD]
        if len(usual) == len(kept):
            break
        kept = usual
    whole = sum(kept, NONE)
    wander = (noise - 1) / median(one.n for one in kept) if kept else 0.0
    return None if len(kept) < _HOURS_NEEDED else Level(whole.share or 0.0, whole.n, wander)


def _apart(one: Tally, other: Tally, spread: float) -> float:
    """Return the squared difference of two shares in units of its variance by chance."""
    return ((one.share or 0.0) - (other.share or 0.0)) ** 2 / (spread * (1 / one.n + 1 / other.n))
