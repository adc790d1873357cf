"""What graders, judges and people found of turns: written beside the turns, one row for each metric."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

import msgspec

from pointsman.store.money import from_halves, from_pico, to_pico
from pointsman.store.reading import mappings
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

Subject = Literal["shipped", "shadow", "plan"]
"""Whose reply: what the customer got, the stronger model's, or the plan that was made for it."""

Source = Literal["rule", "judge", "human"]


class TurnGrade(msgspec.Struct, frozen=True):
    """One finding. ``metric`` is a grader's name, ``scorecard:NAME`` or ``criterion:NAME/CRITERION``; ``version`` a hash.

    ``author`` is empty for rules, else the judge's model id or the labeller's name. ``passed`` and ``score`` are None where it
    could not be graded. ``detail`` holds evidence and reasons. ``cost_usd`` is what the grading cost; None: unknown.
    """

    turn_id: str
    subject: Subject
    metric: str
    version: str
    source: Source
    at_us: int
    author: str = ""
    score: float | None = None
    passed: bool | None = None
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
    cost_usd: Decimal | None = Decimal(0)


class GradeSum(msgspec.Struct, frozen=True):
    """All findings of one metric: ``graded`` is always ``passed`` + ``failed`` + ``unknown``.

    ``score`` is the mean of the ``scored`` ones; None where there are none.
    """

    subject: Subject
    metric: str
    version: str
    source: Source
    author: str
    graded: int
    passed: int
    failed: int
    unknown: int
    score: float | None
    scored: int
    cost_usd: Decimal | None
    first_us: int
    last_us: int


def put_grades(connection: sqlite3.Connection, grades: Iterable[TurnGrade]) -> int:
    """Write findings, each in the place of an earlier one of the same metric, version, source and author; return how many.

    For use inside a ``Store.write`` job.
    """
    rows = [_row(one) for one in grades]
    connection.executemany(load_queries("grades")["put_grade"], rows)
    return len(rows)


def _row(one: TurnGrade) -> tuple[Any, ...]:
    detail = msgspec.json.encode(one.detail).decode()
    passed = None if one.passed is None else int(one.passed)
    return (
        *(one.turn_id, one.subject, one.metric, one.version, one.source, one.author),
        *(one.score, passed, detail, to_pico(one.cost_usd), one.at_us),
    )


def grades_of(store: Store, turn_id: str) -> list[TurnGrade]:
    """Return everything found of a turn: by subject, then by metric.

    Raises:
        StoreError: the store cannot be read.
    """
    with store.reading() as connection:
        rows = mappings(connection.execute(load_queries("grades")["grades_of"], (turn_id,)))
    return [
        TurnGrade(
            turn_id=row["turn_id"],
            subject=row["subject"],
            metric=row["metric"],
            version=row["version"],
            source=row["source"],
            at_us=row["at_us"],
            author=row["author"],
            score=row["score"],
            passed=None if row["passed"] is None else bool(row["passed"]),
            detail=msgspec.json.decode(row["detail"]),
            cost_usd=from_pico(row["cost_pico"]),
        )
        for row in rows
    ]


def graded_turns(  # noqa: PLR0913 - the key of a grade, by name
    store: Store, *, subject: Subject, metric: str, version: str, source: Source, author: str = ""
) -> set[str]:
    """Return the ids of the turns that have such a grade already."""
    key = (subject, metric, version, author, source)
    with store.reading() as connection:
        return {row[0] for row in connection.execute(load_queries("grades")["graded_turns"], key)}


def sum_grades(store: Store, metric: str | None = None, since_us: int | None = None) -> list[GradeSum]:
    """Sum the findings up by metric; ``metric`` "scorecard:NAME" brings that card and its criteria, None everything."""
    name = None if metric is None else metric.partition(":")[2]
    below = None if name is None else f"criterion:{_literal(name)}/*"
    with store.reading() as connection:
        query = load_queries("grades")["grade_sums"]
        rows = mappings(connection.execute(query, {"metric": metric, "below": below, "since_us": since_us}))
    return [
        GradeSum(
            **{name: row[name] for name in GradeSum.__struct_fields__ if name != "cost_usd"},
            cost_usd=from_halves(row["cost_micro"], row["cost_rest"]),
        )
        for row in rows
    ]


def _literal(text: str) -> str:
    """Return a text that GLOB takes as it stands."""
    return "".join(f"[{mark}]" if mark in "*?[" else mark for mark in text)
