"""How every model does right now: the last minutes beside the same length of time before."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pointsman.domain.figures import Estimate, Rate
from pointsman.monitoring.asking.board import Board, Row
from pointsman.monitoring.asking.quantiles import counts, estimate
from pointsman.monitoring.asking.slice import By, Slice

_SECOND_US = 1_000_000


class Options(msgspec.Struct, frozen=True):
    """``window_s`` back from now."""

    window_s: Annotated[int, Meta(ge=60, le=31 * 86_400)] = 900


class Health(msgspec.Struct, frozen=True):
    """One model on one tier. ``errors`` gave no whole reply, of the turns that the client did not leave.

    ``tools`` are grades of tool calls (shipped replies, any grader whose name begins with ``tool``), ``contracts`` the checked
    replies that satisfied their contract; both have n = 0 where nothing was checked. ``last_us`` is the newest turn.
    """

    by: dict[str, str | None]
    turns: int
    errors: Rate
    ttft_p50: Estimate
    ttft_p95: Estimate
    tokens_s_p50: Estimate
    tools: Rate
    contracts: Rate
    last_us: int


class Healths(msgspec.Struct, frozen=True):
    """The window in Unix microseconds, its rows (most turns first), and those of the window before. No row: no turn came."""

    since_us: int
    until_us: int
    rows: tuple[Health, ...]
    before: tuple[Health, ...]


_COLUMNS = """
    count(*) FILTER (status IN ('error', 'broken')) AS errors, count(*) FILTER (status <> 'cancelled') AS kept,
    max(turn.at_us) AS last_us
"""
_GRADES = "count(*) FILTER (grade.passed) AS hits, count(grade.passed) AS n, count(*) - count(grade.passed) AS unknown"
_GRADED = "JOIN grade ON grade.turn_id = turn.id AND grade.subject = 'shipped' AND starts_with(grade.metric, 'tool')"
_CHECKS = "count(*) FILTER (checked.passed) AS hits, count(*) AS n, 0 AS unknown"
_CHECKED = "JOIN checked ON checked.turn_seq = turn.seq AND checked.kind = 'contract'"


def ask(
    board: Board,
    chosen: Slice,
    by: By = ("model", "tier"),
    options: Options = Options(),  # noqa: B008 - frozen
) -> Healths:
    """Return how models do in the last window; a period in ``chosen`` gives way to it."""
    length = options.window_s * _SECOND_US
    until = board.now_us + 1
    groups = by or ("model", "tier")
    now = msgspec.structs.replace(chosen, since_us=until - length, until_us=until)
    before = msgspec.structs.replace(chosen, since_us=until - 2 * length, until_us=until - length)
    return Healths(until - length, until, tuple(_rows(board, now, groups)), tuple(_rows(board, before, groups)))


def _rows(board: Board, chosen: Slice, by: By) -> list[Health]:
    waits = counts(board, "ttft_bucket", chosen, by)
    speeds = counts(board, "tokens_s_bucket", chosen, by)
    tools = _rates(board, chosen, by, _GRADES, _GRADED)
    contracts = _rates(board, chosen, by, _CHECKS, _CHECKED)
    rows = []
    for row in board.groups(_COLUMNS, chosen, by):
        key = tuple(row["by"].values())
        found = waits.get(key, {})
        rows.append(
            Health(
                row["by"],
                row["turns"],
                Rate(row["errors"], row["kept"]),
                estimate(found, 0.5, "ms"),
                estimate(found, 0.95, "ms"),
                estimate(speeds.get(key, {}), 0.5, "tokens/s"),
                tools.get(key, Rate(0, 0)),
                contracts.get(key, Rate(0, 0)),
                row["last_us"],
            )
        )
    return rows


def _rates(board: Board, chosen: Slice, by: By, columns: str, joined: str) -> dict[tuple[str | None, ...], Rate]:
    return {tuple(row["by"].values()): _rate(row) for row in board.groups(columns, chosen, by, joined=joined)}


def _rate(row: Row) -> Rate:
    return Rate(row["hits"], row["n"], row["unknown"])
