"""The store's one door: append finished turns, read them back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store.connection import BUSY_TIMEOUT_S, explained, identity, open_reader, open_writer
from pointsman.store.location import Durability, Location, parse_url
from pointsman.store.migrations import migrate, require_current
from pointsman.store.reading import EVERYTHING, TurnFilter, TurnRow, count_turns, find_turn, list_turns
from pointsman.store.reports import CallsRow, ReportRow, report, report_calls
from pointsman.store.sql import load_queries
from pointsman.store.writer import Writer

T = TypeVar("T")


def open_store(
    url: str, *, must_exist: bool = False, read_only: bool | None = None, durability: Durability | None = None
) -> Store:
    """Open the store at ``url``, by default for writing, created and brought up to date as needed.

    ``must_exist`` is for commands that only read: the file is opened read-only and never created (``read_only=False``
    beside it: an existing store, for writing). ``durability`` overrides the URL's ``?durability=``.

    Raises:
        StoreError: the URL is not understood, the file cannot be opened, is not a store, or is of a newer version.
    """
    location = parse_url(url)
    if durability is not None:
        location = msgspec.structs.replace(location, durability=durability)
    reading = must_exist if read_only is None else read_only
    if must_exist or reading:
        probe = open_reader(location.path)
        try:
            if reading:
                require_current(probe, location.path)
        finally:
            probe.close()
    if not reading:
        with explained(location.path):
            connection = open_writer(location.path, location.durability)
            try:
                migrate(connection, location.path)
            finally:
                connection.close()
    return Store(location, read_only=reading)


class Store:
    """Finished turns on disk. ``append`` from an event loop, everything else from any thread."""

    def __init__(
        self, location: Location, *, read_only: bool, gather_s: float = 0.0, busy_s: float = BUSY_TIMEOUT_S
    ) -> None:
        self._location = location
        self._queries = load_queries("turns")
        self._writer = None if read_only else Writer(location, gather_s=gather_s, busy_s=busy_s)
        # Read connections not in use. A list's append and pop are atomic, so threads may lend and return freely.
        self._idle: list[tuple[tuple[int, int] | None, sqlite3.Connection]] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._location.path

    def append(self, record: TurnRecord) -> asyncio.Future[None]:
        """Hand over a record; the future resolves once the commit that contains it is durable.

        Call it from a running event loop. Appending the same record again is no change and no error. A cancelled future
        does not take the record back.

        Raises:
            StoreError: from the future: the record could not be written (later ones may be). At once: the store is closed
                or was opened for reading.
        """
        return self._writing().submit(record)

    def append_sync(self, record: TurnRecord) -> None:
        """Write a record and wait until it is durable; for code without an event loop.

        Raises:
            StoreError: it could not be written.
        """
        self._writing().submit_from_thread(record).result()

    async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``job`` on the writer's thread, inside its transaction, and return what it returns once that is durable.

        For tables beside the turns. The job must neither commit nor keep the connection; one that raises is undone alone.

        Raises:
            StoreError: it could not be written, or the store is closed or was opened for reading.
        """
        result: T = await asyncio.shield(self._writing().submit(job))
        return result

    def post(self, job: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """As ``write``, for who need not wait: line the job up now, in order with what was appended before.

        Raises:
            StoreError: from the future, as ``write``. At once: the store is closed or was opened for reading.
        """
        return self._writing().submit(job)

    def write_sync(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """As ``write``, for code without an event loop."""
        result: T = self._writing().submit_from_thread(job).result()
        return result

    def turn(self, turn_id: str) -> TurnRecord | None:
        """Return a whole turn with its bodies, None if there is none.

        Raises:
            StoreError: the store cannot be read, or the turn's bytes are damaged.
        """
        with self.reading() as connection:
            return find_turn(connection, self._queries, turn_id)

    def ids_with_prefix(self, prefix: str, limit: int = 10) -> list[str]:
        """Return up to ``limit`` turn ids that begin with ``prefix``, in order."""
        with self.reading() as connection:
            rows = connection.execute(self._queries["ids_with_prefix"], {"prefix": prefix, "limit": limit})
            return [row[0] for row in rows]

    def turns(self, chosen: TurnFilter = EVERYTHING, limit: int = 20) -> list[TurnRow]:
        """Return the newest ``limit`` turns that match, newest first."""
        with self.reading() as connection:
            return list_turns(connection, self._queries, chosen, limit)

    def count(self, chosen: TurnFilter = EVERYTHING) -> int:
        """Return how many turns match."""
        with self.reading() as connection:
            return count_turns(connection, self._queries, chosen)

    def last_turn(self, conversation_id: str) -> TurnRow | None:
        """Return the newest turn of a conversation, None if it has none. One index look-up."""
        found = self.turns(TurnFilter(conversation=conversation_id), limit=1)
        return found[0] if found else None

    def report(
        self,
        by: tuple[str, ...] = (),
        since_us: int | None = None,
        until_us: int | None = None,
        filters: TurnFilter = EVERYTHING,
    ) -> list[ReportRow]:
        """Sum up turns by the dimensions named (``reports.DIMENSIONS``), the largest group first; all in one row without any.

        ``since_us`` and ``until_us`` (Unix microseconds, ``until_us`` not included) narrow ``filters``.

        Raises:
            StoreError: an unknown dimension, or the store cannot be read.
        """
        if since_us is not None:
            filters = msgspec.structs.replace(filters, since_us=since_us)
        if until_us is not None:
            filters = msgspec.structs.replace(filters, until_us=until_us)
        with self.reading() as connection:
            return report(connection, load_queries("report"), by, filters)

    def calls(
        self, since_us: int | None = None, until_us: int | None = None, filters: TurnFilter = EVERYTHING
    ) -> list[CallsRow]:
        """Return what each model was called for, and what that cost, over the turns that match."""
        filters = msgspec.structs.replace(
            filters,
            since_us=filters.since_us if since_us is None else since_us,
            until_us=filters.until_us if until_us is None else until_us,
        )
        with self.reading() as connection:
            return report_calls(connection, filters)

    def close(self) -> None:
        """Commit what is lined up, then close every connection; one that is lent is closed when it comes back."""
        self._closed = True
        while self._idle:
            self._idle.pop()[1].close()
        if self._writer is not None:
            # Last of all: the last connection to close folds the log back into the file, if it may write.
            self._writer.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a read-only connection.

        Raises:
            StoreError: the store cannot be read.
        """
        path = self._location.path
        file = identity(path)
        connection = self._lend(file) or open_reader(path)
        try:
            with explained(path):
                yield connection
        except BaseException:
            connection.close()
            raise
        if self._closed:
            connection.close()
        else:
            self._idle.append((file, connection))

    def _lend(self, file: tuple[int, int] | None) -> sqlite3.Connection | None:
        while self._idle:
            known, connection = self._idle.pop()
            if known == file:
                return connection
            connection.close()  # the file was removed or replaced since
        return None

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"store {self._location.path} was opened for reading only.")
        return self._writer
