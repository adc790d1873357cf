"""`pointsman replay-route` as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DATA = Path(os.environ.get("POINTSMAN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
TALK = [
    {"role": "user", "content": "Hi, what are your opening hours?"},
    {"role": "assistant", "content": "Nine to five."},
    {"role": "user", "content": "This is the third time I ask, you are useless, I want a manager!"},
    {"role": "assistant", "content": "I am sorry."},
]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pointsman", "replay-route", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def talks(folder: Path, *lines: str) -> Path:
    path = folder / "talks.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_verdict_comes_first_and_says_that_costs_are_estimated(tmp_path: Path) -> None:
    done = run(talks(tmp_path, json.dumps({"id": "a", "messages": TALK})))

    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("2 turns of 1 conversation routed: $")
    assert "estimated" in first
    assert "“This is the third time I ask" in done.stdout


def test_json_alone_goes_to_stdout_and_bad_lines_are_named_on_stderr(tmp_path: Path) -> None:
    done = run(talks(tmp_path, json.dumps({"id": "a", "messages": TALK}), "{broken"), "--json")

    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0
    assert (found["turns"], found["conversations"], found["format"]) == (2, 1, "openai")
    assert [bad["line"] for bad in found["bad_lines"]] == [2]
    assert "line 2 left out: not valid JSON" in done.stderr
    assert found["bill"]["estimated"] is True
    assert {one["route"] for one in found["sample"]} >= {"plan"}


def test_terminal_controls_in_customer_text_are_shown_not_obeyed(tmp_path: Path) -> None:
    evil = [{"role": "user", "content": "hello \x1b[2J [red]there[/red]"}]
    done = run(talks(tmp_path, json.dumps({"id": "\x1b]0;x\x07", "messages": evil})))

    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "[red]there[/red]" in done.stdout


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [(["nonsense", "{}"], 1, "none of the 2 lines"), ([], 2, "empty"), (["[]"], 2, "one JSON array")],
)
def test_nothing_to_route_is_an_error_in_few_words(tmp_path: Path, lines: list[str], code: int, said: str) -> None:
    path = tmp_path / "talks.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))

    done = run(path)

    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["tau_airline_gpt4o.jsonl", "sgd_conversations.jsonl"])
def test_recorded_data_is_routed(name: str) -> None:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {DATA}: set POINTSMAN_DATA to the folder of recorded data")

    done = run(path, "--limit", "150", "--json")

    found = json.loads(done.stdout)
    assert found["bad_lines"] == []
    assert found["conversations"] == 150
    assert len(found["sample"]) == 20
    assert {share["name"] for share in found["routes"]} >= {"direct", "tools", "plan"}
    assert sum(share["turns"] for share in found["routes"]) + found["refused"] == found["turns"]
    assert float(found["bill"]["routed_usd"]) < float(found["bill"]["flagship_usd"])
