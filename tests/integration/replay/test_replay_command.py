"""The command in a process of its own, against an emulated provider on a real port that counts what it is asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Fault, Pace, Rule, Say, Script
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.evaluation.case_file import encode_case
from pointsman.evaluation.cases import Case, Gold

CASES = 24
MODEL = "openai/gpt-5-mini"


@pytest.fixture
def provider() -> Iterator[Handle]:
    script = Script(rules=(Rule(reply=Say(text="All right."), pace=Pace(ttft_ms=30)),))
    with serve_in_thread(Emulator(script)) as handle:
        yield handle


@pytest.fixture
def folder(tmp_path: Path, provider: Handle) -> Path:
    cases = [
        Case(
            f"c{n}",
            f"c{n}",
            "t",
            Turn((Message("user", (Text(f"question {n}"),)),), max_output_tokens=20),
            Gold("no_call"),
        )
        for n in range(CASES)
    ]
    (tmp_path / "cases.jsonl").write_bytes(b"".join(map(encode_case, cases)))
    policy = (
        f"version: 1\nproviders:\n  openai: {{host: openai, base_url: {provider.base_url}/v1}}\n"
        f"tiers:\n  small: [{MODEL}]\nroutes:\n  direct: {{tiers: [small]}}\ndefault_route: direct\n"
    )
    (tmp_path / "pointsman.yaml").write_text(policy)
    return tmp_path


def start(folder: Path, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pointsman", "replay", "cases.jsonl", "--models", MODEL, "--out", "run", *args]
    env = {**os.environ, "OPENAI_API_KEY": "k"}
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=50)
    return process.returncode, out, err


def asked(provider: Handle) -> int:
    """Return how many calls the provider got."""
    return len(provider.requests)


def test_a_killed_replay_asks_nothing_twice(folder: Path, provider: Handle) -> None:
    process = start(folder, "--concurrency", "2", "--repeats", "2")
    answers = folder / "run" / "answers.jsonl"
    deadline = time.monotonic() + 30
    while not (answers.exists() and answers.read_bytes().count(b'"answer"') >= 10):
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    process.communicate()
    kept = answers.read_bytes().count(b'"answer"')
    code, out, err = finish(start(folder, "--concurrency", "2", "--repeats", "2", "--json"))
    assert code == 0, err
    (model,) = json.loads(out)["models"]
    assert (model["answers"], model["cases"], model["accuracy"]["share"]) == (2 * CASES, CASES, 1.0)
    # Only what was on its way when the process died may have been asked a second time.
    assert 2 * CASES <= asked(provider) <= 2 * CASES + 2
    assert kept >= 10
    code, out, err = finish(start(folder, "--repeats", "2", "--json"))
    assert code == 0, err
    assert asked(provider) <= 2 * CASES + 2


def test_a_spend_cap_stops_before_it_is_passed_and_a_higher_one_goes_on(folder: Path, provider: Handle) -> None:
    code, _, err = finish(start(folder, "--concurrency", "4", "--max-usd", "0.0002"))
    assert code == 3, err
    assert "stopped at --max-usd" in err
    first = asked(provider)
    assert first < CASES
    code, out, err = finish(start(folder, "--max-usd", "1", "--json"))
    assert code == 0, err
    assert json.loads(out)["models"][0]["answers"] == CASES
    assert asked(provider) == CASES


def test_a_dry_run_says_the_price_and_asks_nothing(folder: Path, provider: Handle) -> None:
    code, out, err = finish(start(folder, "--dry-run"))
    assert code == 0, err
    assert f"{MODEL}: {CASES} answers, about $" in out
    assert asked(provider) == 0
    assert not (folder / "run").exists()


def test_a_gate_on_the_run_and_itself_holds_with_so_few_cases(folder: Path, provider: Handle) -> None:
    assert finish(start(folder))[0] == 0
    command = [
        sys.executable,
        "-m",
        "pointsman",
        "gate",
        "--baseline",
        "run",
        "--candidate",
        "run",
        "--metrics",
        "accuracy",
    ]
    done = subprocess.run([*command, "--junit", "gate.xml"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("HOLD: not enough evidence on accuracy after 24 cases: run ")
    assert 'failure type="hold"' in (folder / "gate.xml").read_text()


def test_a_provider_that_is_asked_too_much_is_waited_for(folder: Path) -> None:
    busy = Rule(fault=Fault(kind="status", status=429, retry_after_s=0.05), times=6)
    with serve_in_thread(Emulator(Script(rules=(busy, Rule(reply=Say(text="All right.")))))) as handle:
        policy = folder / "pointsman.yaml"
        policy.write_text(re.sub(r"http://[^/]+", handle.base_url, policy.read_text()))
        code, out, err = finish(start(folder, "--json"))
        assert code == 0, err
        (model,) = json.loads(out)["models"]
        assert (model["errors"], model["accuracy"]["share"]) == ({}, 1.0)
        assert asked(handle) == CASES + 6
