"""Insert records in one transaction: all in one sweep, or one by one when a record is in the store already."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store.bodies import Codec
from pointsman.store.reading import find_turn
from pointsman.store.rows import Row, gather_bodies, read_turn, step_row, turn_row
from pointsman.store.sql import load_queries

Job = Callable[[sqlite3.Connection], object]
"""A write to a table beside the turns, run inside the writer's transaction; it must neither commit nor keep the connection."""


class Done(msgspec.Struct, frozen=True):
    """A job that is durable, with what it returned."""

    value: object


Outcome = StoreError | Done | None
"""What became of one record or job: None or ``Done``, it is durable; else why it alone was refused."""

_MAX_KNOWN = 32_768  # body hashes remembered: 3 MiB at most

# What sqlite3 and the codec raise for a value that no column can hold (an integer above 64 bits, a lone surrogate ...).
_UNSTORABLE = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    ValueError,
    TypeError,
    OverflowError,
    StoreError,
)


class _Encoded(msgspec.Struct, frozen=True):
    turn: Row
    steps: list[Row]
    bodies: list[Row]


class Landing:
    """Writes to one connection, which it owns. Used by one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queries = load_queries("turns")
        self._codec = Codec()
        # Bodies known to be in the store, so that a growing history is compressed once, not with every turn.
        self._known: set[bytes] = set()
        self._data_version = -1

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def commit(self, records: Sequence[TurnRecord], jobs: Sequence[Job] = ()) -> list[Outcome]:
        """Write records, then run jobs, in one durable transaction; return what became of each, in that order.

        Writing a record again that is in the store is no change and no error; another record under the same id is refused.
        A job that fails is undone alone.

        Raises:
            sqlite3.Error: nothing was written (lock, full disk ...).
        """
        try:
            self._begin()
            try:
                self._insert_all(records)
                outcomes: list[Outcome] = [None] * len(records)
            except _UNSTORABLE:
                self._rollback()
                self._begin()
                outcomes = [self._insert_one(record) for record in records]
            outcomes += [self._run(job) for job in jobs]
            self._connection.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise
        return outcomes

    def _run(self, job: Job) -> Outcome:
        self._connection.execute("SAVEPOINT job")
        try:
            return Done(job(self._connection))
        except sqlite3.OperationalError:
            raise  # the disk or a lock: nobody's alone
        except Exception as error:  # noqa: BLE001 - a fault of one job must not undo the turns beside it
            self._connection.execute("ROLLBACK TO job")
            return error if isinstance(error, StoreError) else StoreError(f"this cannot be stored: {error}")
        finally:
            self._connection.execute("RELEASE job")

    def _begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        # Another connection may have removed bodies: what we remember holds only while we alone write.
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version or len(self._known) > _MAX_KNOWN:
            self._data_version = version
            self._known.clear()

    def _rollback(self) -> None:
        self._known.clear()  # some of these were in the transaction that is undone
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _next_seq(self) -> int:
        return int(self._connection.execute(self._queries["last_seq"]).fetchone()[0]) + 1

    def _insert_all(self, records: Sequence[TurnRecord]) -> None:
        first = self._next_seq()
        self._insert([self._encode(record, seq) for seq, record in enumerate(records, first)])

    def _insert_one(self, record: TurnRecord) -> Outcome:
        """Insert a record, or say why not; the transaction goes on either way."""
        self._connection.execute("SAVEPOINT one")
        try:
            encoded = self._encode(record, self._next_seq())
            stored = find_turn(self._connection, self._queries, record.id)
            if stored is not None:
                return self._compare(record, encoded, stored)
            self._insert([encoded])
        except _UNSTORABLE as error:
            self._connection.execute("ROLLBACK TO one")
            self._known.clear()
            return StoreError(f"turn {record.id!r} cannot be stored: {error}")
        finally:
            self._connection.execute("RELEASE one")
        return None

    def _compare(self, record: TurnRecord, encoded: _Encoded, stored: TurnRecord) -> Outcome:
        """Compare by what the store would give back: money is rounded there, and NaN has become unknown."""
        columns = [row[1] for row in self._connection.execute("PRAGMA table_info(turn)")]
        step_columns = [row[1] for row in self._connection.execute("PRAGMA table_info(step)")]
        by_hash = gather_bodies(record).by_hash
        again = read_turn(
            dict(zip(columns, encoded.turn, strict=True)),
            [dict(zip(step_columns, row, strict=True)) for row in encoded.steps],
            by_hash.__getitem__,
            self._codec,
        )
        if msgspec.msgpack.encode(again) == msgspec.msgpack.encode(stored):
            return None
        return StoreError(f"turn {record.id!r} is in the store already, with other content. Ids must be unique.")

    def _encode(self, record: TurnRecord, seq: int) -> _Encoded:
        bodies = gather_bodies(record)
        pack, known = self._codec.pack, self._known
        fresh = [(key, pack(body)) for key, body in bodies.by_hash.items() if key not in known]
        known.update(bodies.by_hash)
        steps = [step_row(step, seq, n) for n, step in enumerate(record.steps)]
        return _Encoded(turn_row(record, seq, bodies, self._codec), steps, fresh)

    def _insert(self, encoded: Iterable[_Encoded]) -> None:
        turns, steps, bodies = [], [], []
        for one in encoded:
            turns.append(one.turn)
            steps += one.steps
            bodies += one.bodies
        self._connection.executemany(self._queries["insert_body"], bodies)
        self._connection.executemany(self._queries["insert_turn"], turns)
        self._connection.executemany(self._queries["insert_step"], steps)
