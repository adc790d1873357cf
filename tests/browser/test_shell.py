"""The frame of every page, used as people use it: keys, theme, no script, sign-in, a label that is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from browser.looking import Watched
from support.gateway import GatewayUnderTest


@pytest.fixture
def tab(browser: Browser, dashboards: dict[str, GatewayUnderTest]) -> Iterator[Watched]:
    made = Watched(browser, dashboards["data"].base_url, timezone_id="Europe/Berlin")
    yield made
    made.close()


def test_keys_lead_to_pages_to_the_filter_and_to_help(tab: Watched) -> None:
    tab.open("/turns?range=all")
    tab.page.keyboard.press("g")
    tab.page.keyboard.press("r")
    tab.page.wait_for_url("**/router?range=all")
    tab.page.keyboard.press("?")
    assert tab.page.locator("#help").is_visible()
    tab.page.keyboard.press("Escape")
    tab.page.locator("#help").wait_for(state="hidden")
    tab.page.keyboard.press("/")
    tab.page.wait_for_function("document.activeElement.name === 'from'")
    tab.check()


def test_the_theme_stays_and_the_zone_is_the_viewers(tab: Watched) -> None:
    tab.open("/turns?range=all")
    tab.page.select_option("#theme", "dark")
    tab.page.wait_for_function(
        "document.documentElement.dataset.theme === 'dark' && document.readyState === 'complete'"
    )
    tab.open("/turns?range=all")
    assert tab.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.page.evaluate("document.documentElement.dataset.zone") == "Europe/Berlin"
    assert "CET" in (tab.page.locator("td time").first.get_attribute("title") or "")
    tab.check()


def test_all_can_be_read_and_filtered_without_script(browser: Browser, dashboards: dict[str, GatewayUnderTest]) -> None:
    tab = Watched(browser, dashboards["data"].base_url, java_script_enabled=False)
    try:
        tab.open("/turns?range=all")
        tab.page.get_by_role("link", name="24h", exact=True).click()
        assert "range=24h" in tab.page.url
        tab.page.locator(".filters summary").click()
        tab.page.select_option("select[name=route]", "plan")
        tab.page.get_by_role("button", name="Show").click()
        assert "route=plan" in tab.page.url
        routes = tab.page.locator("td[data-label=Route]").all_inner_texts()
        assert set(routes) == {"plan"}
        tab.page.locator("td[data-label=When] a").first.click()
        assert "/conversation/" in tab.page.url
        assert "route=plan" in tab.page.url
    finally:
        tab.close()


def test_an_override_is_kept_as_a_label(tab: Watched, dashboards: dict[str, GatewayUnderTest]) -> None:
    tab.open("/turns?range=all&route=direct")
    tab.page.locator("td[data-label=When] a").first.click()
    opened = tab.page.locator("details.decision-line[open]")
    opened.get_by_text("It should have gone elsewhere").click()
    opened.locator("select[name=route]").select_option("plan")
    opened.locator("input[name=comment]").fill("<b>angry</b> customer")
    opened.get_by_role("button", name="Keep as a label").click()
    tab.page.get_by_role("status").wait_for()
    assert "Kept as a label" in tab.page.get_by_role("status").inner_text()
    assert "<b>angry</b> customer" in tab.page.locator("details.decision-line[open]").inner_text()
    tab.check()


def test_the_filter_goes_from_page_to_page(tab: Watched) -> None:
    tab.open("/turns?range=all&tier=small")
    tab.page.get_by_role("link", name="Router").click()
    assert "tier=small" in tab.page.url
    tab.page.get_by_label("Take the filter tier away").click()
    assert "tier" not in tab.page.url
    assert "range=all" in tab.page.url


def test_what_if_is_worked_out_as_the_slider_moves(tab: Watched) -> None:
    tab.open("/router?range=all&if=prompt-above&at=2000")
    before = tab.page.locator(".what-if p").first.inner_text()
    tab.page.locator("#at").focus()
    for _ in range(3):
        tab.page.keyboard.press("PageDown")
    tab.page.wait_for_url("**at=*")
    tab.page.wait_for_function("before => document.querySelector('.what-if p').innerText !== before", arg=before)
    tab.check()
