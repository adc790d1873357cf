from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.cli import main
from pointsman.execution.prompts import shipped

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(store: Path, *words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["pointsman", *words, "--store", f"sqlite:///{store}"])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return call


def test_a_prompt_is_saved_compared_promoted_and_rolled_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], run: Run
) -> None:
    store, file = tmp_path / "p.db", tmp_path / "worker.md"
    assert run(store, "prompts", "show", "worker") == 0
    assert not store.exists()
    file.write_text(capsys.readouterr().out + "Sign with Anna.\n")
    assert run(store, "prompts", "save", "worker", str(file), "--why", "signature", "--by", "anna") == 0
    capsys.readouterr()
    assert run(store, "prompts", "diff", "worker") == 0
    assert "+Sign with Anna." in capsys.readouterr().out
    assert run(store, "prompts", "promote", "worker") == 0
    capsys.readouterr()
    assert run(store, "prompts", "rollback", "worker", "--json") == 0
    assert json.loads(capsys.readouterr().out)["version"] == shipped("worker").version
    assert run(store, "prompts", "history", "worker", "--json") == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert [change["action"] for change in changes] == ["rollback", "promote", "save"]
    assert changes[-1]["actor"] == "anna"


def test_rolling_back_what_was_never_changed_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], run: Run
) -> None:
    (tmp_path / "new.md").write_text("Be brief.")
    run(tmp_path / "p.db", "prompts", "save", "worker", str(tmp_path / "new.md"))
    assert run(tmp_path / "p.db", "prompts", "rollback", "judge") == 2
    assert "nothing to roll back" in capsys.readouterr().err
