from __future__ import annotations

import asyncio
import random
from pathlib import Path

from pointsman.monitoring.shadow.draw import Shares
from pointsman.monitoring.shadow.sampler import Sampler
from pointsman.store import Store, open_store
from pointsman.store.cursors import read_cursor
from pointsman.store.shadow import CURSOR, Shadows
from support.shadows import AT_US, make

DAY = 86_400_000_000


def run(store: Store, shares: Shares, *, limit: int = 40, steps: int = 1_000) -> int:
    async def work() -> int:
        sampler, read = Sampler(store, shares), 0
        await sampler.begin(from_first=True)
        for _ in range(steps):
            got = await sampler.step(limit)
            read += got
            if not got:
                break
        return read

    return asyncio.run(work())


def test_a_restart_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    chance = random.Random(3)
    records = [make(n, confidence=chance.random()) for n in range(160)]
    found = []
    for name, steps in (("whole", 1_000), ("pieces", 1)):
        with open_store(f"sqlite:///{tmp_path / name}.db") as store:
            for record in records:
                store.append_sync(record)
            asyncio.run(Shadows(store).begin(0))
            store.write_sync(lambda connection: connection.execute("UPDATE shadow_sampler SET salt = ?", (b"s" * 16,)))
            while run(store, Shares(), steps=steps):
                pass
            found.append([(row.turn_id, row.why, row.probability) for row in Shadows(store).listed(limit=1_000)])
            assert read_cursor(store, CURSOR) == 160
    assert found[0] == found[1]
    assert len(found[0]) > 3


def test_only_routed_turns_with_a_whole_reply_are_drawn_from_and_counted(store: Store) -> None:
    store.append_sync(make(1))
    store.append_sync(make(2, route="pinned", requested_model="openai/gpt-5-mini"))
    store.append_sync(make(3, status="error", reply=b""))
    store.append_sync(make(4, dialect="batch"))  # a shadow by batch is not shadowed again
    store.append_sync(make(5, status="broken"))
    assert run(store, Shares(everyone=1.0)) == 5
    shadows = Shadows(store)
    assert {row.turn_id for row in shadows.listed()} == {"turn00001", "turn00002"}
    seen = shadows.seen(AT_US, AT_US + DAY)
    assert sum(one.turns for one in seen) == 2 == sum(one.unknown for one in seen)
    assert {one.route for one in seen} == {"direct", "pinned"}


def test_two_samplers_side_by_side_choose_every_turn_once(store: Store) -> None:
    for n in range(200):
        store.append_sync(make(n, confidence=0.5))

    async def both() -> None:
        one, other = Sampler(store, Shares(everyone=0.5)), Sampler(store, Shares(everyone=0.5))
        await one.begin(from_first=True)
        while any(await asyncio.gather(one.step(30), other.step(30))):
            pass

    asyncio.run(both())
    assert sum(one.turns for one in Shadows(store).seen(AT_US, AT_US + DAY)) == 200
    assert 60 < len(Shadows(store).listed(limit=1_000)) < 140


def test_a_service_that_is_switched_on_begins_with_the_next_turn(store: Store) -> None:
    store.append_sync(make(1))

    async def work() -> None:
        sampler = Sampler(store, Shares(everyone=1.0))
        await sampler.step()
        store.append_sync(make(2))
        await sampler.step()

    asyncio.run(work())
    assert [row.turn_id for row in Shadows(store).listed()] == ["turn00002"]
