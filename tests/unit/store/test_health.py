"""A damaged store is noticed before turns are written to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from pointsman.store import open_store
from pointsman.store.health import damage

from .conftest import MakeRecord

PAGE = 4096


def filled(url: str, make: MakeRecord, turns: int) -> Path:
    with open_store(url) as store:
        for n in range(turns):
            decision = msgspec.structs.replace(make().decision, id=f"turn_{n}")
            store.append_sync(make(n, decision=decision, request=(("message", f"text {n} ".encode() * 100),)))
        return store.path


def test_a_sound_store_passes(url: str, make: MakeRecord) -> None:
    assert damage(filled(url, make, 30), within_s=60) is None


def test_a_damaged_page_is_named_in_one_line_with_what_to_do(url: str, make: MakeRecord) -> None:
    path = filled(url, make, 30)
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'turn_at'").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * PAGE : (page - 1) * PAGE + 100] = b"\xff" * 100
    path.write_bytes(content)
    found = damage(path, within_s=60)
    assert found is not None
    assert found.startswith(f"store {path}: the file is damaged (")
    assert "New turns may be refused" in found
    assert found.endswith("Restore a copy, or move it away and start a new one.")
    assert "\n" not in found


def test_what_is_no_database_is_named_too(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"garbage" * 1000)
    assert "is not a SQLite database" in str(damage(path))
    assert "there is no store" in str(damage(tmp_path / "gone.db"))


def test_a_large_store_is_looked_at_for_a_moment_only(url: str, make: MakeRecord) -> None:
    path = filled(url, make, 5)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO body (hash, data) SELECT randomblob(16), zeroblob(40000000)")
    content = bytearray(path.read_bytes())
    content[-PAGE:] = b"\xff" * PAGE
    path.write_bytes(content)
    assert damage(path, within_s=0) is None
