"""What rules read: counts by minute of one series or several."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from typing import Protocol

import msgspec

from pointsman.store.tallies import NONE, Tally


class Source(msgspec.Struct, frozen=True):
    """What is counted, of which turns, and what there is one series for ("": one series in all).

    ``detail`` is a measure's own parameter: milliseconds of ``first_token``, a grader of ``grades``.
    """

    measure: str
    only: tuple[tuple[str, str], ...] = ()
    per: str = ""
    detail: str = ""

    @property
    def key(self) -> str:
        """The name under which the counts are kept."""
        return msgspec.json.encode([self.measure, self.only, self.per, self.detail]).decode()


class Counts(Protocol):
    """Counts of one population, real or simulated."""

    def between(self, source: Source, start: int, end: int) -> Mapping[str, Tally]:
        """Return what was counted in the minutes from ``start`` up to, not including, ``end``, by series.

        A series in which nothing was counted is absent.
        """
        ...


class MemoryCounts:
    """Counts in memory, for simulations, backtests and tests. Minutes are added in order."""

    def __init__(self) -> None:
        # Running sums, so that a window of any length costs two look-ups.
        self._minutes: dict[tuple[Source, str], list[int]] = defaultdict(list)
        self._sums: dict[tuple[Source, str], list[Tally]] = defaultdict(list)
        self._series: dict[Source, list[str]] = defaultdict(list)

    def add(self, source: Source, minute: int, tally: Tally, series: str = "") -> None:
        """Count in a minute that is not before the last one."""
        place = (source, series)
        minutes, sums = self._minutes[place], self._sums[place]
        if not minutes:
            self._series[source].append(series)
        whole = sums[-1] + tally if sums else tally
        if minutes and minutes[-1] == minute:
            sums[-1] = whole
        else:
            minutes.append(minute)
            sums.append(whole)

    def between(self, source: Source, start: int, end: int) -> Mapping[str, Tally]:
        """Return what was counted, by series."""
        found = {}
        for series in self._series.get(source, ()):
            minutes, sums = self._minutes[source, series], self._sums[source, series]
            first, last = bisect_left(minutes, start), bisect_left(minutes, end)
            if last > first:
                found[series] = sums[last - 1] - (sums[first - 1] if first else NONE)
        return found
