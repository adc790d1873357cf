"""The examples run as they are printed, against the gateway with simulated models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.app import build_router
from pointsman.emulator.app import Emulator
from pointsman.emulator.serving import serve_in_thread
from pointsman.server.background import gateway_in_thread

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = f"sqlite:///{tmp_path_factory.mktemp('examples') / 'turns.db'}"
    with serve_in_thread(Emulator()) as emulator:
        router = build_router(None, store=store, simulate_at=emulator.base_url)
        with gateway_in_thread(router) as url:
            yield url


@pytest.mark.parametrize(
    ("name", "routes"), [("openai_sdk.py", ["tools ->", "tools ->"]), ("anthropic_sdk.py", ["direct ->", "plan ->"])]
)
def test_an_example_is_answered_and_shows_its_routes(base_url: str, name: str, routes: list[str]) -> None:
    done = subprocess.run([sys.executable, str(EXAMPLES / name), base_url], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    shown = [line.strip() for line in done.stdout.splitlines() if "->" in line]
    assert [line[: len(route)] for line, route in zip(shown, routes, strict=True)] == routes


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("library_quickstart.py", ["direct -> ", "stream: ", "would go: plan -> ", "sync: "]),
        ("library_tools.py", ['get_order({"order_id":"48213"}) = ', "in transit"]),
        ("library_contract.py", ["Refund(order='48213', cents=1999", "contract Refund", "retried", "released"]),
        ("library_signal.py", ["ann: plan -> ", "bob: direct -> "]),
    ],
)
def test_a_library_example_runs_by_itself(name: str, shown: list[str]) -> None:
    done = subprocess.run([sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert [text for text in shown if text not in done.stdout] == []


def test_the_shop_tells_the_right_model_from_the_wrong_one(tmp_path: Path) -> None:
    shop = EXAMPLES / "shop_world"
    flags = ["--mode", "free", "--tools", "shop_tools:call", "--grader", "end_state", "--emulated"]
    models = ["--models", "openai/gpt-5.4,openai/gpt-5-mini", "--script", str(shop / "models.yaml")]
    command = ["replay", str(shop / "cases.jsonl"), *flags, *models, "--out", str(tmp_path / "run"), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", "from pointsman.cli import main; main()", *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "run/grades.jsonl").read_text().splitlines()[1:]
    wrong = [row for row in rows if '"passed":false' in row]
    assert len(rows) == 8
    assert len(wrong) == 2
    assert all('"model":"openai/gpt-5-mini"' in row and '"write_error":true' in row for row in wrong)
    assert any("orders[A-2].status is 'refunded', not 'delivered'" in row for row in wrong)
