"""Every page of the registry, in a real browser: with data, empty, and with texts that try to break out."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser.conftest import STORES, path_of
from browser.looking import NARROW, WIDE, Watched
from pointsman.server.dashboard.registry import PAGES
from support.gateway import GatewayUnderTest


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("slug", [page.slug for page in PAGES])
def test_a_page(
    slug: str, store: str, dashboards: dict[str, GatewayUnderTest], tabs: dict[str, Watched], screens: Path
) -> None:
    tab = tabs[store]
    tab.page.set_viewport_size(WIDE)
    tab.open(path_of(slug, dashboards[store].router.store), status=None if store == "empty" else 200)
    tab.check()
    if store == "data":
        tab.fits()
    tab.page.screenshot(path=screens / f"{slug}-{store}-1280.png", caret="initial")
    tab.page.set_viewport_size(NARROW)
    tab.check()
    tab.page.screenshot(path=screens / f"{slug}-{store}-390.png", caret="initial")
    if store == "data":
        tab.contrast()
        tab.page.set_viewport_size(WIDE)
        tab.page.emulate_media(color_scheme="dark")
        tab.page.screenshot(path=screens / f"{slug}-{store}-1280-dark.png", caret="initial")
        tab.page.emulate_media(color_scheme="light")


def test_letters_and_slugs_name_one_page_each() -> None:
    letters = [page.letter for page in PAGES if page.letter]
    assert sorted(set(letters)) == sorted(letters)
    assert len({page.slug for page in PAGES}) == len(PAGES)
    assert all(page.subtitle.endswith("?") for page in PAGES)
