from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from pointsman.domain.decision import Decision
from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store import Store, open_store
from pointsman.store.location import Location


def turn(name: str) -> TurnRecord:
    decision = Decision(id=name, route="direct", model="local/demo", tier="small", policy="p")
    return TurnRecord(
        id=name,
        conversation_id="c",
        at_us=1,
        dialect="anthropic",
        status="ok",
        decision=decision,
        steps=(),
        duration_ms=1.0,
        request=(("message", b'"hello"'),),
    )


def test_a_store_locked_by_another_process_fails_appends_in_words_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    open_store(f"sqlite:///{path}").close()
    other = sqlite3.connect(path, isolation_level=None)
    with Store(Location(path), read_only=False, busy_s=0.05) as store:
        store.append_sync(turn("before"))
        other.execute("BEGIN IMMEDIATE")

        async def append() -> list[BaseException | None]:
            waiting = [store.append(turn(f"during-{n}")) for n in range(20)]
            return await asyncio.gather(*waiting, return_exceptions=True)

        failed = asyncio.run(append())
        assert all(isinstance(error, StoreError) and "holds its lock" in str(error) for error in failed)
        other.execute("ROLLBACK")
        store.append_sync(turn("after"))
        assert {row.id for row in store.turns()} == {"before", "after"}
    other.close()


def test_two_gateways_may_share_one_store(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url) as one, open_store(url) as two:

        async def append() -> None:
            await asyncio.gather(
                *(store.append(turn(f"{name}-{n}")) for name, store in (("a", one), ("b", two)) for n in range(200))
            )

        asyncio.run(append())
        assert one.count() == two.count() == 400
        assert one.turn("b-7") == turn("b-7")


def test_a_store_on_a_read_only_disk_can_still_be_read(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}") as store:
        store.append_sync(turn("kept"))
    assert [file.name for file in tmp_path.iterdir()] == ["store.db"], "closing folds the log into the file"
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        with open_store(f"sqlite:///{path}", must_exist=True) as reader:
            assert reader.turn("kept") == turn("kept")
    finally:
        tmp_path.chmod(0o755)


def test_a_writer_that_cannot_start_says_why_and_starts_later(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with open_store(f"sqlite:///{folder}/store.db") as store:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        with pytest.raises(StoreError, match="does not exist"):
            store.append_sync(turn("lost"))
        folder.mkdir()
        store.append_sync(turn("kept"))
        assert [row.id for row in store.turns()] == ["kept"]
