"""Reads the turns as they come into counts by minute: each turn once, whatever happens (see ``store/cursors.py``)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.monitoring.monitors.measures import count_each, from_tables, grouped, served
from pointsman.monitoring.monitors.tallies import Source
from pointsman.store.outlines import outlines_after
from pointsman.store.store import Store
from pointsman.store.tallies import Cell, Sighting, Tallies, Tally, last_seq

HORIZON_DAYS: Final = 35
"""How far back a new rule counts the turns that are there already: four weeks to compare with, and a week."""
_FINE_DAYS: Final = 8
_MINUTE_US: Final = 60_000_000
_DAY_MINUTES: Final = 1440
_PAGE: Final = 500
_SERIES: Final = 100
_SERVED: Final = "served"
OTHER: Final = "other"


class Folder:
    """Counts the turns of one store for the sources that rules ask for."""

    def __init__(self, store: Store, sources: Iterable[Source]) -> None:
        self._store = store
        self._tallies = Tallies(store)
        self._sources = {source.key: source for source in sources if not from_tables(source.measure)}
        self._series: dict[str, set[str]] = {key: set() for key in self._sources}
        self._rolled_hour = -1

    def catch_up(self, now_us: int, pages: int = 1_000_000) -> bool:
        """Count what came since; True once nothing is left. At most ``pages`` pages of turns are read.

        Raises:
            StoreError: the store cannot be read or written.
        """
        for _ in range(pages):
            if not self._page(now_us):
                self._tidy(now_us)
                return True
        return False

    def _page(self, now_us: int) -> bool:
        """Count one page for those sources that are furthest behind; False: there was nothing."""
        keys = [*self._sources, _SERVED]
        places = self._tallies.places(keys)
        start = (
            last_seq(self._store, now_us - HORIZON_DAYS * _DAY_MINUTES * _MINUTE_US) if None in places.values() else 0
        )
        reached = {key: start if place is None else place for key, place in places.items()}
        lowest = min(reached.values())
        ahead = [place for place in reached.values() if place > lowest]
        records = outlines_after(self._store, lowest, _PAGE)
        if ahead:
            # Those behind read up to where the next ones are, so that afterwards they go on together.
            records = [one for one in records if one[0] <= min(ahead)]
        behind = {key: places[key] for key, place in reached.items() if place == lowest}
        seq = records[-1][0] if records else min(ahead, default=lowest)
        if seq == lowest and None not in behind.values():
            return False
        counted = self._counted([record for _, record in records], behind)
        seen = sightings([record for _, record in records]) if _SERVED in behind else []

        def write(connection: sqlite3.Connection) -> bool:
            return self._tallies.add(connection, behind, counted, seen, seq)

        self._store.write_sync(write)
        return True

    def _counted(self, records: Sequence[TurnRecord], keys: Iterable[str]) -> Mapping[Cell, Tally]:
        groups = grouped(self._sources[key] for key in keys if key != _SERVED)
        found: dict[tuple[str, bool, int, str], Tally] = {}
        for record in records:
            minute = record.at_us // _MINUTE_US
            for key, series, tally in count_each(record, groups):
                cell = (key, record.simulated, minute, self._named(key, series))
                known = found.get(cell)
                found[cell] = tally if known is None else known + tally
        return {Cell(*cell): tally for cell, tally in found.items()}

    def _named(self, key: str, series: str) -> str:
        """Return the series, or ``other`` once there are many: names of tools and intents come from outside."""
        known = self._series[key]
        if series not in known:
            if len(known) >= _SERIES:
                return OTHER
            known.add(series)
        return series

    def _tidy(self, now_us: int) -> None:
        minute = now_us // _MINUTE_US
        if minute // 60 == self._rolled_hour:
            return
        self._rolled_hour = minute // 60
        fine, whole = minute - _FINE_DAYS * _DAY_MINUTES, minute - (HORIZON_DAYS + 5) * _DAY_MINUTES
        self._store.write_sync(partial(self._tallies.roll_up, minutes_before=fine, drop_before=whole))


def sightings(records: Iterable[TurnRecord]) -> list[Sighting]:
    """Return under which ids models answered in these turns."""
    found: dict[tuple[str, bool, str], Sighting] = {}
    for record in records:
        for step, name in served(record):
            place = (step.model, record.simulated, name)
            old = found.get(place)
            found[place] = (
                Sighting(*place, record.at_us, record.at_us, 1)
                if old is None
                else msgspec.structs.replace(
                    old, first_us=min(old.first_us, record.at_us), last_us=max(old.last_us, record.at_us), n=old.n + 1
                )
            )
    return list(found.values())
