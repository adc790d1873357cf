"""Quantiles for questions: counts per bucket out of the column file, and estimates with their intervals."""

from __future__ import annotations

from typing import Literal

from pointsman.domain.figures import Estimate
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import By, Slice, dimensions
from pointsman.monitoring.columns.sketch import interval, quantile

Counts = dict[int, int]
"""How many values each bucket of ``columns.sketch`` holds. Two are merged by adding up equal buckets."""


def counts(
    board: Board, column: Literal["ttft_bucket", "tokens_s_bucket"], chosen: Slice, by: By
) -> dict[tuple[str | None, ...], Counts]:
    """Return how many turns each bucket of ``column`` holds, per group."""
    keys = dimensions(by)
    where, values = chosen.where()
    named = "".join(f"{key}, " for key in keys)
    found: dict[tuple[str | None, ...], Counts] = {}
    query = f"SELECT {named}{column} AS b, count(*) AS n FROM turn WHERE {where} AND {column} IS NOT NULL GROUP BY ALL"
    for row in board.connection.execute(query, values).fetchall():
        found.setdefault(tuple(row[:-2]), {})[row[-2]] = row[-1]
    return found


def estimate(found: Counts, share: float, unit: str) -> Estimate:
    """Return a quantile with its 95 % interval; unknown where nothing was measured."""
    n = sum(found.values())
    value = quantile(found, share)
    if value is None:
        return Estimate(None, 0, unit, why="no streamed turn")
    low, high = interval(found, share)
    return Estimate(value, n, unit, low, high)
