"""The one thread that writes: group commit, and a future that resolves only when its record is durable.

While one commit runs, records line up; the next commit takes all of them. So the cost of a commit is shared by as many
turns as arrived during the one before, and a lone turn waits for nobody. There is no gathering pause: measured, it only
added its own length to every turn (``benchmarks/store.py --gather-ms 1``).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future as ThreadFuture
from queue import Empty, SimpleQueue
from typing import Any

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store.connection import BUSY_TIMEOUT_S, explain, identity, open_writer
from pointsman.store.landing import Job, Landing, Outcome
from pointsman.store.location import Location
from pointsman.store.migrations import migrate

_LOG = logging.getLogger(__name__)
_MAX_BATCH = 512  # turns in one transaction: keeps the wait of the first of them short


class _Waiting(msgspec.Struct, frozen=True, eq=False):
    """A record or a job, and who waits for it: a future of ``loop``, or of a thread when ``loop`` is None."""

    record: TurnRecord | Job
    loop: asyncio.AbstractEventLoop | None
    future: asyncio.Future[Any] | ThreadFuture[Any]


class Writer:
    """Takes records from any thread and commits them in order from its own.

    The line has no second bound: each record in it belongs to a turn whose caller awaits its future, so it is as long as
    the number of turns in flight, which the gateway limits. Nothing is dropped: a record is committed, or its future
    raises ``StoreError``.
    """

    def __init__(self, location: Location, *, gather_s: float = 0.0, busy_s: float = BUSY_TIMEOUT_S) -> None:
        self._location = location
        self._gather_s = gather_s
        self._busy_s = busy_s
        self._line: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._door = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._landing: Landing | None = None
        self._file: tuple[int, int] | None = None

    def submit(self, record: TurnRecord | Job) -> asyncio.Future[Any]:
        """Line up a record or a job from a running event loop; the future resolves on that loop, to what a job returns."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._put(_Waiting(record, loop, future))
        return future

    def submit_from_thread(self, record: TurnRecord | Job) -> ThreadFuture[Any]:
        """Line up a record or a job from plain threaded code."""
        future: ThreadFuture[Any] = ThreadFuture()
        self._put(_Waiting(record, None, future))
        return future

    def close(self) -> None:
        """Commit everything lined up and end the thread. Further records are refused."""
        with self._door:
            already, self._closed = self._closed, True
        if self._thread is not None and not already:
            self._line.put(None)
            self._thread.join()

    def _put(self, waiting: _Waiting) -> None:
        with self._door:
            if self._closed:
                raise StoreError(f"store {self._location.path} is closed: no turn can be written to it.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pointsman-store", daemon=True)
                self._thread.start()
            self._line.put(waiting)

    def _run(self) -> None:
        try:
            open_ = True
            while open_:
                batch, open_ = self._next_batch()
                if batch:
                    self._write(batch)
        finally:
            self._drop_connection()

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        """Wait for a record, then take all that are in line. False: the store closes after these."""
        first = self._line.get()
        if first is None:
            return [], False
        if self._gather_s:
            time.sleep(self._gather_s)
        rest, open_ = self._take(_MAX_BATCH - 1)
        return [first, *rest], open_

    def _take(self, most: int) -> tuple[list[_Waiting], bool]:
        taken: list[_Waiting] = []
        while len(taken) < most:
            try:
                waiting = self._line.get_nowait()
            except Empty:
                break
            if waiting is None:
                return taken, False
            taken.append(waiting)
        return taken, True

    def _write(self, batch: list[_Waiting]) -> None:
        try:
            batch = sorted(batch, key=_is_job)  # records first, each kind in its order
            records = [waiting.record for waiting in batch if isinstance(waiting.record, TurnRecord)]
            jobs = [waiting.record for waiting in batch if not isinstance(waiting.record, TurnRecord)]
            outcomes: Sequence[Outcome] = self._ready().commit(records, jobs)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            # The whole transaction failed. Whoever lined up meanwhile would meet the same full disk or lock: told now, they
            # do not wait for it one timeout after another.
            self._drop_connection()
            told = self._in_words(error)
            behind, open_ = self._take(self._line.qsize())
            if not open_:
                self._line.put(None)  # the word to close was among them
            batch = [*batch, *behind]
            outcomes = [StoreError(told) for _ in batch]
        _deliver(zip(batch, outcomes, strict=True))

    def _in_words(self, error: Exception) -> str:
        if isinstance(error, sqlite3.Error):
            return str(explain(self._location.path, error))
        if isinstance(error, StoreError):
            return str(error)
        _LOG.error("the store's writer failed", exc_info=error)
        return f"store {self._location.path}: writing failed ({error!r})."

    def _ready(self) -> Landing:
        """Return the landing on an open connection, opened anew if the file was removed or replaced under us."""
        path = self._location.path
        if self._landing is not None and identity(path) != self._file:
            _LOG.warning("store %s was removed or replaced while open: writing to a new one", path)
            self._drop_connection()
        if self._landing is None:
            connection = open_writer(path, self._location.durability, busy_s=self._busy_s)
            try:
                migrate(connection, path)
            except BaseException:
                connection.close()
                raise
            self._landing = Landing(connection)
            self._file = identity(path)
        return self._landing

    def _drop_connection(self) -> None:
        if self._landing is not None:
            landing, self._landing = self._landing, None
            landing.close()


def _is_job(waiting: _Waiting) -> bool:
    return not isinstance(waiting.record, TurnRecord)


def _deliver(done: Iterable[tuple[_Waiting, Outcome]]) -> None:
    """Tell everyone who waits; each event loop is woken once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Outcome]]] = {}
    for waiting, outcome in done:
        if isinstance(waiting.future, ThreadFuture):
            _settle_thread(waiting.future, outcome)
        elif waiting.loop is not None:
            by_loop.setdefault(waiting.loop, []).append((waiting.future, outcome))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            # The loop is closed, so nobody waits any more; the records are written all the same.
            _LOG.debug("an event loop closed before %d of its records were committed", len(settled))


def _settle(settled: list[tuple[asyncio.Future[Any], Outcome]]) -> None:
    for future, outcome in settled:
        if future.done():  # cancelled: its caller left, the record is committed
            continue
        if isinstance(outcome, StoreError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome.value if outcome else None)


def _settle_thread(future: ThreadFuture[Any], outcome: Outcome) -> None:
    if isinstance(outcome, StoreError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome.value if outcome else None)
