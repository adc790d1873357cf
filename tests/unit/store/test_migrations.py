from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store import open_store
from pointsman.store.connection import open_writer
from pointsman.store.keys import create_key, list_keys
from pointsman.store.migrations import migrate
from pointsman.store.sql import load_migrations

MakeRecord = Callable[..., TurnRecord]
VERSIONS = [migration.version for migration in load_migrations()]
NEWEST = VERSIONS[-1]


def schema(path: Path) -> list[tuple[str, ...]]:
    """Everything in the file that has a definition, without the order in which it was made."""
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return sorted(rows)


def old_store(path: Path, version: int) -> sqlite3.Connection:
    connection = open_writer(path, "normal")
    assert migrate(connection, path, up_to=version) == version
    return connection


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_a_fresh_schema_equals_a_migrated_one(tmp_path: Path, version: int) -> None:
    old_store(tmp_path / "old.db", version).close()
    assert schema(tmp_path / "old.db") != schema_of_fresh(tmp_path)
    open_store(f"sqlite:///{tmp_path}/old.db").close()
    assert schema(tmp_path / "old.db") == schema_of_fresh(tmp_path)


def schema_of_fresh(folder: Path) -> list[tuple[str, ...]]:
    open_store(f"sqlite:///{folder}/fresh.db").close()
    return schema(folder / "fresh.db")


def test_turns_written_by_the_first_version_are_kept(tmp_path: Path, make: MakeRecord) -> None:
    path = tmp_path / "old.db"
    with open_store(f"sqlite:///{tmp_path}/new.db") as store:
        store.append_sync(make(1))
        store.append_sync(make(2))
    with closing(old_store(path, 1)) as connection:
        connection.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
        for table in ("body", "turn", "step"):
            columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
            connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
    with open_store(f"sqlite:///{path}") as store:
        assert [store.turn("turn_1"), store.turn("turn_2")] == [make(1), make(2)]
        create_key(store, "support-bot")
        assert [key.name for key in list_keys(store)] == ["support-bot"]


def test_a_reading_command_says_how_to_bring_an_old_store_up_to_date(tmp_path: Path) -> None:
    old_store(tmp_path / "old.db", 1).close()
    with pytest.raises(StoreError, match="older Pointsman"):
        open_store(f"sqlite:///{tmp_path}/old.db", must_exist=True)


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    open_store(url).close()
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection, connection:
        connection.execute("INSERT INTO schema_version VALUES (99, 'future', 0)")
    for must_exist in (False, True):
        with pytest.raises(StoreError, match="newer Pointsman"):
            open_store(url, must_exist=must_exist)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE cats (name TEXT)")
    for must_exist in (False, True):
        with pytest.raises(StoreError, match="another program"):
            open_store(f"sqlite:///{tmp_path}/other.db", must_exist=must_exist)
    assert [row[1] for row in schema(tmp_path / "other.db")] == ["cats"]


def test_many_openers_at_once_make_one_store(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    failures: list[BaseException] = []
    gate = threading.Barrier(6)

    def enter() -> None:
        gate.wait()
        try:
            open_store(url).close()
        except BaseException as error:  # noqa: BLE001 - the test reports it
            failures.append(error)

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with closing(sqlite3.connect(tmp_path / "shared.db")) as connection, connection:
        assert connection.execute("SELECT count(*) FROM schema_version").fetchone()[0] == len(VERSIONS)


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = old_store(path, 1)
    connection.execute("CREATE TABLE client_key (other TEXT)")
    before = schema(path)
    with pytest.raises(StoreError, match="already exists"):
        migrate(connection, path)
    connection.close()
    assert schema(path) == before
