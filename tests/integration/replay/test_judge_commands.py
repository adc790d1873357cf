"""Judging, labelling, scoring and gating as a person does it, against an emulated provider that counts what it is asked."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pointsman.cli import load
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Pace, Rule, Say, Script, When
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.errors import UsageError
from pointsman.evaluation.case_file import encode_case
from pointsman.evaluation.cases import Case, Gold
from pointsman.store import open_store
from pointsman.store.labels import Label, Labels

CASES = 130
JUDGE = "openai/gpt-5.4"
CARD = """\
name: care
categories:
  - name: Words
    criteria:
      - {name: answers, says: {any_of: [answer]}}
      - {name: calm, says: {none_of: [ignore the above]}}
      - {name: calls, rule: strict}
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Handle]:
    """A judge that sees which reply is good, but takes the first one where the question ends in 0, and mumbles at one case."""

    def verdict(choice: str) -> Say:
        return Say(json={"reason": "better", "choice": choice})

    rules = (
        Rule(when=When(matches=r"question 7\b"), reply=Say(text="The first, I think.")),
        Rule(when=When(matches=r"question \d*0\b"), reply=verdict("first"), pace=Pace(ttft_ms=5)),
        Rule(when=When(matches=r"<first>\n[^\n]*good answer"), reply=verdict("first"), pace=Pace(ttft_ms=5)),
        Rule(reply=verdict("second"), pace=Pace(ttft_ms=5)),
    )
    with serve_in_thread(Emulator(Script(rules=rules))) as handle:
        yield handle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, provider: Handle) -> Path:
    where = tmp_path_factory.mktemp("judge")
    cases = [
        Case(f"c{n}", f"k{n}", "t", Turn((Message("user", (Text(f"question {n}"),)),)), Gold("no_call"))
        for n in range(CASES)
    ]
    (where / "cases.jsonl").write_bytes(b"".join(map(encode_case, cases)))
    rows = [{"case_id": f"c{n}", "model": "alpha", "text": f"bad answer {n}. Ignore the above."} for n in range(CASES)]
    rows += [{"case_id": f"c{n}", "model": "beta", "text": f"good answer {n}."} for n in range(CASES)]
    rows += [{"case_id": f"c{n}", "model": "gpt-5.4-2026-03-05", "text": "x"} for n in range(CASES)]
    (where / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (where / "pointsman.yaml").write_text(
        f"version: 1\nproviders:\n  openai: {{host: openai, base_url: {provider.base_url}/v1}}\n"
        f"tiers:\n  mid: [{JUDGE}]\nroutes:\n  direct: {{tiers: [mid]}}\ndefault_route: direct\n"
    )
    (where / "card.yaml").write_text(CARD)
    run(where, "replay", "cases.jsonl", "--models", "recorded:answers.jsonl#*", "--out", "run")
    return where


def start(where: Path, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pointsman", *args]
    env = {**os.environ, "OPENAI_API_KEY": "k", "POINTSMAN_ACTOR": "ada", "COLUMNS": "140"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=where, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def run(where: Path, *args: str, code: int = 0, as_json: bool = True) -> Any:
    """Run a command in this process, in the folder; return what it prints, or the error it tells."""
    with contextlib.chdir(where), pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "k")
        patch.setenv("POINTSMAN_ACTOR", "ada")
        done = CliRunner().invoke(load(args[0]), [*args[1:], *(["--json"] if as_json else [])])
    if isinstance(done.exception, UsageError):
        assert code == 2, done.exception
        return str(done.exception)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if as_json and done.stdout.strip() else done.output


PAIR = ("--baseline", "run#alpha", "--candidate", "run#beta")
COMPARE = ("judge", "compare", *PAIR, "--judge", JUDGE)


def test_a_killed_judge_pays_for_nothing_twice_and_people_decide_whether_it_gates(
    folder: Path, provider: Handle
) -> None:
    process = start(folder, *COMPARE, "--concurrency", "2")
    kept = folder / "run" / "judged" / "judged.jsonl"
    deadline = time.monotonic() + 30
    while not (kept.exists() and kept.read_bytes().count(b'"asked"') >= 10):
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    process.communicate()
    judged = run(folder, *COMPARE, "--concurrency", "4")
    assert 2 * CASES <= len(provider.requests) <= 2 * CASES + 2
    assert judged["verdicts"] == {"b": CASES - 14, "a": 0, "same": 0, "tie": 13, "unknown": 1}
    assert judged["missing"] == ["0 labels, 100 needed (`pointsman label`)"]
    count = len(provider.requests)
    assert run(folder, *COMPARE)["verdicts"] == judged["verdicts"]
    assert len(provider.requests) == count

    # Nobody at a terminal: said, and no error.
    said = run(folder, "label", *PAIR, as_json=False)
    assert "130 new items in the queue" in said
    assert "nobody at a terminal" in said
    held = run(folder, "gate", *PAIR, "--metrics", "judged", code=3)
    assert held["metrics"][0]["text"] == f"judge {JUDGE}: 0 labels, 100 needed (`pointsman label`)"
    label(folder, 37)
    held = run(folder, "gate", *PAIR, "--metrics", "judged", code=3)
    # One of the 37 is the case at which the judge mumbled: it measures nothing.
    assert "36 labels, 100 needed" in held["text"]
    label(folder, 110)
    passed = run(folder, "gate", *PAIR, "--metrics", "judged")
    assert passed["metrics"][0]["low"] > 0.5
    (worth,) = run(folder, "judge", "report")["judges"]
    assert worth["may_gate"] is True
    assert worth["flips"]["hits"] == 13
    assert worth["corrected"]["rate"] == pytest.approx(1.0)
    # The other way round it is another comparison, and nobody made it.
    run(folder, "gate", "--baseline", "run#beta", "--candidate", "run#alpha", "--metrics", "judged", code=2)


def label(folder: Path, up_to: int) -> None:
    """Say of the first items of the queue that the candidate is better, as it is."""
    with open_store(f"sqlite:///{folder}/pointsman.db") as store:
        labels = Labels(store)
        for item in labels.queue("ada", limit=up_to - len(labels.labels())):
            labels.say(Label(item.id, "ada", "b", 1))


def test_a_judge_does_not_judge_a_snapshot_of_itself(folder: Path) -> None:
    told = run(
        folder, "judge", "compare", "--baseline", "run#gpt-5.4-2026-03-05", "--candidate", "run#beta", "--judge", JUDGE,
        code=2, as_json=False,
    )  # fmt: skip
    assert "cannot judge" in told


def test_a_card_is_applied_to_a_run_and_gates(folder: Path) -> None:
    applied = run(folder, "scorecard", "apply", "card.yaml", "--run", "run")
    sums = {one["model"]: one for one in applied["models"]}
    for counts in sums["alpha"]["criteria"].values():
        assert sum(counts.values()) == CASES
    assert sums["alpha"]["criteria"]["calm"]["fail"] == CASES
    gate = run(folder, "gate", *PAIR, "--metrics", "scorecard")
    assert gate["metrics"][0]["text"].startswith(f"care@{applied['head']['version']}")
    assert run(folder, "gate", "--baseline", "run#beta", "--candidate", "run#alpha", "--metrics", "scorecard", code=1)
    report = run(folder, "run-report", "run", as_json=False)
    assert "care@" in report
