"""``pointsman regressions``: the regression set grows by rejections, complaints and disagreements, each once."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from pointsman.cli import load
from pointsman.domain.turn import Turn
from pointsman.errors import UsageError
from pointsman.evaluation.case_file import encode_case, read_cases
from pointsman.evaluation.cases import Case
from pointsman.evaluation.run_log import GradeHead, GradeRow, RunHead
from pointsman.store import open_store
from pointsman.store.incidents import Incident, link_turns, put
from pointsman.store.rejections import Rejection, record_rejection_sync
from support.trained import WEAK, Shop, user


def run(*args: str | Path) -> Any:
    result = CliRunner().invoke(load("regressions"), [*(str(one) for one in args), "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def cases(path: Path) -> list[Case]:
    return [line.case for line in read_cases(path) if line.case is not None]


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'turns.db'}?durability=normal"
    with open_store(found) as store:
        shop = Shop(store)
        shop.turn(user("All is well"))
        bad = shop.turn(user("Sort this"))
        record_rejection_sync(
            store, Rejection(1, "rejected", "ticket", "v1", WEAK, (("bad_enum", "/x", "m"),), "{}", turn_id=bad)
        )
        shop.feedback(shop.turn(user("Where is it?")), thumb="down")
    return found


def test_rejected_and_disliked_turns_go_in_once(url: str, tmp_path: Path) -> None:
    to = tmp_path / "regression.jsonl"
    told = run("--to", to, "--store", url)
    assert (told["new"], told["found"]) == (2, {"rejected": 1, "complaint": 1})
    assert {case.turn.messages[0].text: case.tags["trouble"] for case in cases(to)} == {
        "Sort this": "rejected",
        "Where is it?": "complaint",
    }
    before = to.read_bytes()
    assert run("--to", to, "--store", url)["new"] == 0
    assert to.read_bytes() == before


def test_the_turns_an_incident_points_to_go_in(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'turns.db'}?durability=normal"
    with open_store(url) as store:
        turn = Shop(store).turn(user("Cancel it"))
        incident = Incident("inc_1", "quality", WEAK, True, "page", "resolved", "Quality", 1)

        def job(connection: sqlite3.Connection) -> None:
            put(connection, incident)
            link_turns(connection, incident.id, [turn])

        store.write_sync(job)
    to = tmp_path / "regression.jsonl"
    assert run("--to", to, "--store", url)["found"] == {"incident": 1}
    assert [case.turn.messages[0].text for case in cases(to)] == ["Cancel it"]


def test_where_nothing_went_wrong_no_file_is_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'turns.db'}?durability=normal"
    with open_store(url) as store:
        Shop(store).turn()
    assert run("--to", tmp_path / "regression.jsonl", "--store", url)["cases"] == 0
    assert not (tmp_path / "regression.jsonl").exists()


def _run(folder: Path, file: Path, *grades: tuple[str, str, bool | None]) -> Path:
    """Write a run on disk as `pointsman replay` does: three cases, and these verdicts (case, model, passed)."""
    made = {key: Case(key, f"talk-{key}", "test", Turn((user(f"Question {key}"),))) for key in ("a", "b", "c")}
    file.write_bytes(b"".join(map(encode_case, made.values())))
    folder.mkdir()
    head = RunHead(str(file), "v", 3, 3, "fixed", ("m/1", "m/2"), 1, "strict")
    (folder / "run.json").write_bytes(msgspec.json.encode(head))
    rows = [
        GradeRow(key, made[key].content.hex()[:12], f"talk-{key}", model, 1, "recorded", passed=passed)
        for key, model, passed in grades
    ]
    lines = map(msgspec.json.encode, [GradeHead("strict", "v"), *rows])
    (folder / "grades.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


def test_cases_on_which_models_disagree_go_in_with_who_was_right(tmp_path: Path) -> None:
    folder = _run(
        tmp_path / "run",
        tmp_path / "cases.jsonl",
        *[("a", "m/1", True), ("a", "m/2", False), ("b", "m/1", True), ("b", "m/2", True)],
        *[("c", "m/1", None), ("c", "m/2", False)],
    )
    told = run("--to", tmp_path / "regression.jsonl", "--run", folder)
    assert (told["new"], told["found"]) == (1, {"disagreement": 1})
    (case,) = cases(tmp_path / "regression.jsonl")
    assert (case.id, case.tags) == ("a", {"trouble": "disagreement", "right": "m/1", "wrong": "m/2"})


def test_a_model_that_disagrees_with_itself_counts(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", tmp_path / "cases.jsonl", ("a", "m/1", True), ("a", "m/1", False))
    assert run("--to", tmp_path / "regression.jsonl", "--run", folder)["new"] == 1


def test_a_case_that_changed_since_the_run_is_told(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", tmp_path / "cases.jsonl", ("a", "m/1", True), ("a", "m/2", False))
    moved = tmp_path / "moved.jsonl"
    moved.write_text((tmp_path / "cases.jsonl").read_text().replace("Question a", "Question A"))
    (tmp_path / "cases.jsonl").unlink()
    told = run("--to", tmp_path / "regression.jsonl", "--run", folder, "--cases", moved)
    assert told["new"] == 0
    assert told["problems"][0]["problem"] == "the case has changed since the run"
    with pytest.raises(UsageError, match="--cases FILE"):
        run("--to", tmp_path / "regression.jsonl", "--run", folder)


def test_something_must_be_named() -> None:
    with pytest.raises(UsageError, match="nothing to grow by"):
        run("--to", "x.jsonl")
