"""What each model was called for, and what that cost."""

from __future__ import annotations

import msgspec

from pointsman.monitoring.asking.board import Board, usd
from pointsman.monitoring.asking.slice import By, Slice
from pointsman.store.reports import CallsRow


class Calls(msgspec.Struct, frozen=True):
    """One row per model and purpose, the most calls first."""

    rows: tuple[CallsRow, ...]


def ask(board: Board, chosen: Slice, by: By = ()) -> Calls:
    """Return the calls of the turns of the slice. ``by`` is not used: they are always split by model and purpose."""
    del by
    where, values = chosen.where()
    rows = board.rows(
        f"""
        SELECT step.model AS model, step.purpose AS purpose, count(*) AS calls, count(DISTINCT step.turn_seq) AS turns,
            count(*) FILTER (step.status IN ('error', 'broken')) AS failed,
            sum(step.input_uncached + coalesce(step.cache_read_tokens, 0) + coalesce(step.cache_write_tokens, 0)) AS input,
            sum(step.output_tokens) AS output, count(*) FILTER (step.status <> 'error') AS billed,
            count(step.cost) FILTER (step.status <> 'error') AS cost_known,
            sum(step.cost) FILTER (step.status <> 'error') AS cost
        FROM step WHERE step.turn_seq IN (SELECT seq FROM turn WHERE {where})
        GROUP BY step.model, step.purpose ORDER BY calls DESC, step.model, step.purpose
        """,
        values,
    )
    for row in rows:
        row["cost_usd"] = usd(row.pop("cost"))
        for name in ("input", "output"):
            row[name] = None if row[name] is None else int(row[name])
    return Calls(tuple(CallsRow(**row) for row in rows))
