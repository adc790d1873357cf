"""A run's report as one file, opened from the disk as a person opens it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from browser.looking import NARROW, WIDE, Watched
from pointsman.cli import load
from support.replay_runs import write_runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_file_stands_alone_and_fits(browser: Browser, tmp_path: Path, screens: Path) -> None:
    old, new = write_runs(tmp_path)
    file = tmp_path / "report.html"
    done = CliRunner().invoke(load("run-report"), [str(new), "--against", str(old), "--html", str(file)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("HOLD against old")
    tab = Watched(browser, "file://")
    try:
        for name, size in (("1280", WIDE), ("390", NARROW)):
            tab.page.set_viewport_size(size)
            tab.open(str(file), status=None)
            tab.check()
            tab.page.screenshot(path=screens / f"run-report-{name}.png", full_page=True)
        tab.contrast()
        heights = "(all) => all.map((one) => one.getBoundingClientRect().height)"
        assert min(tab.page.eval_on_selector_all(".narrow-only svg text", heights)) >= 11
        assert tab.page.locator("article.flip").count() == 4
    finally:
        tab.close()
