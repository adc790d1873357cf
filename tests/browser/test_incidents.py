"""Incidents and drift in a real browser: acknowledged, silenced, resolved; hostile names stay text."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser.looking import Watched
from pointsman.store.incidents import IncidentReader
from support.gateway import GatewayUnderTest


def test_an_incident_is_looked_after_to_its_end(
    dashboards: dict[str, GatewayUnderTest], tabs: dict[str, Watched], screens: Path
) -> None:
    reader = IncidentReader(dashboards["data"].router.store)
    one = next(incident for incident in reader.all(state="open") if incident.family == "quality")
    tab = tabs["data"]
    tab.open(f"/incidents/{one.id}")
    assert "171 of 208" in tab.page.get_by_role("main").inner_text()
    assert tab.page.locator("svg").count() >= 1
    for width in (1280, 390):
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.screenshot(path=screens / f"incident-{width}.png", full_page=True)
    tab.page.set_viewport_size({"width": 1280, "height": 900})
    tab.page.get_by_role("button", name="Acknowledge").click()
    tab.page.wait_for_load_state("load")
    assert "is acknowledged" in tab.page.get_by_role("status").inner_text()
    tab.page.get_by_role("button", name="Silence").click()
    tab.page.wait_for_load_state("load")
    tab.page.get_by_label("What happened, was the page deserved, what changes?").fill("The provider had an outage.")
    tab.page.get_by_role("button", name="Keep").click()
    tab.page.wait_for_load_state("load")
    tab.page.locator("details.confirm summary").click()
    tab.page.locator("details.confirm button").click()
    tab.page.wait_for_load_state("load")
    tab.check()
    # The gateway's own watch may write lines of its own meanwhile.
    done = [event.kind for event in reader.timeline(one.id) if event.who]
    assert done == ["acknowledged", "silenced", "note", "resolved"]


@pytest.mark.parametrize("path", ["/incidents", "/drift"])
def test_hostile_names_are_text(tabs: dict[str, Watched], path: str) -> None:
    tab = tabs["hostile"]
    tab.open(path)
    assert "openai/" in tab.page.get_by_role("main").inner_text()
    tab.check()
