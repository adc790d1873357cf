"""A replay's grades do not tell which pool made them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pointsman.errors import UsageError
from pointsman.evaluation.graders.registry import grader, graders
from pointsman.evaluation.pools.ray import check_installed
from pointsman.evaluation.pools.seam import packed

CASES = 450
"""Two batches and a part of one."""

HAS_RAY = importlib.util.find_spec("ray") is not None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cases, answers = [], []
    for n in range(CASES):
        gold = {"calls": [{"name": "get_order", "arguments": {"id": f"A-{n}"}}]}
        cases.append({"id": f"c{n}", "messages": [{"role": "user", "content": f"order A-{n}?"}], "gold": gold})
        call = {"name": "get_order", "arguments": {"id": f"A-{n if n % 7 else 0}"}}
        answers.append({"case_id": f"c{n}", "model": "m", "tool_calls": [call]})
    for name, rows in (("cases", cases), ("answers", answers)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def replayed(folder: Path, out: str, *flags: str) -> bytes:
    command = ["replay", "cases.jsonl", "--models", "recorded:answers.jsonl", "--out", out, *flags]
    done = subprocess.run([sys.executable, "-m", "pointsman", *command], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / out / "grades.jsonl").read_bytes()


def test_other_processes_write_the_same_bytes(folder: Path) -> None:
    assert replayed(folder, "here") == replayed(folder, "there", "--processes", "2")


@pytest.mark.ray
@pytest.mark.skipif(not HAS_RAY, reason="NOT TESTED: ray is not installed; `uv sync --extra ray`, then pytest -m ray")
@pytest.mark.timeout(300)
def test_ray_writes_the_same_bytes(folder: Path) -> None:
    assert replayed(folder, "here") == replayed(folder, "there", "--pool", "ray", "--processes", "2")


@pytest.mark.skipif(HAS_RAY, reason="ray is installed: nothing is missing")
def test_without_ray_the_way_to_it_is_named() -> None:
    with pytest.raises(UsageError, match=r"uv sync --extra ray"):
        check_installed()


def test_every_grader_travels(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- {name: a, call: x, never: true}\n")
    for one in (*graders(), grader(f"policy_adherence:{rules}")):
        assert packed(one)
