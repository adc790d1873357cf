from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store import Store, TurnFilter, open_store

MakeRecord = Callable[..., TurnRecord]


def test_a_turn_comes_back_whole(store: Store, make: MakeRecord) -> None:
    store.append_sync(make(1))
    assert store.turn("turn_1") == make(1)
    assert store.turn("turn_2") is None


def test_an_append_from_a_loop_is_there_for_another_process_when_its_future_resolves(
    store: Store, make: MakeRecord
) -> None:
    async def append() -> int:
        await store.append(make(1))
        with closing(sqlite3.connect(store.path)) as connection:
            return int(connection.execute("SELECT count(*) FROM turn").fetchone()[0])

    assert asyncio.run(append()) == 1


def test_turns_that_wait_together_are_all_committed_in_order(store: Store, make: MakeRecord) -> None:
    async def append() -> None:
        await asyncio.gather(*(store.append(make(n)) for n in range(2000)))

    asyncio.run(append())
    assert store.count() == 2000
    assert [row.id for row in store.turns(limit=3)] == ["turn_1999", "turn_1998", "turn_1997"]


def test_the_same_record_again_is_no_change(store: Store, make: MakeRecord) -> None:
    async def append() -> None:
        await asyncio.gather(*(store.append(make(n)) for n in (1, 1, 2)))
        await store.append(make(2))

    asyncio.run(append())
    assert store.count() == 2


def test_another_record_under_a_known_id_is_refused_and_its_neighbours_are_kept(store: Store, make: MakeRecord) -> None:
    async def append() -> list[BaseException | None]:
        records = (make(1), make(1, status="error"), make(2))
        return await asyncio.gather(*(store.append(record) for record in records), return_exceptions=True)

    first, second, third = asyncio.run(append())
    assert (first, third) == (None, None)
    assert isinstance(second, StoreError)
    assert "turn_1" in str(second)
    assert store.turn("turn_1") == make(1)
    assert store.count() == 2


@pytest.mark.parametrize(
    "change",
    [{"at_us": 2**70}, {"conversation_id": "\ud800"}, {"cost_usd": Decimal("1e9")}, {"cost_usd": Decimal("NaN")}],
)
def test_a_record_that_cannot_be_stored_fails_alone(store: Store, make: MakeRecord, change: dict[str, object]) -> None:
    async def append() -> list[BaseException | None]:
        records = (make(1), make(2, **change), make(3))
        return await asyncio.gather(*(store.append(record) for record in records), return_exceptions=True)

    first, second, third = asyncio.run(append())
    assert (first, third) == (None, None)
    assert isinstance(second, StoreError)
    assert store.count() == 2


def test_a_cancelled_wait_does_not_take_the_record_back(store: Store, make: MakeRecord) -> None:
    async def append() -> None:
        waiting = store.append(make(1))
        waiting.cancel()
        await store.append(make(2))

    asyncio.run(append())
    assert store.turn("turn_1") is not None


def test_close_commits_what_is_lined_up(url: str, make: MakeRecord) -> None:
    store = open_store(url)

    async def append() -> None:
        futures = [store.append(make(n)) for n in range(50)]
        store.close()
        await asyncio.gather(*futures)

    asyncio.run(append())
    with open_store(url, must_exist=True) as again:
        assert again.count() == 50
    with pytest.raises(StoreError, match="closed"):
        store.append_sync(make(51))


def test_the_last_turn_of_a_conversation_is_the_newest(store: Store, make: MakeRecord) -> None:
    for n, conversation in ((1, "a"), (2, "b"), (3, "a")):
        store.append_sync(make(n, conversation_id=conversation))
    last = store.last_turn("a")
    assert last is not None
    assert (last.id, last.model) == ("turn_3", "anthropic/claude-haiku-4-5")
    assert store.last_turn("c") is None


def test_filters_must_all_match(store: Store, make: MakeRecord) -> None:
    store.append_sync(make(1))
    store.append_sync(make(2, status="error"))
    store.append_sync(make(3, status="error", channel="voice"))
    chosen = TurnFilter(status="error", channel="voice", since_us=make(2).at_us, until_us=make(4).at_us)
    assert [row.id for row in store.turns(chosen)] == ["turn_3"]
    assert store.count(TurnFilter(until_us=make(3).at_us)) == 2
    assert store.turns(TurnFilter(route="' OR 1=1 --")) == []


def test_a_prefix_finds_ids_and_means_itself(store: Store, make: MakeRecord) -> None:
    for name in ("a_1", "a_2", "ab1", "b_1"):
        store.append_sync(make(1, id=name))
    assert store.ids_with_prefix("a_") == ["a_1", "a_2"]
    assert store.ids_with_prefix("a") == ["a_1", "a_2", "ab1"]
    assert store.ids_with_prefix("%") == []


def test_a_conversation_sent_again_with_every_turn_is_stored_once(store: Store, make: MakeRecord) -> None:
    messages = [("message", b'{"role":"user","content":"' + b"%d" % n * 200 + b'"}') for n in range(40)]
    for n in range(1, 41):
        store.append_sync(make(n, request=(("system", b'"Be kind."'), *messages[:n])))
    with closing(sqlite3.connect(store.path)) as connection:
        bodies = connection.execute("SELECT count(*) FROM body").fetchone()[0]
    assert bodies == 40 + 2  # the messages, the system prompt, the one reply
    whole = store.turn("turn_40")
    assert whole is not None
    assert whole.request == (("system", b'"Be kind."'), *messages)


def test_a_damaged_body_is_reported_not_returned(store: Store, make: MakeRecord) -> None:
    store.append_sync(make(1))
    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("UPDATE body SET data = x'00' || 'something else'")
    with pytest.raises(StoreError, match="damaged"):
        store.turn("turn_1")


def test_bodies_removed_by_another_process_are_written_again(store: Store, make: MakeRecord) -> None:
    store.append_sync(make(1))
    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("DELETE FROM step")
        other.execute("DELETE FROM turn")
        other.execute("DELETE FROM body")
    store.append_sync(make(2))
    assert store.turn("turn_2") == make(2)


def test_a_store_removed_while_open_is_begun_anew(store: Store, make: MakeRecord) -> None:
    store.append_sync(make(1))
    assert store.count() == 1
    for file in Path(store.path).parent.iterdir():
        file.unlink()
    store.append_sync(make(2))
    assert store.turn("turn_2") == make(2)
    assert store.count() == 1


def test_reading_never_creates_a_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at"):
        open_store(f"sqlite:///{tmp_path}/none.db", must_exist=True)
    assert list(tmp_path.iterdir()) == []


def test_a_store_opened_for_reading_refuses_appends(store: Store, url: str, make: MakeRecord) -> None:
    with open_store(url, must_exist=True) as reader, pytest.raises(StoreError, match="reading only"):
        reader.append_sync(make(1))
