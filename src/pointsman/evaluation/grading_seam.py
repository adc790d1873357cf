"""What a grader is, and how its version comes about."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

import msgspec

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case

_VERSION_DIGITS = 8
WRITE_ERROR = "write error"
"""How the text of a grade begins where a call that changes something was wrong."""


class Grader(Protocol):
    """Says of an answer to a case whether it is right. Pure: no I/O, no clock, no memory of earlier answers."""

    @property
    def name(self) -> str:
        """A stable word, as users write it."""
        ...

    @property
    def version(self) -> str:
        """A hash of the rules' revision and the settings: grades of two versions are not compared."""
        ...

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade one answer. Never raises, whatever the answer holds."""
        ...


def version_of(revision: int, **settings: Any) -> str:
    """Return 8 hex digits of a grader's settings and of the ``revision`` of its rules, raised when they change."""
    content = msgspec.json.encode([revision, settings], order="deterministic")
    return hashlib.sha256(content).hexdigest()[:_VERSION_DIGITS]


class Marks:
    """Writes the grades of one grader. ``label`` is ``name@version``."""

    def __init__(self, name: str, version: str) -> None:
        self.label = f"{name}@{version}"
        self._silent = Grade(self.label, None)
        self._passed = Grade(self.label, True, None, 1.0)

    def none(self, text: str = "") -> Grade:
        """Return "no say": nothing here for this grader."""
        return Grade(self.label, None, text=text) if text else self._silent

    def passed(self, text: str = "") -> Grade:
        """Return a pass."""
        return Grade(self.label, passed=True, score=1.0, text=text) if text else self._passed

    def failed(self, kind: str, text: str, score: float = 0.0) -> Grade:
        """Return a failure of ``kind``; ``text`` says what and where."""
        return Grade(self.label, passed=False, kind=kind, score=score, text=text)


def is_write_error(grade: Grade) -> bool:
    """Tell whether a grade reports a wrong call to a tool that changes something: what a gate must not let grow."""
    return grade.text.startswith(WRITE_ERROR)
