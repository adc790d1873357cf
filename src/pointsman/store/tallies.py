"""Counts by minute that monitors read: kept beside the turns, so that they outlive a restart."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store.bodies import Codec, manifest
from pointsman.store.cursors import move_cursor
from pointsman.store.reading import mappings
from pointsman.store.rows import read_turn
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


def records_after(store: Store, seq: int, limit: int = 500) -> list[tuple[int, TurnRecord]]:
    """Return up to ``limit`` turns committed after ``seq`` in order, without the requests' bodies; damaged ones are left out.

    Raises:
        StoreError: the store cannot be read.
    """
    queries, codec = load_queries("tallies"), Codec()
    with store.reading() as connection:
        rows = mappings(connection.execute(queries["turns_after"], (seq, limit)))
        if not rows:
            return []
        steps: dict[int, list[Mapping[str, object]]] = {}
        for step in mappings(connection.execute(queries["steps_between"], (rows[0]["seq"], rows[-1]["seq"]))):
            steps.setdefault(step["turn_seq"], []).append(step)

        def fetch(key: bytes) -> bytes:
            found = connection.execute(queries["body"], (key,)).fetchone()
            return (
                codec.unpack(found[0]) if found else b""
            )  # bodies may have been deleted, the turn is counted all the same

        found = []
        for row in rows:
            try:
                record = read_turn({**row, "manifest": _NO_BODIES}, steps.get(row["seq"], []), fetch, codec)
            except StoreError as error:
                _log.warning("a turn is not counted: %s", error)
                continue
            found.append((int(row["seq"]), record))
        return found


def last_seq(store: Store, before_us: int | None = None) -> int:
    """Return the seq of the newest turn; with ``before_us``, of the last before the first turn that arrived since then."""
    with store.reading() as connection:
        if before_us is None:
            row = connection.execute(load_queries("tallies")["newest"]).fetchone()
        else:
            row = connection.execute(load_queries("tallies")["last_before"], (before_us,)).fetchone()
    return int(row[0] or 0)


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

    def _id(self, connection: sqlite3.Connection, key: str) -> int:
        connection.execute(self._queries["make_source"], (key,))
        return int(connection.execute(self._queries["source_id"], (key,)).fetchone()[0])


_NO_BODIES = manifest([], [])
