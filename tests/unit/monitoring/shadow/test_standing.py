"""What the page of shadow checks reads: counts by state, and the worst disagreements of its own days."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from pointsman.catalog.book import Catalog
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.asking.slice import Slice
from pointsman.monitoring.shadow.draw import Shares
from pointsman.monitoring.shadow.sampler import Sampler
from pointsman.monitoring.shadow.standing import disagreements, standing
from pointsman.store import Store
from support.shadows import AT_US, make

DAY_US = 86_400_000_000


def test_old_days_show_their_own_disagreements_the_dearest_first(store: Store) -> None:
    for n in range(12):
        late = DAY_US if n >= 6 else 0
        store.append_sync(make(n, at_us=AT_US + late + n, intent="refund" if n == 2 else "order"))

    async def sample() -> None:
        sampler = Sampler(store, Shares(everyone=1.0))
        await sampler.begin(from_first=True)
        while await sampler.step():
            pass

    asyncio.run(sample())
    judged = (
        "UPDATE shadow SET state = 'judged', verdict = 'shadow_better', material = turn_seq % 2, decided_by = 'judge'"
    )
    store.write_sync(lambda connection: connection.execute(judged))
    asker = Asker(store, Catalog.load())
    asker.fold()
    prices = {"refund": Decimal(15)}
    with asker.board() as board:
        found = disagreements(
            store, board, Slice(AT_US, AT_US + DAY_US // 2), lambda i: prices.get(i or "", Decimal(1)), 2
        )
        now = datetime.fromtimestamp(AT_US / 1e6, UTC)
        assert standing(store, None, now, board).states == standing(store, None, now).states
        assert disagreements(store, board, Slice(simulated="yes"), lambda _: Decimal(0), 5) == []
    assert [one.row.turn_seq for one in found] == [3, 5]
    assert found[0].intent == "refund"
