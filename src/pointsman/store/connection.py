"""SQLite connections: how they are opened, and how their errors are put into words."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pointsman.errors import StoreError
from pointsman.store.location import Durability

BUSY_TIMEOUT_S = 5.0
"""How long a connection waits for another process's write before it gives up."""

_RETRY_S = 0.02


def open_writer(path: Path, durability: Durability, *, busy_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """Open ``path`` for writing, creating it if absent. ``busy_s``: how long to wait for another process's lock.

    Raises:
        StoreError: no such folder, no right to write, or not a database.
    """
    if not path.parent.is_dir():
        raise StoreError(
            f"store {path}: the folder {path.parent} does not exist. Create it, or name another with --store."
        )
    if path.is_dir():
        raise StoreError(f"store {path} is a folder. Name a file in it, e.g. sqlite:///{path}/pointsman.db")
    with explained(path):
        connection = _connect(path, "rwc", busy_s)
        try:
            _write_ahead(connection)
            # WAL with synchronous=NORMAL survives kill -9: a commit is in the page cache, which belongs to the kernel.
            # It does not survive a power cut or a kernel crash, and by then the customer has read the reply. FULL syncs the
            # log once per commit; group commit shares that sync between all turns that wait (docs/decisions/0003).
            # What is deleted is overwritten, whatever this build of SQLite does by itself: somebody asked to be forgotten.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
        except BaseException:
            connection.close()
            raise
    return connection


def empty_log(path: Path) -> bool:
    """Write everything into the file itself and empty the log beside it, in which older pages stand; False: a reader holds it.

    Raises:
        StoreError: the file cannot be opened.
    """
    connection = open_writer(path, "full")
    try:
        with explained(path):
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    return not busy


def open_reader(path: Path) -> sqlite3.Connection:
    """Open ``path`` read-only; never creates it.

    Raises:
        StoreError: there is no such file, or it is not a database.
    """
    if not path.is_file():
        raise StoreError(
            f"there is no store at {path}. `pointsman serve` writes one; --store sqlite:///PATH names another."
        )
    with explained(path):
        try:
            connection = _connect_checked(path, "ro")
        except sqlite3.OperationalError:
            if Path(f"{path}-wal").exists():
                raise
            # On a read-only disk SQLite cannot make the shared-memory file of a WAL database. Without a log there is no
            # writer to coordinate with, and the file can be read as it stands.
            connection = _connect_checked(path, "ro&immutable=1")
    return connection


def _connect_checked(path: Path, mode: str) -> sqlite3.Connection:
    connection = _connect(path, mode)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, mode: str, busy_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=busy_s,
        isolation_level=None,  # transactions are begun and ended by us, in words
        check_same_thread=False,  # a connection is used by one thread at a time: the writer's, or a reader's on loan
    )
    connection.row_factory = None
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait here when two processes open a new file at once, so we do."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
        else:
            return


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells this file from one put in its place (device, inode), None if it is gone."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a third of Path.stat's cost, and the writer asks once per commit
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ``StoreError`` with the file and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(path, error) from error


def explain(path: Path, error: sqlite3.Error) -> StoreError:
    """Put a SQLite error into words."""
    text = str(error)
    name = getattr(error, "sqlite_errorname", None) or ""
    hints = {
        "SQLITE_NOTADB": "it is not a SQLite database. Name another file with --store.",
        "SQLITE_CORRUPT": "the file is damaged. Restore a copy, or move it away and start a new one.",
        "SQLITE_BUSY": "another process holds its lock. Is a backup or a second writer at work? Writing goes on once it is free.",
        "SQLITE_FULL": "the disk is full. Free some space; writing goes on by itself.",
        "SQLITE_READONLY": "it cannot be written. Check the rights of the file and its folder.",
        "SQLITE_CANTOPEN": "it cannot be opened. Check that its folder exists and that this user may write there.",
        "SQLITE_IOERR": f"the disk gave an error ({text}).",
    }
    for code, hint in hints.items():
        if name.startswith(code):
            return StoreError(f"store {path}: {hint}")
    return StoreError(f"store {path}: {text}.")
