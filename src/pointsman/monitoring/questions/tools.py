"""How good tool calls are: what graders found where they looked, and what hints at it everywhere else."""

from __future__ import annotations

import msgspec

from pointsman.domain.figures import Estimate, Rate
from pointsman.domain.intervals import Z_95
from pointsman.monitoring.asking.board import Board, Row
from pointsman.monitoring.asking.slice import By, Slice


class Graded(msgspec.Struct, frozen=True):
    """One metric of one group: ``passed`` of the graded replies; ``unknown`` in it could not be graded.

    ``source`` is who graded: rule, judge or human. ``score`` is the mean score, 0 to 1.
    """

    by: dict[str, str | None]
    metric: str
    source: str
    passed: Rate
    score: Estimate


class Proxies(msgspec.Struct, frozen=True):
    """Hints that need no grader, of one group: calls that ended in tool calls, checks on them, thumbs, and turns answered twice.

    ``checks`` are the plan's and the tools' own checks by name. None of these is accuracy: they are cheap, and they move when it
    moves.
    """

    by: dict[str, str | None]
    turns: int
    with_tools: Rate
    checks: dict[str, Rate]
    thumbs_up: Rate
    retried: Rate


class Tools(msgspec.Struct, frozen=True):
    """Graded accuracy per metric and group (empty: nothing was graded), and the proxies per group."""

    graded: tuple[Graded, ...]
    proxies: tuple[Proxies, ...]


_GRADES = """
    grade.metric AS metric, grade.source AS source, count(*) FILTER (grade.passed) AS passed, count(grade.passed) AS known,
    count(grade.score) AS scored, avg(grade.score) AS score, stddev_samp(grade.score) AS deviation
"""
_GRADED = "JOIN grade ON grade.turn_id = turn.id AND grade.subject = 'shipped'"
_CHECKS = "checked.kind AS kind, count(*) FILTER (checked.passed) AS passed"
_CHECKED = "JOIN checked ON checked.turn_seq = turn.seq AND checked.kind <> 'contract'"
_THUMBS = "count(*) FILTER (feedback.thumb = 'up') AS up, count(feedback.thumb) AS said"


def ask(board: Board, chosen: Slice, by: By = ()) -> Tools:
    """Return what is known of the quality of tool calls in the slice, per ``by``."""
    graded = board.groups(_GRADES, chosen, by, joined=_GRADED, group=("metric", "source"))
    return Tools(tuple(_graded(row) for row in graded if row["metric"] is not None), tuple(_proxies(board, chosen, by)))


def _graded(row: Row) -> Graded:
    n = row["scored"]
    score = Estimate(None, 0, "share", why="no score was given")
    if n:
        half = Z_95 * (row["deviation"] or 0.0) / n**0.5
        bounds = (max(0.0, row["score"] - half), min(1.0, row["score"] + half)) if n > 1 else (None, None)
        score = Estimate(row["score"], n, "share", *bounds)
    return Graded(
        row["by"], row["metric"], row["source"], Rate(row["passed"], row["known"], row["turns"] - row["known"]), score
    )


def _proxies(board: Board, chosen: Slice, by: By) -> list[Proxies]:
    checks: dict[tuple[str | None, ...], dict[str, Rate]] = {}
    for row in board.groups(_CHECKS, chosen, by, joined=_CHECKED, group=("kind",)):
        if row["kind"] is not None:
            checks.setdefault(tuple(row["by"].values()), {})[row["kind"]] = Rate(row["passed"], row["turns"])
    thumbs = {
        tuple(row["by"].values()): row
        for row in board.groups(_THUMBS, chosen, by, joined="JOIN feedback ON feedback.turn_id = turn.id")
    }
    columns = (
        "count(*) FILTER (turn.tool_calls) AS used, count(*) FILTER (retried > 0) AS again, count(tool_calls) AS known"
    )
    made = []
    for row in board.groups(columns, chosen, by):
        key = tuple(row["by"].values())
        said = thumbs.get(key, {"up": 0, "said": 0})
        made.append(
            Proxies(
                row["by"],
                row["turns"],
                Rate(row["used"], row["known"], row["turns"] - row["known"]),
                checks.get(key, {}),
                Rate(said["up"], said["said"], row["turns"] - said["said"]),
                Rate(row["again"], row["turns"]),
            )
        )
    return made
