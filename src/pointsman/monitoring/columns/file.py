"""The column file beside a store: who may open it when, and what happens when it cannot be read.

DuckDB lets one process write, or several read. A lock file beside it lines everybody up, threads and processes alike, so that
the fold of ``pointsman serve`` and a ``pointsman report`` wait for each other instead of failing. A lock ends with its
process: a kill leaves none behind. The file holds nothing that the store does not: one that is damaged, or of another
version, is deleted and made again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pointsman.errors import StoreError
from pointsman.monitoring.columns.schema import VERSION, statements

if TYPE_CHECKING:
    import duckdb

try:
    import fcntl
except ImportError:  # not there on Windows: DuckDB's own lock, and trying again, must do
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)
_PATIENCE_S: Final = 60.0
_LOOK_AGAIN_S: Final = 0.004
_CLOSED: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


class Mark(msgspec.Struct, frozen=True):
    """How far the fold has come: in which store, up to which turn and which change beside the turns (-1: none was looked at)."""

    store_uid: str
    turn_seq: int = 0
    change_n: int = -1


class ColumnFile:
    """The column file of the store at ``store``, beside it or in ``folder``. Holds nothing open; many threads may use one."""

    def __init__(self, store: Path, *, folder: Path | None = None, patience_s: float = _PATIENCE_S) -> None:
        place = folder or store.parent
        self.path = place / (store.name + ".duckdb")
        self._lock = place / (store.name + ".duckdb.lock")
        self._patience_s = patience_s

    def files(self) -> list[Path]:
        """Return the files that may hold figures of turns: the file itself, its log and its overflow."""
        return [self.path, self.path.with_name(self.path.name + ".wal"), self.path.with_name(self.path.name + ".tmp")]

    @contextlib.contextmanager
    def writing(self, store_uid: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend the one writing connection, on a file with today's tables for this store; others wait meanwhile.

        Raises:
            StoreError: the file cannot be written, or others kept it for a minute.
        """
        with self._turn_of(exclusive=True), self.opened(store_uid) as connection:
            yield connection

    @contextlib.contextmanager
    def opened(self, store_uid: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """As ``writing``, for who keeps everybody away already (``alone``)."""
        import duckdb

        connection = self._current(store_uid)
        try:
            yield connection
        except (duckdb.Error, OSError) as error:
            why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise StoreError(
                f"{self.path} cannot be written ({why}). "
                "Nothing is lost: once there is room, `pointsman fold` goes on from where it was."
            ) from error
        finally:
            connection.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a read-only connection that reaches no other file; any number may read at once.

        Raises:
            StoreError: there is no file yet, or it cannot be read.
        """
        with self._turn_of(exclusive=False), self._reading(outside="false") as connection:
            yield connection

    @contextlib.contextmanager
    def exporting(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a read-only connection that may write other files, alone: one process cannot open the file in both ways.

        Raises:
            StoreError: there is no file yet, or it cannot be read.
        """
        with self._turn_of(exclusive=True), self._reading(outside="true") as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self, *, outside: str) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        if not self.path.exists():
            raise StoreError(f"there are no columns at {self.path} yet: `pointsman fold` makes them.")
        try:
            config = {**_CLOSED, "enable_external_access": outside}
            connection = duckdb.connect(str(self.path), read_only=True, config=config)
        except duckdb.Error as error:
            raise self._explained(error) from None
        try:
            yield connection
        finally:
            connection.close()

    def remove(self) -> None:
        """Delete the file with all that belongs to it; the next fold makes it again."""
        with self._turn_of(exclusive=True):
            self._remove()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep everybody from the file, without opening it."""
        with self._turn_of(exclusive=True):
            yield

    def _current(self, store_uid: str) -> duckdb.DuckDBPyConnection:
        import duckdb

        try:
            connection = self._open()
            found = _version(connection)
            if found == (VERSION, store_uid):
                return connection
            connection.close()
            if found is not None:
                _log.warning("%s is of another version or store: it is made again from the store", self.path)
                self._remove()
        except (duckdb.IOException, duckdb.PermissionException) as error:
            if "lock" in str(error) or not self._readable():
                raise self._explained(error) from None
            self._start_over(error)
        except duckdb.Error as error:
            self._start_over(error)
        connection = self._open()
        connection.begin()
        for statement in statements():
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES (?, ?, 0, -1)", (VERSION, store_uid))
        connection.commit()
        return connection

    def _start_over(self, error: Exception) -> None:
        _log.warning("%s cannot be read (%s): it is made again from the store", self.path, str(error)[:200])
        self._remove()

    def _readable(self) -> bool:
        return os.access(self.path, os.R_OK | os.W_OK) if self.path.exists() else os.access(self.path.parent, os.W_OK)

    def _open(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        connection = duckdb.connect(str(self.path), config=_CLOSED)
        connection.execute("SET preserve_insertion_order = true")
        return connection

    def _remove(self) -> None:
        for path in self.files():
            if path.is_dir():
                for inner in path.iterdir():
                    inner.unlink(missing_ok=True)
                path.rmdir()
            else:
                path.unlink(missing_ok=True)

    def _explained(self, error: Exception) -> StoreError:
        return StoreError(
            f"{self.path} cannot be opened ({str(error).splitlines()[0][:200]}). Is another program at work on it? "
            "It may be deleted: it is made again from the store."
        )

    @contextlib.contextmanager
    def _turn_of(self, *, exclusive: bool) -> Iterator[None]:
        if fcntl is None:
            yield
            return
        try:
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{self._lock} cannot be written: {error.strerror}.") from None
        try:
            self._wait(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    def _wait(self, handle: int, kind: int) -> None:
        until = time.monotonic() + self._patience_s
        while True:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StoreError(f"{self.path} has been in use for {self._patience_s:.0f} s. Try again.") from None
                time.sleep(_LOOK_AGAIN_S)
            else:
                return


def read_mark(connection: duckdb.DuckDBPyConnection) -> Mark:
    """Return how far the fold of this file has come."""
    row = connection.execute("SELECT store_uid, turn_seq, change_n FROM meta").fetchone()
    return Mark(*row) if row else Mark("")


def _version(connection: duckdb.DuckDBPyConnection) -> tuple[int, str] | None:
    """Return version and store of a file; None: it is empty."""
    tables = connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
    if tables is None or not tables[0]:
        return None
    row = connection.execute("SELECT version, store_uid FROM meta").fetchone()
    return (0, "") if row is None else (row[0], row[1])
