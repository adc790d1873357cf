"""The counts of a store, real or simulated: by minute where they were folded, from their tables where they change later."""

from __future__ import annotations

from collections.abc import Mapping

from pointsman.monitoring.monitors.measures import from_tables
from pointsman.monitoring.monitors.tallies import Source
from pointsman.store.store import Store
from pointsman.store.tallies import NONE, Choice, Tallies, Tally

_MINUTE_US = 60_000_000
_DOLLARS = 1e-12


class StoredCounts:
    """Reads one population of a store."""

    def __init__(self, store: Store, *, simulated: bool) -> None:
        self._tallies = Tallies(store)
        self.simulated = simulated

    def between(self, source: Source, start: int, end: int) -> Mapping[str, Tally]:
        """Return what was counted in the minutes from ``start`` up to, not including, ``end``, by series."""
        if source.measure == "cost_per_resolution":
            return self._costs(source, start, end)
        if from_tables(source.measure):
            return self._weighed(source, start, end)
        return self._tallies.between(source.key, self.simulated, start, end)

    def _choice(self, source: Source) -> Choice:
        return Choice(self.simulated, source.only, source.per, source.detail)

    def _costs(self, source: Source, start: int, end: int) -> Mapping[str, Tally]:
        found: dict[str, Tally] = {}
        for series, pico in self._tallies.costs(self._choice(source), start * _MINUTE_US, end * _MINUTE_US):
            one = Tally(1, int(series == "resolved"), pico, (pico * _DOLLARS) ** 2)
            found[series] = found.get(series, NONE) + one
        return found

    def _weighed(self, source: Source, start: int, end: int) -> Mapping[str, Tally]:
        """Return weighted counts as so many equal ones as they are worth (L. Kish, Survey Sampling, 1965: the design effect)."""
        sums: dict[str, list[float]] = {}
        rows = self._tallies.weighed(source.measure, self._choice(source), start * _MINUTE_US, end * _MINUTE_US)
        for series, _, weight, hit in rows:
            whole = sums.setdefault(series, [0.0, 0.0, 0.0])
            whole[0] += weight
            whole[1] += weight * weight
            whole[2] += weight * hit
        found = {}
        for series, (weight, squares, hits) in sums.items():
            n = weight * weight / squares
            found[series] = Tally(n, n * hits / weight)
        return found
