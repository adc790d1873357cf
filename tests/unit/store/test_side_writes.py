"""Writes to tables beside the turns share the writer's transactions and its durability."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.errors import StoreError
from pointsman.store import open_store


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM client_key").fetchone()[0])


def _add(name: str) -> Callable[[sqlite3.Connection], str]:
    def job(connection: sqlite3.Connection) -> str:
        connection.execute(
            "INSERT INTO client_key (id, name, secret_sha256, created_at_us) VALUES (?, ?, ?, 0)",
            (name, name, name.encode()),
        )
        return name

    return job


def test_a_job_returns_its_value_once_durable(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    with open_store(url) as store:
        assert asyncio.run(store.write(_add("one"))) == "one"
        assert store.write_sync(_add("two")) == "two"
        with store.reading() as connection:
            assert _count(connection) == 2


def test_a_job_that_fails_is_undone_alone(tmp_path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO client_key (id, name, secret_sha256, created_at_us) VALUES ('half', 'half', x'00', 0)"
        )
        raise StoreError("no such agent")

    async def both() -> None:
        results = await asyncio.gather(store.write(half), store.write(_add("good")), return_exceptions=True)
        assert str(results[0]) == "no such agent"
        assert results[1] == "good"

    with open_store(f"sqlite:///{tmp_path / 's.db'}") as store:
        asyncio.run(both())
        with store.reading() as connection:
            assert _count(connection) == 1
        with pytest.raises(StoreError, match="UNIQUE"):
            store.write_sync(_add("good"))
