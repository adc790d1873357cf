"""Replay and gates in a real browser: without runs, with runs whose texts try to break out, and two models compared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.looking import NARROW, WIDE, Watched
from pointsman.app import build_router
from pointsman.store.promotions import Promotions
from support.gateway import GatewayUnderTest
from support.replay_runs import write_runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayUnderTest, Path]]:
    folder = tmp_path_factory.mktemp("replays")
    router = build_router(None, store=f"sqlite:///{folder}/data.db", simulate_at="http://127.0.0.1:9")
    with GatewayUnderTest(router, None) as running:
        yield running, folder / "runs"


def _look(tab: Watched, path: str, screens: Path, name: str) -> str:
    tab.page.set_viewport_size(WIDE)
    tab.open(path)
    tab.check()
    tab.page.screenshot(path=screens / f"{name}-1280.png", caret="initial")
    tab.page.set_viewport_size(NARROW)
    tab.check()
    tab.page.screenshot(path=screens / f"{name}-390.png", caret="initial", full_page=True)
    return tab.page.inner_text("main").replace("\u202f", " ")


def test_from_no_run_to_a_verdict(browser: Browser, served: tuple[GatewayUnderTest, Path], screens: Path) -> None:
    running, runs = served
    tab = Watched(browser, running.base_url)
    try:
        assert "pointsman replay cases.jsonl" in _look(tab, "/replay", screens, "replay-none")
        write_runs(runs)
        listed = _look(tab, "/replay", screens, "replay-runs")
        assert "2 runs" in listed
        assert "new is right in 92.5 %" in _look(tab, "/replay/new", screens, "replay-one")
        said = _look(tab, "/replay?baseline=old&candidate=new%23new", screens, "replay-compared")
        tab.contrast()
        assert "3 lost, 1 gained" in said
        assert "more cases would settle what is open" in said
        assert "right before, wrong now" in said
        assert "Customer" in said
        assert tab.page.locator("article.flip").count() == 4
        assert tab.page.locator(".flip mark").first.inner_text().strip() in ("5", "6")
        shutil.rmtree(runs / "old")
        tab.open("/replay?baseline=old&candidate=new", status=400)
        assert "there is no run 'old'" in tab.page.inner_text("main")
        for way_out in ("..%2f..%2fetc", "%2e%2e", "old%2f..%2fnew"):
            tab.open(f"/replay?baseline={way_out}&candidate=new", status=400)
    finally:
        tab.close()


POLICY = """version: 1
providers: {anthropic: {host: anthropic}, google: {host: google}}
tiers: {small: [anthropic/claude-haiku-4-5]}
routes: {direct: {tiers: [small]}}
default_route: direct
"""


def test_a_passing_gate_is_promoted_from_the_page(browser: Browser, tmp_path: Path, screens: Path) -> None:
    policy = tmp_path / "pointsman.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    old, new = "anthropic/claude-haiku-4-5", "google/gemini-3.5-flash"
    write_runs(tmp_path / "runs", (old, new), cases=900)
    router = build_router(policy, store=f"sqlite:///{tmp_path}/data.db", simulate_at="http://127.0.0.1:9")
    with GatewayUnderTest(router, None) as running:
        tab = Watched(browser, running.base_url)
        try:
            _look(tab, "/replay?baseline=old&candidate=new", screens, "replay-promote")
            tab.page.get_by_text("Promote", exact=True).click()
            confirm = tab.page.locator("details.confirm")
            assert "google/gemini-3.5-flash takes the place of anthropic/claude-haiku-4-5" in confirm.inner_text()
            confirm.get_by_label("Why, for the record").fill("cheaper")
            confirm.get_by_role("button").click()
            assert "stands in place of" in tab.page.inner_text("main")
            tab.check()
        finally:
            tab.close()
    assert "small: [google/gemini-3.5-flash]" in policy.read_text(encoding="utf-8")
    kept = Promotions(router.store).history()[0]
    assert (kept.action, kept.reason, kept.forced) == ("promote", "cheaper", False)
    assert kept.gate is not None
    assert kept.gate["answer"] == "pass"
