"""Data and privacy: what would go is told in numbers first, then it goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from browser.looking import Watched
from pointsman.app import build_router
from pointsman.store import open_store
from support.gateway import GatewayUnderTest
from unit.monitoring.conftest import turn

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_a_customer_is_forgotten_after_the_numbers_were_seen(browser: Browser, tmp_path: Path) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    url = f"sqlite:///{tmp_path}/s.db"
    with open_store(url) as store:
        for n, user in enumerate((hostile, hostile, "bob")):
            store.append_sync(turn(n, metadata={"user": user}, conversation_id=f"c-{n // 2}"))
    running = GatewayUnderTest(build_router(None, store=url, simulate_at="http://127.0.0.1:9"), None)
    with running:
        tab = Watched(browser, running.base_url)
        tab.open("/data")
        tab.page.get_by_label("called").fill(hostile)
        tab.page.get_by_role("button", name="Say what would go").click()
        tab.page.get_by_text("2 turns in 1 whole conversations").wait_for()
        tab.check()
        assert running.router.store.count() == 3
        tab.page.locator("details.confirm summary").click()
        tab.page.locator("details.confirm button").click()
        tab.page.get_by_text("2 turns and all that hung on them are gone.").wait_for()
        tab.check()
        assert running.router.store.count() == 1
        tab.close()
