"""Keeps evaluation sets out of training sets: what a model was trained on, it cannot be tested on.

A turn overlaps a case when it is the turn or of the conversation that the case was made of; when any thirteen words in a row
are the same (as GPT-3's authors did: T. Brown et al., arXiv 2005.14165, appendix C); when the message that is answered is one of
the set's, of four words or more; or when the whole talk is the same. System prompts are not compared: they are the same on
purpose.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from pointsman.domain.message import Message
from pointsman.errors import UsageError
from pointsman.evaluation.case_file import read_cases
from pointsman.evaluation.cases import Case, CaseVersion
from pointsman.learning.distill_clean import words_of
from pointsman.learning.distill_twins import grams, hash_text, words

_GRAM: Final = 13
_LEAST: Final = 4


class Excluded(msgspec.Struct, frozen=True):
    """An evaluation set that was kept out: its file's name, content version, and how many cases."""

    name: str
    version: str
    cases: int


class Overlap:
    """What the evaluation sets hold, in a temporary file."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pointsman-overlap-")
        self._db = sqlite3.connect(Path(self._folder.name) / "overlap.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE gram (hash INTEGER PRIMARY KEY)",
            "CREATE TABLE whole (hash INTEGER PRIMARY KEY)",
            "CREATE TABLE name (name TEXT PRIMARY KEY) WITHOUT ROWID",
        ):
            self._db.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def read(self, path: Path) -> Excluded:
        """Take in an evaluation set.

        Raises:
            UsageError: the file cannot be read, or a line of it cannot: a set that is known in part keeps nothing out.
        """
        version = CaseVersion()
        for line in read_cases(path):
            if line.case is None:
                raise UsageError(
                    f"{path}: line {line.number} cannot be read ({(line.problem or '')[:150]}); mend or remove the line, so "
                    "that all of the set is kept out"
                )
            self.add(line.case)
            version.add(line.case)
        if not version.cases:
            raise UsageError(f"{path}: no case in it")
        return Excluded(path.name, version.text, version.cases)

    def add(self, case: Case) -> None:
        """Take in one case."""
        for name in (case.id, case.conversation_id):
            self._db.execute("INSERT OR IGNORE INTO name VALUES (?)", (name,))
        texts = [words_of(message) for message in (*case.turn.messages, *case.customer) if message.role != "system"]
        if case.gold is not None and case.gold.reply:
            texts.append(case.gold.reply)
        for text in texts:
            self._db.executemany("INSERT OR IGNORE INTO gram VALUES (?)", [(one,) for one in grams(text, _GRAM)])
        asked = [message for message in (*case.turn.messages, *case.customer) if message.role == "user"]
        marks = {mark for message in asked if (mark := _mark(words_of(message))) is not None}
        marks.add(_talk(case.turn.messages))
        self._db.executemany("INSERT OR IGNORE INTO whole VALUES (?)", [(one,) for one in marks])

    def holds(self, names: Iterable[str], messages: Sequence[Message], answers: Sequence[Message]) -> bool:
        """Return whether a turn overlaps a case. ``names`` are its id and its conversation's."""
        if any(self._db.execute("SELECT 1 FROM name WHERE name = ?", (name,)).fetchone() for name in names):
            return True
        said = [message for message in (*messages, *answers) if message.role != "system"]
        asked = next((message for message in reversed(messages) if message.role == "user"), None)
        marks = [_talk(messages), None if asked is None else _mark(words_of(asked))]
        if any(mark is not None and self._has("whole", mark) for mark in marks):
            return True
        return any(self._has("gram", one) for message in said for one in grams(words_of(message), _GRAM))

    def _has(self, table: str, value: int) -> bool:
        query = f"SELECT 1 FROM {table} WHERE hash = ?"  # noqa: S608 - one of our two tables
        return self._db.execute(query, (value,)).fetchone() is not None


def _mark(text: str) -> int | None:
    found = words(text)
    return hash_text("asked " + " ".join(found)) if len(found) >= _LEAST else None


def _talk(messages: Sequence[Message]) -> int:
    said = [" ".join(words(words_of(message))) for message in messages if message.role != "system"]
    return hash_text("talk " + "\x00".join(said))
