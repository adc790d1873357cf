"""The review queue in a real browser: an item is labelled blind, and what it was is told afterwards."""

from __future__ import annotations

from browser.looking import Watched
from pointsman.store.labels import Labels
from support.gateway import GatewayUnderTest


def test_an_item_is_labelled_and_told_afterwards(
    dashboards: dict[str, GatewayUnderTest], tabs: dict[str, Watched]
) -> None:
    labels = Labels(dashboards["data"].router.store)
    before = len(labels.labels())
    tab = tabs["data"]
    tab.open("/review")
    section = tab.page.locator("#item")
    assert "gpt-5-mini" not in section.inner_text()
    tab.page.get_by_role("button", name="Reply 1 is better").click()
    tab.page.wait_for_url("**/review*")
    said = tab.page.get_by_role("status").inner_text()
    assert said.startswith("Kept: ")
    assert "claude-opus-4-8 said" in said
    tab.check()
    assert len(labels.labels()) == before + 1


def test_hostile_texts_are_labelled_like_any_other(
    dashboards: dict[str, GatewayUnderTest], tabs: dict[str, Watched]
) -> None:
    tab = tabs["hostile"]
    tab.open("/review")
    for _ in range(4):
        tab.page.get_by_role("button", name="Cannot say").click()
        tab.page.wait_for_load_state("load")
        tab.check()
    assert Labels(dashboards["hostile"].router.store).labellers()
