"""Bring a store's schema up to date, one transaction per step, safely beside other processes."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from pointsman.errors import StoreError
from pointsman.store.connection import explained
from pointsman.store.sql import Migration, load_migrations

APPLICATION_ID = int.from_bytes(b"pms1", "big")


def migrate(connection: sqlite3.Connection, path: Path, *, up_to: int | None = None) -> int:
    """Apply what is missing and return the schema's version. ``up_to`` stops early (for tests of old stores).

    Raises:
        StoreError: the file belongs to another program, or to a newer Pointsman.
    """
    migrations = load_migrations()
    with explained(path):
        version = check(connection, path, migrations[-1].version)
        for migration in migrations:
            if version < migration.version <= (up_to or migration.version):
                version = _apply(connection, migration)
    return version


def check(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """Return the schema's version, 0 for an empty file.

    Raises:
        StoreError: the file belongs to another program, or to a newer Pointsman.
    """
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    if "schema_version" not in tables or connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StoreError(f"store {path}: it is a SQLite database of another program. Name another file with --store.")
    version: int = connection.execute("SELECT max(version) FROM schema_version").fetchone()[0]
    if version > newest:
        raise StoreError(
            f"store {path} was written by a newer Pointsman (schema {version}, this one knows {newest}). "
            "Upgrade Pointsman, or name another file with --store."
        )
    return version


def require_current(connection: sqlite3.Connection, path: Path) -> None:
    """Check that a store opened read-only has the schema this version reads.

    Raises:
        StoreError: it is empty, older, newer, or another program's.
    """
    newest = load_migrations()[-1].version
    with explained(path):
        version = check(connection, path, newest)
    if version == 0:
        raise StoreError(f"store {path} is an empty file: no turn was ever written to it.")
    if version < newest:
        raise StoreError(
            f"store {path} was written by an older Pointsman (schema {version}, this one reads {newest}). "
            "Start `pointsman serve` on it once: that brings it up to date in place."
        )


def _apply(connection: sqlite3.Connection, migration: Migration) -> int:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version"
            " (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at_us INTEGER NOT NULL)"
        )
        # Asked again under the lock: another process may have been faster.
        version: int = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()[0]
        if version < migration.version:
            for statement in migration.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_version VALUES (?, ?, ?)",
                (migration.version, migration.name, time.time_ns() // 1000),
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return max(version, migration.version)
