"""``pointsman batch`` as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GOOD = '{"id":"a","messages":[{"role":"user","content":"hello"}]}\n'
HAIKU = "anthropic/claude-haiku-4-5"


def batch(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pointsman", "batch", *args, "--store", f"sqlite:///{folder / 't.db'}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_a_file_goes_its_whole_way(tmp_path: Path) -> None:
    (tmp_path / "w.jsonl").write_text(GOOD + "nonsense\n")
    refused = batch(tmp_path, "submit", "w.jsonl", "--model", HAIKU, "--emulated", "--wait")
    assert refused.returncode == 2
    assert "w.jsonl:2: not JSON" in refused.stderr
    assert "1 of 2 lines of w.jsonl cannot be sent" in refused.stderr

    sent = batch(tmp_path, "submit", "w.jsonl", "--model", HAIKU, "--emulated", "--wait", "--skip-bad", "--json")
    assert sent.returncode == 0, sent.stderr
    found: dict[str, Any] = json.loads(sent.stdout)
    assert (found["ended"], found["items"], found["simulated"]) == (True, {"ok": 1}, True)

    shown = batch(tmp_path, "show", found["id"])
    assert shown.stdout.startswith(f"Batch {found['id']} on {HAIKU} (simulated) ended: 1 ok; $")
    listed = json.loads(batch(tmp_path, "list", "--json").stdout)
    assert [one["id"] for one in listed["batches"]] == [found["id"]]
    results = json.loads(batch(tmp_path, "show", found["id"], "--json").stdout)["results"]
    assert [(one["id"], one["state"]) for one in results] == [("a", "ok")]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("submit", "w.jsonl", "--model", HAIKU, "--emulated"), "add --wait"),
        (("submit", "none.jsonl", "--model", HAIKU, "--emulated", "--wait"), "none.jsonl: cannot be read"),
        (("submit", "w.jsonl", "--model", "nobody/knows", "--emulated", "--wait"), "nobody/knows"),
        (("submit", "w.jsonl", "--model", "groq/llama-3.3-70b-versatile", "--emulated", "--wait"), "cannot be called"),
        (("show", "nonsense"), "no store"),
    ],
)
def test_what_is_wrong_is_said_in_three_lines(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    (tmp_path / "w.jsonl").write_text(GOOD)
    done = batch(tmp_path, *args)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert said in done.stderr or args[0] == "show"
