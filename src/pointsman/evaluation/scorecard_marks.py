"""What a scorecard says of one reply: a mark for each criterion, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from pointsman.evaluation.scorecards import Block, Category
from pointsman.store.grades import Source, Subject, TurnGrade

Status = Literal["pass", "fail", "unknown", "not_applicable"]
"""unknown: it could not be decided. not_applicable: there is nothing here that the criterion is about."""

NO_EVIDENCE = "evidence not found"


class Quote(msgspec.Struct, frozen=True):
    """Words on which a mark rests, as they were said, and who said them."""

    speaker: str
    text: str


class Mark(msgspec.Struct, frozen=True):
    """What is said of one criterion. ``cost_usd`` is the judge's; None: unknown."""

    criterion: str
    category: str
    status: Status
    source: Source = "rule"
    quotes: tuple[Quote, ...] = ()
    reason: str = ""
    cost_usd: Decimal | None = Decimal(0)


class Scored(msgspec.Struct, frozen=True):
    """What a block of a card says of a reply or a plan.

    ``passed`` is None where what is unknown could turn it either way; ``score`` (0 to 1) counts what is known, None: nothing is.
    ``card`` and ``version`` name the card; ``author`` is the judge's model, empty where none was asked.
    """

    card: str
    version: str
    author: str
    passed: bool | None
    score: float | None
    marks: tuple[Mark, ...]
    cost_usd: Decimal | None

    @property
    def counts(self) -> dict[Status, int]:
        """How many criteria have each status; they add up to all of them."""
        return count(self.marks)


def count(marks: Iterable[Mark]) -> dict[Status, int]:
    """Return how many marks have each status."""
    found: dict[Status, int] = {"pass": 0, "fail": 0, "unknown": 0, "not_applicable": 0}
    for mark in marks:
        found[mark.status] += 1
    return found


def add_up(block: Block, marks: Sequence[Mark]) -> tuple[bool | None, float | None]:
    """Return whether it passes, and the score of what is known.

    Unknown criteria are taken both ways: only where both give one answer there is one.
    """
    by_name = {mark.criterion: mark for mark in marks}
    required = [by_name[one.name].status for one in block.criteria() if one.required]
    statuses = [mark.status for mark in marks]
    known = _score(block, by_name, unknown=None)
    if "fail" in required:
        return False, known
    if block.roll_up == "all_must_pass":
        passed = (
            False if "fail" in statuses else None if "unknown" in statuses else True if "pass" in statuses else None
        )
        return passed, known
    worst, best = _score(block, by_name, unknown=0.0), _score(block, by_name, unknown=1.0)
    if worst is None or best is None:
        return None, None
    # Sums of weights are floats: a score that is the threshold must not miss it by a rounding.
    if best < block.threshold - 1e-9:
        return False, known
    if "unknown" in required:
        return None, known
    return (True if worst >= block.threshold - 1e-9 else None), known


def _score(block: Block, marks: Mapping[str, Mark], *, unknown: float | None) -> float | None:
    """Return the weighted score; ``unknown`` is what an undecided criterion is worth, None: it is left out."""
    total = weight = 0.0
    for category in block.categories:
        share = _category(category, marks, unknown)
        if share is not None:
            total += category.weight * share
            weight += category.weight
    return total / weight if weight else None


def _category(category: Category, marks: Mapping[str, Mark], unknown: float | None) -> float | None:
    total = weight = 0.0
    for one in category.criteria:
        worth: dict[Status, float | None] = {"pass": 1.0, "fail": 0.0, "unknown": unknown, "not_applicable": None}
        value = worth[marks[one.name].status]
        if value is not None:
            total += one.weight * value
            weight += one.weight
    return total / weight if weight else None


def turn_grades(scored: Scored, turn_id: str, subject: Subject, at_us: int) -> list[TurnGrade]:
    """Return the rows to keep of a scored turn: one for the card and one for each criterion that is about it."""
    source: Source = "judge" if scored.author else "rule"
    rows = [
        TurnGrade(
            turn_id=turn_id,
            subject=subject,
            metric=f"scorecard:{scored.card}",
            version=scored.version,
            source=source,
            author=scored.author,
            at_us=at_us,
            score=scored.score,
            passed=scored.passed,
            detail={"criteria": dict(scored.counts)},
            cost_usd=Decimal(0),  # the criteria carry it; twice would be one time too often
        )
    ]
    rows += [_row(scored, mark, turn_id, subject, at_us) for mark in scored.marks if mark.status != "not_applicable"]
    return rows


def _row(scored: Scored, mark: Mark, turn_id: str, subject: Subject, at_us: int) -> TurnGrade:
    passed = {"pass": True, "fail": False}.get(mark.status)
    detail: dict[str, Any] = {"category": mark.category}
    if mark.quotes:
        detail["quotes"] = msgspec.to_builtins(mark.quotes)
    if mark.reason:
        detail["reason"] = mark.reason
    return TurnGrade(
        turn_id=turn_id,
        subject=subject,
        metric=f"criterion:{scored.card}/{mark.criterion}",
        version=scored.version,
        source=mark.source,
        author=scored.author if mark.source == "judge" else "",
        at_us=at_us,
        score=None if passed is None else float(passed),
        passed=passed,
        detail=detail,
        cost_usd=mark.cost_usd,
    )
