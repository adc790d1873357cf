"""Python blocks that a document marks as runnable do run, against the gateway with simulated models."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.app import build_router
from pointsman.emulator.app import Emulator
from pointsman.emulator.serving import serve_in_thread
from pointsman.server.background import gateway_in_thread

ROOT = Path(__file__).parents[2]
SHOWN = "http://127.0.0.1:8080"
_RUNNABLE = re.compile(r"<!-- runnable -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks() -> Iterator[tuple[str, str]]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, block in enumerate(_RUNNABLE.findall(path.read_text(encoding="utf-8")), 1):
            yield f"{path.relative_to(ROOT)}#{number}", block


BLOCKS = dict(_blocks())


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = f"sqlite:///{tmp_path_factory.mktemp('docs') / 'turns.db'}"
    with serve_in_thread(Emulator()) as emulator:
        router = build_router(None, store=store, simulate_at=emulator.base_url)
        with gateway_in_thread(router) as url:
            yield url


def test_the_readme_shows_both_sdks() -> None:
    assert {"README.md#1", "README.md#2"} <= set(BLOCKS)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_runnable_block_runs(name: str, base_url: str, tmp_path: Path) -> None:
    code = BLOCKS[name].replace(SHOWN, base_url)

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert ("print(" in code) == bool(done.stdout.strip())
