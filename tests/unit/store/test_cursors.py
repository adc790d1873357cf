from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store import Store
from pointsman.store.cursors import move_cursor, read_cursor, turns_after

MakeRecord = Callable[..., TurnRecord]


def test_a_reader_goes_on_where_it_was(store: Store, make: MakeRecord) -> None:
    for n in (1, 2, 3):
        store.append_sync(make(n))
    assert read_cursor(store, "shadow") is None
    first = turns_after(store, 0, limit=2)
    assert [place.turn_id for place in first] == ["turn_1", "turn_2"]
    store.write_sync(lambda connection: move_cursor(connection, "shadow", first[-1].seq))
    assert [place.turn_id for place in turns_after(store, read_cursor(store, "shadow") or 0)] == ["turn_3"]


def test_a_cursor_moves_only_with_what_was_written_beside_it(store: Store, make: MakeRecord) -> None:
    store.append_sync(make(1))

    def job(connection: sqlite3.Connection) -> None:
        move_cursor(connection, "shadow", 1)
        raise ValueError("the work failed")

    with pytest.raises(StoreError, match="the work failed"):
        store.write_sync(job)
    assert read_cursor(store, "shadow") is None
