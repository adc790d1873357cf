"""`pointsman demo` from its start to the store it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pointsman.evaluation.demo_file import load_demo
from pointsman.store import open_store


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pointsman", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('demo') / 'demo.db'}"


@pytest.fixture(scope="module")
def found(url: str) -> dict[str, Any]:
    done = run("demo", "--fast", "--json", "--store", url)
    assert done.returncode == 0, done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    return data


def test_every_turn_gets_the_reply_written_for_it(found: dict[str, Any]) -> None:
    wanted = [(c.id, n, t.reply) for c in load_demo().conversations for n, t in enumerate(c.turns, 1)]

    assert [(one["conversation"], one["turn"], one["reply"]) for one in found["turn_list"]] == wanted


def test_every_tool_call_is_made_once(found: dict[str, Any]) -> None:
    wanted = [
        [call.name for step in turn.steps for call in step] for c in load_demo().conversations for turn in c.turns
    ]

    assert [one["calls"] for one in found["turn_list"]] == wanted


def test_the_outage_is_a_fallback_to_another_provider_and_no_error(found: dict[str, Any]) -> None:
    (seen,) = (one for one in found["fallbacks"] if one["conversation"] == "provider-outage")

    assert seen["decided"].partition("/")[0] != seen["answered"].partition("/")[0]
    assert "503" in seen["failures"][0]
    assert [one["kind"] for one in found["troubles"]] == ["rejected"]


def test_the_bill_is_labelled_and_below_the_flagships(found: dict[str, Any]) -> None:
    assert found["simulated"] is True
    assert float(found["cost_usd"]) < float(found["flagship_cost_usd"])
    assert {one["name"] for one in found["routes"]} >= {"direct", "tools", "plan"}


def test_the_store_holds_every_reply_once(found: dict[str, Any], url: str) -> None:
    ids = [key for one in found["turn_list"] for key in one["decision_ids"]]

    with open_store(url, must_exist=True) as store:
        assert store.count() == len(ids) == len(set(ids)) == found["requests"]
        assert all(store.turn(key) is not None for key in ids)


def test_people_read_a_line_per_turn_and_what_to_do_next(tmp_path: Path) -> None:
    done = run("demo", "--fast", "--store", f"sqlite:///{tmp_path / 'demo.db'}")

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum(" · " in line and "$" in line for line in lines) >= load_demo().turns
    assert any("simulated models" in line and "less" in line for line in lines)
    assert any(line.strip().startswith("pointsman report") for line in lines)


def test_a_store_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    done = run("demo", "--fast", "--store", f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'demo.db'}")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3


@pytest.mark.timeout(180)
def test_the_week_beside_it_has_one_regression_and_the_monitors_found_it(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'pointsman.db'}"
    done = run("demo", "--fast", "--json", "--week", "--week-turns", "6000", "--store", store)
    assert done.returncode == 0, done.stderr
    week = json.loads(done.stdout)["week"]
    assert week["turns"] > 5000
    assert week["shadows"] > 50
    assert week["replayed"] > 50
    assert len(week["incidents"]) == 1
    assert "tool-call-success (resolved)" in week["incidents"][0]
    arm = f"{tmp_path}/runs/simulated-week#"
    judged = run(
        "gate",
        "--json",
        "--baseline",
        arm + "google/gemini-3.5-flash",
        "--candidate",
        arm + "anthropic/claude-haiku-4-5",
    )
    assert json.loads(judged.stdout)["lost"]
    with open_store(store, must_exist=True) as kept:
        assert kept.count() > week["turns"]
        assert {row.simulated for row in kept.turns(limit=1000)} == {True}
