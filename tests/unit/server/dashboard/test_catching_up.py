from __future__ import annotations

from pathlib import Path

from pointsman.catalog.book import Catalog
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.simulated_traffic import Plan, write_traffic
from pointsman.server.dashboard.catching_up import CatchingUp
from pointsman.store import open_store

START = 1_790_000_000_000_000


def test_pages_wait_while_the_figures_are_far_behind(tmp_path: Path) -> None:
    catalog = Catalog.load()
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        turns = write_traffic(store.path, Plan(60, 1, START, bodies=False), catalog)
        asker = Asker(store, catalog)
        waiting = CatchingUp(store, asker, much=20).page(0)
        assert waiting is not None
        assert waiting.data == {"done": 0, "total": turns}
        assert CatchingUp(store, asker, much=100).page(0) is None
        asker.fold()
        assert CatchingUp(store, asker, much=20).page(0) is None
