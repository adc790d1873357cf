"""Counts by minute that monitors read: kept beside the turns, so that they outlive a restart."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from pointsman.store.cursors import move_cursor
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

_log = logging.getLogger(__name__)
_HOUR = 60
_PICO = 1e-12


class Tally(msgspec.Struct, frozen=True):
    """``hits`` out of ``n``; ``pico`` is known pico-dollars, ``square`` squared dollars; ``unknown`` is beside ``n``."""

    n: float = 0
    hits: float = 0
    pico: int = 0
    square: float = 0.0
    unknown: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Add two counts."""
        return Tally(
            self.n + other.n,
            self.hits + other.hits,
            self.pico + other.pico,
            self.square + other.square,
            self.unknown + other.unknown,
        )

    def __sub__(self, other: Tally) -> Tally:
        """Take away what was counted before."""
        return Tally(
            self.n - other.n,
            self.hits - other.hits,
            self.pico - other.pico,
            self.square - other.square,
            self.unknown - other.unknown,
        )

    @property
    def share(self) -> float | None:
        """The share of hits, None of nothing."""
        return self.hits / self.n if self.n else None

    @property
    def usd(self) -> float:
        """Known dollars, for estimates."""
        return self.pico * _PICO


NONE = Tally()


class Cell(msgspec.Struct, frozen=True):
    """Where something is counted."""

    source: str
    simulated: bool
    minute: int
    series: str


class Sighting(msgspec.Struct, frozen=True):
    """A provider's own name for the model that answered."""

    model: str
    simulated: bool
    served: str
    first_us: int
    last_us: int
    n: int


class Choice(msgspec.Struct, frozen=True):
    """Which turns, and what there is one series for ("": one in all). ``detail`` is a grader's name."""

    simulated: bool
    only: tuple[tuple[str, str], ...] = ()
    per: str = ""
    detail: str = ""


_COLUMNS = frozenset({"model", "route", "tier", "intent", "channel"})


def last_seq(store: Store, before_us: int | None = None) -> int:
    """Return the seq of the newest turn; with ``before_us``, of the last before the first turn that arrived since then."""
    with store.reading() as connection:
        if before_us is None:
            row = connection.execute(load_queries("tallies")["newest"]).fetchone()
        else:
            row = connection.execute(load_queries("tallies")["last_before"], (before_us,)).fetchone()
    return int(row[0] or 0)


def first_us(store: Store) -> int | None:
    """Return when the oldest stored turn arrived, None where there is none."""
    with store.reading() as connection:
        row = connection.execute(load_queries("tallies")["first"]).fetchone()
    return None if row[0] is None else int(row[0])


class Tallies:
    """Reads and writes the counts of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queries = load_queries("tallies")

    def places(self, keys: Iterable[str]) -> dict[str, int | None]:
        """Return how far each source has read: the seq of its last turn; None: it never began."""
        with self._store.reading() as connection:
            known = dict(connection.execute(self._queries["places"]).fetchall())
        return {key: known.get(key) for key in keys}

    def add(
        self,
        connection: sqlite3.Connection,
        read_from: Mapping[str, int | None],
        counted: Mapping[Cell, Tally],
        seen: Sequence[Sighting],
        seq: int,
    ) -> bool:
        """Add counts and move the sources' cursors to ``seq``; for a ``Store.write`` job.

        False: another process has read these turns meanwhile, and nothing was changed.
        """
        known = dict(connection.execute(self._queries["places"]).fetchall())
        if any(known.get(key) != place for key, place in read_from.items()):
            return False
        ids = {key: self._id(connection, key) for key in read_from}
        rows = [
            (ids[cell.source], cell.simulated, cell.minute, cell.series, t.n, t.hits, t.pico, t.square, t.unknown)
            for cell, t in counted.items()
        ]
        connection.executemany(self._queries["add"], rows)
        connection.executemany(
            self._queries["see"], [(s.model, s.simulated, s.served, s.first_us, s.last_us, s.n) for s in seen]
        )
        for source_id in ids.values():
            move_cursor(connection, f"monitors:{source_id}", seq)
        return True

    def between(self, key: str, simulated: bool, start: int, end: int) -> dict[str, Tally]:
        """Return the counts of a source in the minutes from ``start`` up to, not including, ``end``, by series."""
        with self._store.reading() as connection:
            rows = connection.execute(self._queries["between"], (key, simulated, start, end)).fetchall()
        return {row[0]: Tally(*row[1:]) for row in rows}

    def any_of(self, *, simulated: bool) -> bool:
        """Return whether anything was counted of simulated, or of real, turns."""
        with self._store.reading() as connection:
            return bool(connection.execute(self._queries["any_simulated"], (simulated,)).fetchone()[0])

    def roll_up(self, connection: sqlite3.Connection, minutes_before: int, drop_before: int) -> None:
        """Make one row per hour of the minutes before ``minutes_before``, and drop what is older than ``drop_before``."""
        edge = minutes_before - minutes_before % _HOUR
        connection.execute(self._queries["roll"], (edge,))
        connection.execute(self._queries["rolled"], (edge,))
        connection.execute(self._queries["drop"], (drop_before,))

    def sightings(self, simulated: bool) -> list[Sighting]:
        """Return every name under which a provider has answered, by model, the earliest first."""
        with self._store.reading() as connection:
            rows = connection.execute(self._queries["sightings"], (simulated,)).fetchall()
        return [Sighting(row[0], bool(row[1]), *row[2:]) for row in rows]

    def weighed(self, measure: str, chosen: Choice, start_us: int, end_us: int) -> list[tuple[str, str, float, bool]]:
        """Return what the tables beside the turns say: series, turn, weight and whether it hits.

        ``measure`` is ``misroutes``, ``resolutions``, ``handoffs`` or ``grades``.
        """
        return [
            ("unknown" if row[0] is None else row[0], row[1], row[2], bool(row[3]))
            for row in self._chosen(measure, chosen, start_us, end_us)
        ]

    def costs(self, chosen: Choice, start_us: int, end_us: int) -> list[tuple[str, int]]:
        """Return ``resolved`` or ``not`` and the pico-dollars of each conversation that ended in this time."""
        return [(row[0], row[1]) for row in self._chosen("costs", chosen, start_us, end_us)]

    def _chosen(self, query: str, chosen: Choice, start_us: int, end_us: int) -> list[tuple[Any, ...]]:
        only = {name: value for name, value in chosen.only if name in _COLUMNS}
        series = f"turn.{chosen.per}" if chosen.per in _COLUMNS else "''"
        clauses = "".join(f" AND turn.{name} = :{name}" for name in only)  # our own words; values are bound
        bound = {**only, "start": start_us, "end": end_us, "simulated": chosen.simulated, "detail": chosen.detail}
        with self._store.reading() as connection:
            return connection.execute(self._queries[query].format(series=series, where=clauses), bound).fetchall()

    def _id(self, connection: sqlite3.Connection, key: str) -> int:
        connection.execute(self._queries["make_source"], (key,))
        return int(connection.execute(self._queries["source_id"], (key,)).fetchone()[0])
