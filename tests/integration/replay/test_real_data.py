"""The recorded data of ``POINTSMAN_DATA`` through import, replay and report, as the docs show it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from math import comb
from pathlib import Path
from typing import Any

import pytest

DATA = Path(os.environ.get("POINTSMAN_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))


def needs(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {DATA}: set POINTSMAN_DATA to the folder of recorded data")
    return path


def run(folder: Path, *args: str, code: int = 0) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "pointsman", *args, "--json"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_tau_runs_replayed_on_their_tape_give_the_rewards_pass_hat_k(tmp_path: Path) -> None:
    file = needs("tau_airline_gpt4o.jsonl")
    run(tmp_path, "import", str(file), "--to", "tau.jsonl")
    model = f"recorded:{file}#gpt-4o"
    run(tmp_path, "replay", "tau.jsonl", "--models", model, "--mode", "free", "--grader", "outcome", "--out", "run")
    (found,) = run(tmp_path, "run-report", "run", "--repeats-by", "task")["models"]
    rewards: dict[int, list[bool]] = defaultdict(list)
    for line in file.read_text().splitlines():
        row = json.loads(line)
        rewards[row["task_id"]].append(row["reward"] >= 1)
    assert (found["answers"], found["graded"], found["diverged"]) == (len(file.read_text().splitlines()),) * 2 + (0,)
    for k in range(1, 5):
        shares = [comb(sum(passed), k) / comb(len(passed), k) for passed in rewards.values()]
        assert found["pass_hat"][str(k)]["share"] == pytest.approx(sum(shares) / len(shares), abs=1e-12)


def test_recorded_native_calls_get_the_recorded_verdicts_and_gates_of_all_three_answers(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    cases, outcomes = needs("bfcl_cases.parquet"), needs("bfcl_outcomes.parquet")
    old, new, bad = "gpt-4-turbo-2024-04-09-FC", "gpt-4o-2024-08-06-FC", "claude-3-5-sonnet-20240620-FC"
    close = "gpt-4o-mini-2024-07-18-FC"
    run(tmp_path, "import", str(cases), "--to", "all.jsonl")
    run(tmp_path, "cases", "all.jsonl", "--filter", "core=true", "--to", "core.jsonl")
    models = ",".join(f"recorded:{outcomes}#{model}" for model in (old, new, bad, close))
    run(tmp_path, "replay", "core.jsonl", "--models", models, "--grader", "bfcl", "--out", "run")
    columns = ["case_id", "model", "correct_strict"]
    known = {
        (row["case_id"], row["model"]): row["correct_strict"]
        for row in pq.read_table(outcomes, columns=columns).to_pylist()
    }
    grades = [json.loads(line) for line in (tmp_path / "run" / "grades.jsonl").read_text().splitlines()[1:]]
    assert grades
    assert all(grade["passed"] == known[grade["case"], grade["model"]] for grade in grades)
    answers = {}
    for model, code in ((new, 0), (bad, 1), (close, 3)):
        args = ("--baseline", f"run#{old}", "--candidate", f"run#{model}", "--metrics", "accuracy")
        answers[model] = run(tmp_path, "gate", *args, code=code)["answer"]
    assert answers == {new: "pass", bad: "fail", close: "hold"}


def test_dialogues_become_cases_with_the_data_sets_own_calls(tmp_path: Path) -> None:
    file = needs("sgd_conversations.jsonl")
    needs("sgd_tools.json")
    done = run(tmp_path, "import", str(file), "--to", "sgd.jsonl")
    assert done["problems"] == []
    gold = sum(
        len({call["message_index"] for call in json.loads(line)["gold_calls"]})
        for line in file.read_text().splitlines()
    )
    assert run(tmp_path, "cases", "sgd.jsonl")["by_gold"]["calls"] == gold
    run(tmp_path, "cases", "sgd.jsonl", "--sample", "400", "--by", "service,gold", "--to", "some.jsonl")
    (found,) = run(tmp_path, "replay", "some.jsonl", "--models", f"recorded:{file}#recorded", "--out", "run")["models"]
    assert found["accuracy"]["share"] == 1.0
