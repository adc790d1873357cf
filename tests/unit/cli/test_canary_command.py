from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.cli import main
from pointsman.store import open_store

POLICY = """
version: 1
providers:
  anthropic: {host: anthropic}
  openai: {host: openai}
tiers: {small: [anthropic/claude-haiku-4-5]}
routes: {direct: {tiers: [small]}}
default_route: direct
canaries:
  mini: {replaces: anthropic/claude-haiku-4-5, model: openai/gpt-5-mini, share: 0.1, rollback_on: [tool-call-success]}
"""
Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("pointsman.yaml").write_text(POLICY)

    def call(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["pointsman", "canary", *words])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return call


def test_a_trial_is_ended_and_begun_again(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    open_store("sqlite:///pointsman.db").close()
    assert run("stop", "mini", "--by", "ada", "--why", "refunds look odd") == 0
    assert "canary mini is over" in capsys.readouterr().out
    assert run("list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["canaries"]
    assert (row["state"], row["ended_by"], row["why"]) == ("over", "ada", "refunds look odd")
    assert (row["candidate"]["turns"], row["candidate"]["failed"]) == (0, None)
    assert run("stop", "mini") == 0
    assert "was over already" in capsys.readouterr().out
    assert run("start", "mini") == 0
    capsys.readouterr()
    assert run("list") == 0
    assert "1 trial in the policy, 1 running" in capsys.readouterr().out


def test_another_model_is_another_trial(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    open_store("sqlite:///pointsman.db").close()
    assert run("stop", "mini") == 0
    Path("pointsman.yaml").write_text(POLICY.replace("gpt-5-mini", "gpt-4o-mini"))
    capsys.readouterr()
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["canaries"][0]["state"] == "running"


def test_an_unknown_trial_is_told_with_those_there_are(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stop", "max") == 2
    assert "no canary 'max'; there are: mini" in capsys.readouterr().err
