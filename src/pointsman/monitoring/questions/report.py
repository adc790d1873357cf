"""Turns summed up as ``pointsman report`` prints them: errors, first-token times, tokens, cost, the flagship, outcomes.

First-token quantiles are nearest-rank and exact: always a value that was measured.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pointsman.domain.intervals import wilson
from pointsman.monitoring.asking.board import Board, Row, usd
from pointsman.monitoring.asking.slice import By, Slice, dimensions
from pointsman.store.reports import OutcomeFigures, ReportRow


class Report(msgspec.Struct, frozen=True):
    """The groups, the largest first; none where no turn matches."""

    rows: tuple[ReportRow, ...]


_COLUMNS = """
    count(*) FILTER (status IN ('error', 'broken')) AS errors, count(*) FILTER (status = 'cancelled') AS cancelled,
    count(*) FILTER (simulated) AS simulated, count(ttft_ms) AS ttft_n,
    quantile_disc(ttft_ms, 0.5) AS p50, quantile_disc(ttft_ms, 0.95) AS p95,
    sum(answer_output) FILTER (tokens_s IS NOT NULL AND turn.ttft_ms IS NOT NULL) AS streamed,
    sum(answer_output / tokens_s) FILTER (tokens_s IS NOT NULL AND turn.ttft_ms IS NOT NULL) AS seconds,
    count(input_uncached) AS usage_known, sum(input_uncached) AS input_uncached, sum(output_tokens) AS output,
    count(cache_read_tokens) AS cache_read_known, sum(cache_read_tokens) AS cache_read,
    count(cache_write_tokens) AS cache_write_known, sum(cache_write_tokens) AS cache_write,
    count(reasoning_tokens) AS reasoning_known, sum(reasoning_tokens) AS reasoning,
    count(cost) AS cost_known, sum(cost) AS cost,
    count(cost + flagship_cost::HUGEINT) AS both_known,
    sum(flagship_cost) FILTER (cost IS NOT NULL) AS flagship, sum(cost) FILTER (flagship_cost IS NOT NULL) AS compared
"""
_ENDED = """
    count(*) AS conversations, count(o.conv) AS reported,
    count(o.resolved) AS resolved_n, count(*) FILTER (o.resolved) AS resolved,
    count(o.escalated) AS escalated_n, count(*) FILTER (o.escalated) AS escalated,
    count(o.reopened) AS reopened_n, count(*) FILTER (o.reopened) AS reopened,
    count(o.csat) AS csat_n, avg(o.csat) AS csat, count(o.handoff_cost) AS handoff_n, sum(o.handoff_cost) AS handoff,
    count(*) FILTER (c.counted AND o.resolved IS NOT NULL) AS cost_n,
    count(*) FILTER (c.counted AND o.resolved) AS cost_resolved,
    sum(c.cost + coalesce(o.handoff_cost, 0)) FILTER (c.counted AND o.resolved IS NOT NULL) AS spent
"""
_COUNTS = ("usage_known", "cache_read_known", "cache_write_known", "reasoning_known", "cost_known", "both_known")
_SUMS = ("input_uncached", "cache_read", "cache_write", "output", "reasoning")
_KEPT = (
    "conversations",
    "reported",
    "resolved_n",
    "escalated_n",
    "reopened_n",
    "csat",
    "csat_n",
    "handoff_n",
    "cost_n",
)


def ask(board: Board, chosen: Slice, by: By = ()) -> Report:
    """Sum up the slice by ``by``; all in one row without any."""
    ended = _ended(board, chosen, by)
    return Report(tuple(_row(row, ended.get(tuple(row["by"].values()))) for row in board.groups(_COLUMNS, chosen, by)))


def _ended(board: Board, chosen: Slice, by: By) -> dict[tuple[str | None, ...], OutcomeFigures]:
    """Return how the conversations of each group ended; nothing where no outcome was ever reported."""
    if not board.rows("SELECT 1 FROM outcome LIMIT 1"):
        return {}
    keys = "".join(f"{key} AS k{n}, " for n, key in enumerate(dimensions(by)))
    names = [f"k{n}" for n in range(len(by))]
    where, values = chosen.where()
    rows = board.rows(
        f"""
        WITH c AS (
            SELECT {keys} turn.conv AS conv, count(*) = count(turn.cost) AS counted, sum(turn.cost) AS cost
            FROM turn WHERE {where} GROUP BY ALL
        )
        SELECT {"".join(f"c.{name}, " for name in names)} {_ENDED} FROM c LEFT JOIN outcome AS o ON o.conv = c.conv
        {"GROUP BY " + ", ".join(f"c.{name}" for name in names) if names else ""}
        """,
        values,
    )
    return {tuple(row[name] for name in names): _figures(row) for row in rows}


def _figures(row: Row) -> OutcomeFigures:
    spent = usd(row["spent"])
    # A count of nothing known is unknown, as a sum would be.
    told: dict[str, Any] = {
        name: row[name] if row[f"{name}_n"] else None for name in ("resolved", "escalated", "reopened")
    }
    return OutcomeFigures(
        **{name: row[name] for name in _KEPT},
        **told,
        handoff_usd=usd(row["handoff"]),
        cost_resolved=row["cost_resolved"],
        per_resolved_usd=spent / row["cost_resolved"] if spent is not None and row["cost_resolved"] else None,
    )


def _row(row: Row, ended: OutcomeFigures | None) -> ReportRow:
    low, high = wilson(row["errors"], row["turns"]) or (0.0, 1.0)
    flagship, compared = usd(row["flagship"]), usd(row["compared"])
    sums: dict[str, Any] = {name: None if row[name] is None else int(row[name]) for name in _SUMS}
    return ReportRow(
        by=row["by"],
        turns=row["turns"],
        errors=row["errors"],
        errors_low=low,
        errors_high=high,
        cancelled=row["cancelled"],
        simulated=row["simulated"],
        ttft_n=row["ttft_n"],
        ttft_p50_ms=row["p50"],
        ttft_p95_ms=row["p95"],
        tokens_per_s=float(row["streamed"]) / row["seconds"] if row["seconds"] else None,
        **{name: row[name] for name in _COUNTS},
        **sums,
        cost_usd=usd(row["cost"]),
        compared_usd=compared,
        flagship_usd=flagship,
        saving_usd=None if flagship is None or compared is None else flagship - compared,
        outcomes=ended,
    )
