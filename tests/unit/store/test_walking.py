from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pointsman.domain.record import TurnRecord
from pointsman.store import Store, TurnFilter
from pointsman.store.walking import walk_turns

MakeRecord = Callable[..., TurnRecord]


def test_turns_come_in_the_order_they_were_written_over_pages(store: Store, make: MakeRecord) -> None:
    def job(connection: Any) -> None:
        connection.executemany(
            "INSERT INTO turn (id, conversation_id, at_us, dialect, status, requested_model, model, route, tier, policy,"
            " channel, stream, http_status, duration_ms, simulated, manifest, detail)"
            " VALUES (?, 'c', ?, 'd', ?, 'm', 'm', 'r', 't', 'p', 'chat', 0, 200, 1, 0, x'', x'')",
            [(f"t{n}", 10_000 - n, "ok" if n % 2 else "error") for n in range(1200)],
        )

    store.write_sync(job)
    assert list(walk_turns(store)) == [f"t{n}" for n in range(1200)]
    assert list(walk_turns(store, TurnFilter(status="ok"))) == [f"t{n}" for n in range(1, 1200, 2)]


def test_what_is_written_during_the_walk_is_not_seen(store: Store, make: MakeRecord) -> None:
    for n in (1, 2):
        store.append_sync(make(n))
    seen = []
    for turn in walk_turns(store):
        seen.append(turn)
        store.append_sync(make(len(seen) + 10))
    assert seen == ["turn_1", "turn_2"]
