"""Folds the landing store into the column file: each turn once, in batches, from where it stopped.

The place is kept in the same transaction as the rows, in the column file itself: a kill in the middle leaves the file as it
was before the batch. Turns never change, so their seq says what is new; rows beside them do, and triggers in the store note
which (``0017_folding.sql``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.monitoring.columns.beside import KINDS, fold_all, refold
from pointsman.monitoring.columns.file import ColumnFile, Mark, read_mark
from pointsman.monitoring.columns.inserting import Inserter
from pointsman.monitoring.columns.rows import STEP_COLUMNS, TURN_COLUMNS, WARM_US, RowMaker, Warm
from pointsman.monitoring.columns.splitting import Splitter
from pointsman.store import Store

if TYPE_CHECKING:
    import duckdb

_BATCH: Final = 20_000
_TURNS: Final = f"SELECT {TURN_COLUMNS} FROM turn WHERE seq > ? ORDER BY seq LIMIT ?"
_STEPS: Final = f"SELECT {STEP_COLUMNS} FROM step WHERE turn_seq > ? AND turn_seq <= ? ORDER BY turn_seq, n"
_CHANGES: Final = "SELECT n, kind, id, key_id FROM fold_change WHERE n > ? ORDER BY n LIMIT ?"


class Folded(msgspec.Struct, frozen=True):
    """What a fold did: turns taken, rows beside them taken again, and whether all that was there has been folded."""

    turns: int = 0
    beside: int = 0
    done: bool = True


class Fold:
    """Folds one store. Used by one thread at a time; any number of processes may have one."""

    def __init__(self, store: Store, catalog: Catalog, *, batch: int = _BATCH, file: ColumnFile | None = None) -> None:
        self._store = store
        self.file = file or ColumnFile(store.path)
        self._batch = batch
        self._maker = RowMaker(Splitter(catalog))
        self._inserters = {name: Inserter(name) for name in ("turn", "step", "checked", "handoff")}
        self._seen: Mark | None = None

    def run(self) -> Folded:
        """Fold until nothing is left.

        Raises:
            StoreError: the store or the column file cannot be read or written.
        """
        turns = beside = 0
        while True:
            step = self.step()
            turns, beside = turns + step.turns, beside + step.beside
            if step.done:
                return Folded(turns, beside)

    def waiting(self) -> int | None:
        """Return how many turns and changes came since the last step that finished; None: it is not known. Cheap.

        Raises:
            StoreError: the store cannot be read.
        """
        if self._seen is None:
            return None
        with self._store.reading() as landing:
            uid, newest, change = _ends(landing)
        same = uid == self._seen.store_uid
        return newest - self._seen.turn_seq + change - max(0, self._seen.change_n) if same else None

    def step(self) -> Folded:
        """Fold one batch. Cheap when nothing is new: the column file is not even opened.

        Raises:
            StoreError: the store or the column file cannot be read or written.
        """
        with self._store.reading() as landing:
            uid, newest, change = _ends(landing)
            if self._seen == Mark(uid, newest, change) and self.file.path.exists():
                return Folded()
            with self.file.writing(uid) as columns:
                landing.execute("BEGIN")
                try:
                    return self._take(columns, landing, uid)
                finally:
                    landing.execute("ROLLBACK")

    def _take(self, columns: duckdb.DuckDBPyConnection, landing: sqlite3.Connection, uid: str) -> Folded:
        _, newest, change = _ends(landing)
        before = read_mark(columns)
        columns.begin()
        turns = landing.execute(_TURNS, (before.turn_seq, self._batch)).fetchall()
        full = len(turns) == self._batch
        reached = turns[-1][0] if full else max(newest, before.turn_seq)
        if turns:
            self._insert(columns, turns, landing.execute(_STEPS, (before.turn_seq, reached)).fetchall())
        beside, change_n = self._beside(columns, landing, before, change)
        columns.execute("UPDATE meta SET turn_seq = ?, change_n = ?", (reached, change_n))
        columns.commit()
        self._seen = Mark(uid, reached, change_n)
        return Folded(len(turns), beside, not full and change_n >= change)

    def _insert(self, columns: duckdb.DuckDBPyConnection, turns: Sequence[Any], steps: Sequence[Any]) -> None:
        made = self._maker.batch(turns, steps, _warm(columns, min(turn[3] for turn in turns)))
        folder = self.file.path.parent
        for name, inserter in self._inserters.items():
            inserter.insert(columns, getattr(made, name), folder)

    def _beside(
        self, columns: duckdb.DuckDBPyConnection, landing: sqlite3.Connection, before: Mark, change: int
    ) -> tuple[int, int]:
        """Return how many rows beside the turns were taken, and up to which change."""
        folder = self.file.path.parent
        if before.change_n < 0:
            return fold_all(columns, landing, folder), change
        rows = landing.execute(_CHANGES, (before.change_n, self._batch)).fetchall()
        if not rows:
            return 0, change
        made = 0
        for kind, beside in KINDS.items():
            owners = {_owner(kind, row, len(beside.owner)) for row in rows if row[1] == kind}
            made += refold(columns, landing, kind, sorted(owners), folder)
        return made, rows[-1][0]


def _warm(columns: duckdb.DuckDBPyConnection, first_us: int) -> Warm:
    """Return what the turns of the hour before ``first_us`` left for a cache. Rows lie in time's order: little is read."""
    rows = columns.execute(
        "SELECT conv, max(at_us), arg_max(answer_prompt + coalesce(answer_output, 0), at_us) FROM turn"
        " WHERE at_us >= ? AND answer_prompt IS NOT NULL GROUP BY conv",
        (first_us - WARM_US,),
    ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def _owner(kind: str, row: tuple[Any, ...], width: int) -> tuple[Any, ...]:
    if kind == "rejection":
        return (int(row[2]),)
    return (row[2], row[3]) if width > 1 else (row[2],)


def _ends(landing: sqlite3.Connection) -> tuple[str, int, int]:
    """Return the store's identity, the newest turn's seq and the newest change's number."""
    row = landing.execute(
        "SELECT uid, max(last_seq, coalesce((SELECT max(seq) FROM turn), 0)),"
        " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'fold_change'), 0) FROM store_identity"
    ).fetchone()
    return row[0], row[1], row[2]
