"""Three dashboards to look at (with data, empty, hostile) and one browser.

A page that needs something in its path names it in ``PATHS``; what fills it beyond the demo's turns is one function in ``SEEDS``.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from browser import reviewed, watched_incidents
from browser.hostile import records
from browser.looking import ARGS, CHROMIUM, Watched
from pointsman.app import build_router
from pointsman.catalog.book import Catalog
from pointsman.monitoring.simulated_traffic import Plan, write_traffic
from pointsman.store import Store, open_store
from pointsman.store.keys import create_key
from support.gateway import GatewayUnderTest
from support.shadow_seeds import seed_hostile_shadows, seed_shadows

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STORES = ("data", "empty", "hostile")
_DAY_US = 86_400_000_000

PATHS: dict[str, Callable[[Store], str]] = {
    "conversation": lambda store: "/conversation/" + _first_conversation(store),
}
"""Slug of a page -> where it is opened. The others are opened at ``/<slug>``."""

SEEDS: tuple[Callable[[Store], None], ...] = (reviewed.seed, watched_incidents.seed, seed_shadows)
"""Each is called with the store of the demo's turns, before it is served."""

HOSTILE_SEEDS: tuple[Callable[[Store], None], ...] = (
    reviewed.seed_hostile,
    watched_incidents.seed_hostile,
    seed_hostile_shadows,
)
"""Each is called with the store of the hostile turns."""


def path_of(slug: str, store: Store) -> str:
    """Return where a page is opened, with all turns in its filter."""
    return (PATHS[slug](store) if slug in PATHS else f"/{slug}") + "?range=all"


def _first_conversation(store: Store) -> str:
    rows = store.turns(limit=1)
    return quote(rows[0].conversation_id, safe="") if rows else "nobody"


@pytest.fixture(scope="session")
def dashboards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, GatewayUnderTest]]:
    """Return the three gateways by the name of their store. No key is asked for."""
    folder = tmp_path_factory.mktemp("dashboards")
    url = f"sqlite:///{folder}/data.db"
    command = [sys.executable, "-m", "pointsman", "demo", "--fast", "--json", "--store", url]
    subprocess.run(command, check=True, capture_output=True, timeout=50)
    week = Plan(turns=3000, days=5, start_us=time.time_ns() // 1000 - 8 * _DAY_US)
    write_traffic(folder / "data.db", week, Catalog.load())
    with open_store(url) as store:
        create_key(store, "support-bot")
        create_key(store, "anna", role="viewer")
        for seed in SEEDS:
            seed(store)
    with open_store(f"sqlite:///{folder}/hostile.db") as store:
        for record in records():
            store.append_sync(record)
        create_key(store, "<script>alert(7)</script>", role="admin")
        for seed in HOSTILE_SEEDS:
            seed(store)
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                GatewayUnderTest(
                    build_router(None, store=f"sqlite:///{folder}/{name}.db", simulate_at="http://127.0.0.1:9"), None
                )
            )
            for name in STORES
        }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Chromium. For one module: a browser left open would stand in the way of tests that use asyncio."""
    if not CHROMIUM.exists():
        pytest.skip(f"NO BROWSER TESTS: {CHROMIUM} is not installed; `make chromium` installs Debian's")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def tabs(browser: Browser, dashboards: dict[str, GatewayUnderTest]) -> Iterator[dict[str, Watched]]:
    """Return one tab for each store."""
    made = {name: Watched(browser, running.base_url) for name, running in dashboards.items()}
    yield made
    for tab in made.values():
        tab.close()


@pytest.fixture(scope="session")
def screens() -> Path:
    """Return the folder of the screenshots."""
    folder = Path(__file__).parents[2] / ".cache" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
