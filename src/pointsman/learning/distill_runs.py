"""Pairs out of a replay: cases on which a strong model's answer passed its grader and another answer did not."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from pointsman.domain.message import Message
from pointsman.domain.reply import Reply
from pointsman.errors import UsageError
from pointsman.evaluation.case_file import read_cases
from pointsman.evaluation.cases import Case
from pointsman.evaluation.run_log import Logged, read_grades, read_head
from pointsman.learning.distill_pairs import Worse

_GRADES: Final = """
CREATE TABLE grade (
    case_id TEXT, model TEXT, repeat INTEGER, content TEXT, passed INTEGER, kind TEXT, PRIMARY KEY (case_id, model, repeat)
) WITHOUT ROWID"""
_ANSWERS: Final = """
CREATE TABLE answer (
    case_id TEXT, model TEXT, repeat INTEGER, reply BLOB, PRIMARY KEY (case_id, model, repeat)
) WITHOUT ROWID"""
_LOGGED = msgspec.json.Decoder(Logged)


class Disagreement(msgspec.Struct, frozen=True):
    """A case with the answer of a strong model that passed, whose it is, and the answers that did not."""

    case: Case
    model: str
    reply: Reply
    worse: tuple[Worse, ...]


def disagreements_of(folder: Path, is_strong: Callable[[str], bool]) -> Iterator[Disagreement]:
    """Yield the cases of a run that make pairs, in the order of its case file. Answers wait in a temporary file.

    Raises:
        UsageError: there is no run, it ran freely, or its case file is gone.
    """
    head = read_head(folder)
    if head.mode != "fixed":
        raise UsageError(
            f"{folder}: a replay that ran freely asked each model something else; pairs need --mode fixed."
        )
    path = Path(head.cases_file)
    if not path.is_file():
        raise UsageError(
            f"{folder}: its cases were in {path}, which is not there. Put the file back, or replay it again."
        )
    with tempfile.TemporaryDirectory(prefix="pointsman-runs-") as place:
        db = sqlite3.connect(Path(place) / "answers.db", isolation_level=None)
        try:
            _fill(db, folder)
            for line in read_cases(path):
                if line.case is not None and (found := _pairs(db, line.case, is_strong)) is not None:
                    yield found
        finally:
            db.close()


def _fill(db: sqlite3.Connection, folder: Path) -> None:
    """Keep every graded answer: the reply under case, model and repeat, and what the grader said."""
    for statement in (
        "PRAGMA journal_mode=OFF",
        "PRAGMA synchronous=OFF",
        _GRADES,
        _ANSWERS,
        "BEGIN",
    ):
        db.execute(statement)
    for row in read_grades(folder):
        if row.passed is not None:
            values = (row.case, row.model, row.repeat, row.content, row.passed, row.kind or "wrong")
            db.execute("INSERT OR REPLACE INTO grade VALUES (?, ?, ?, ?, ?, ?)", values)
    with (folder / "answers.jsonl").open("rb") as stream:
        for line in stream:
            try:
                answer = _LOGGED.decode(line).answer
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if answer is not None and answer.reply is not None:
                kept = (answer.case_id, answer.model, answer.repeat, msgspec.json.encode(answer.reply))
                db.execute("INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?)", kept)
    db.execute("COMMIT")


def _pairs(db: sqlite3.Connection, case: Case, is_strong: Callable[[str], bool]) -> Disagreement | None:
    rows = db.execute(
        "SELECT model, passed, kind, reply, content FROM grade JOIN answer USING (case_id, model, repeat)"
        " WHERE case_id = ? ORDER BY model, repeat",
        (case.id,),
    ).fetchall()
    content = case.content.hex()
    known = [row for row in rows if content.startswith(row[4])]
    good = next(((model, reply) for model, passed, _, reply, _ in known if passed and is_strong(model)), None)
    if good is None:
        return None
    reply = msgspec.json.decode(good[1], type=Reply)
    worse = tuple(
        Worse(Message("assistant", msgspec.json.decode(said, type=Reply).parts), model, f"grader:{kind}")
        for model, passed, kind, said, _ in known
        if not passed
    )
    return Disagreement(case, good[0], reply, worse) if worse else None
