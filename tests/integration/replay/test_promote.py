"""Promotion and rollback on runs that a provider on a real port answered."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pointsman.cli import EXIT_USAGE, load
from pointsman.domain.message import Message, Text, Tool
from pointsman.domain.turn import Turn
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Rule, SaidCall, Say, Script, When
from pointsman.emulator.serving import serve_in_thread
from pointsman.errors import UsageError
from pointsman.evaluation.case_file import encode_case
from pointsman.evaluation.cases import Case, Gold
from pointsman.routing.policy import load_policy

OLD, GOOD, BAD = "openai/gpt-5.4", "openai/gpt-5-mini", "openai/gpt-4o-mini"
POLICY = """\
version: 1   # the team's own words stay
providers:
  openai: {{host: openai, base_url: {url}/v1, api_key_env: OPENAI_API_KEY}}
tiers:
  small: [ "openai/gpt-5.4" ]   # the one we know
routes:
  direct: {{tiers: [small]}}
default_route: direct
"""
TOOLS = (Tool("issue_refund", "Refund an order."),)
ENVIRONMENT = {"OPENAI_API_KEY": "k", "POINTSMAN_ACTOR": "ada"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a policy, cases that want no tool call, and a run of three models; one of them refunds at once."""
    where = tmp_path_factory.mktemp("promote")
    rash = Rule(when=When(model="gpt-4o-mini*"), reply=Say(calls=(SaidCall("issue_refund", {}),)))
    with serve_in_thread(Emulator(Script(rules=(rash, Rule(reply=Say(text="All right.")))))) as handle:
        text = POLICY.format(url=handle.base_url)
        (where / "pointsman.yaml").write_text(text)
        (where / "next.yaml").write_text(text.replace("gpt-5.4", "gpt-5-mini"))
        cases = [
            Case(
                f"c{n}", f"c{n}", "t", Turn((Message("user", (Text(f"question {n}"),)),), tools=TOOLS), Gold("no_call")
            )
            for n in range(60)
        ]
        (where / "cases.jsonl").write_bytes(b"".join(map(encode_case, cases)))
        (where / "gate.yaml").write_text("metrics: {accuracy: {margin: 0.1}}\n")
        models = f"{OLD},{GOOD},{BAD},policy:pointsman.yaml,policy:next.yaml"
        run_apart(where, "replay", "cases.jsonl", "--models", models, "--out", "run")
        yield where


def run(where: Path, *args: str, code: int = 0) -> Any:
    """Run a command there. A whole process takes four times as long: the first test has them, the others run in this one."""
    with contextlib.chdir(where):
        done = CliRunner().invoke(load(args[0]), [*args[1:], "--json"], env=ENVIRONMENT)
    if isinstance(done.exception, UsageError):
        assert code == EXIT_USAGE, done.exception
        return str(done.exception)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if done.stdout.strip() else done.stderr


def run_apart(where: Path, *args: str, code: int = 0) -> Any:
    """Run a command in a process of its own, as a person does."""
    command = [sys.executable, "-m", "pointsman", *args, "--json"]
    env = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else done.stderr


@pytest.fixture
def here(folder: Path, tmp_path: Path) -> Path:
    """The folder's files in a place of their own, so that tests do not see each other's history."""
    for name in ("pointsman.yaml", "next.yaml", "gate.yaml", "run"):
        if name == "run":
            (tmp_path / name).symlink_to(folder / name)
        else:
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    return tmp_path


def arms(old: str, new: str) -> list[str]:
    return ["promote", "--baseline", f"run#{old}", "--candidate", f"run#{new}", "--gate", "gate.yaml"]


def test_a_model_that_passes_takes_the_place_and_gives_it_back(here: Path) -> None:
    before = (here / "pointsman.yaml").read_text()
    done = run_apart(here, *arms(OLD, GOOD))
    assert done["result"] == "promoted"
    assert done["changes"] == [["tiers.small[0]", OLD, GOOD]]
    assert (here / "pointsman.yaml").read_text() == before.replace('"openai/gpt-5.4"', '"openai/gpt-5-mini"')
    (kept,) = run_apart(here, "promote", "--history")["promotions"]
    assert (kept["actor"], kept["forced"], kept["gate"]["answer"], kept["gate"]["cases"]) == ("ada", False, "pass", 60)
    run_apart(here, "rollback")
    assert (here / "pointsman.yaml").read_text() == before
    assert "nothing stands promoted" in run_apart(here, "rollback", code=2)


@pytest.mark.parametrize(("new", "code"), [(BAD, 1), (GOOD, 3)])
def test_without_a_passing_gate_nothing_changes_but_by_force_with_a_reason(here: Path, new: str, code: int) -> None:
    before = (here / "pointsman.yaml").read_text()
    if code == 3:
        (here / "gate.yaml").write_text("metrics: {accuracy: {margin: 0.01}}\n")
    assert run(here, *arms(OLD, new), code=code)["result"] == "not promoted"
    assert "add --why" in run(here, *arms(OLD, new), "--force", code=2)
    assert (here / "pointsman.yaml").read_text() == before
    run(here, *arms(OLD, new), "--force", "--why", "the provider shuts the old one down tonight")
    assert new in (here / "pointsman.yaml").read_text()
    (kept,) = run(here, "promote", "--history")["promotions"]
    assert (kept["forced"], kept["reason"]) == (True, "the provider shuts the old one down tonight")


def test_a_whole_policy_is_promoted_only_as_it_was_replayed(here: Path) -> None:
    names = [f"policy:{load_policy(here / name).version}" for name in ("pointsman.yaml", "next.yaml")]
    assert "name its file with --to" in run(here, *arms(*names), code=2)
    wanted = (here / "next.yaml").read_text()
    (here / "next.yaml").write_text(wanted.replace("default_route", "deadlines: {total_s: 100}\ndefault_route"))
    assert "it has changed" in run(here, *arms(*names), "--to", "next.yaml", code=2)
    (here / "next.yaml").write_text(wanted)
    before = (here / "pointsman.yaml").read_text()
    run(here, *arms(*names), "--to", "next.yaml")
    assert (here / "pointsman.yaml").read_text() == wanted
    assert "is in force" in run(here, *arms(*names), "--to", "next.yaml", code=2)
    run(here, "rollback")
    assert (here / "pointsman.yaml").read_text() == before


def test_a_file_that_was_edited_since_keeps_its_edits(here: Path) -> None:
    run(here, *arms(OLD, GOOD))
    path = here / "pointsman.yaml"
    path.write_text(path.read_text().replace("# the one we know", "# reviewed by Ben"))
    run(here, "rollback")
    assert "# reviewed by Ben" in path.read_text()
    assert '"openai/gpt-5.4"' in path.read_text()


def test_a_dry_run_says_what_would_change_and_writes_nothing(here: Path) -> None:
    before = (here / "pointsman.yaml").read_text()
    assert run(here, *arms(OLD, GOOD), "--dry-run")["result"] == "would be promoted"
    assert (here / "pointsman.yaml").read_text() == before
    assert not list(here.glob("*.db"))


def test_evidence_on_another_model_is_refused(here: Path) -> None:
    assert "lets openai/gpt-5-mini answer nowhere" in run(here, *arms(GOOD, OLD), code=2)
