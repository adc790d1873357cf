"""``pointsman distill export``: what it prints, and mistakes on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pointsman.cli import load
from pointsman.errors import UsageError
from pointsman.store import open_store
from support.trained import Shop, user


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'turns.db'}?durability=normal"
    with open_store(found) as store:
        shop = Shop(store)
        for n in range(12):
            shop.turn(user(f"Question {n}"), said=f"Answer {n}.")
        shop.turn(consent=None)
    return found


def run(*args: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(load("distill"), ["export", *(str(one) for one in args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return str(result.stdout)


def test_the_verdict_comes_first_then_what_was_left_out(url: str, tmp_path: Path) -> None:
    told = run("--store", url, "--out", tmp_path / "set")
    assert told.splitlines()[0].startswith(f"12 lines of 13 turns in {tmp_path / 'set'} (")
    assert "no_consent: no consent to train on it" in told
    assert "No evaluation set was named" in told
    assert "# Training set (chat)" in (tmp_path / "set" / "CARD.md").read_text()


def test_json_for_scripts(url: str, tmp_path: Path) -> None:
    told = json.loads(run("--store", url, "--out", tmp_path / "set", "--target", "router", "--json"))
    assert sum(told["lines"].values()) == 12
    assert told["left_out"] == {"no_consent": 1}
    assert told["card"] == str(tmp_path / "set" / "CARD.md")


def test_nothing_to_learn_from_is_a_failure(url: str, tmp_path: Path) -> None:
    run("--store", url, "--out", tmp_path / "set", "--strong", "anthropic/claude-opus-4-8", code=1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--target", "poetry"), "--target"),
        (("--split", "80,20"), "--split"),
        (("--split", "0,0,0"), "--split"),
        (("--licence", " "), "--licence is empty"),
        (("--exclude", "gone.jsonl"), "no such file"),
        (("--since", "soon"), "--since"),
    ],
)
def test_a_mistake_is_one_error(url: str, tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        run("--store", url, "--out", tmp_path / "set", *arguments)


def test_a_folder_that_is_a_file_is_one_error(url: str, tmp_path: Path) -> None:
    (tmp_path / "set").write_text("")
    with pytest.raises(UsageError, match="--out"):
        run("--store", url, "--out", tmp_path / "set")
