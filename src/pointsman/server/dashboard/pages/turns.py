"""Turns: the list that every number links to."""

from __future__ import annotations

from typing import Final

from pointsman.charts import numbers
from pointsman.monitoring.questions import turns
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View

PER_PAGE: Final = 50
_CSV_ROWS: Final = 10_000
_COLUMNS: Final = (
    Column("at", "When", "when"),
    Column("turn", "Turn", "id", csv_only=True),
    Column("route", "Route"),
    Column("tier", "Decided tier", "tier", csv_only=True),
    Column("model", "Model", "model"),
    Column("intent", "Intent", why="no intent was recognised"),
    Column("status", "Status", "status"),
    Column(
        "confidence",
        "Confidence",
        "number",
        "Calibrated probability that the route is good enough; – where nothing is measured",
    ),
    Column("ttft_ms", "First token", "ms", why="not streamed, or nothing came"),
    Column("duration_ms", "Whole", "ms"),
    Column("prompt_tokens", "In, tokens", "count"),
    Column("output_tokens", "Out, tokens", "count"),
    Column("cost_usd", "Cost", "usd", why="the tokens or the price are unknown"),
    Column("conversation", "Conversation", "id"),
)


async def show(view: View) -> Shown:
    """Show a page of turns, newest first."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    limit = _CSV_ROWS if view.query.get("format") == "csv" else PER_PAGE
    with view.asker.board() as board:
        page = turns.ask(board, view.slice, (), turns.Options(limit, view.query.get("after", "")))
    table = Table("turns", "Turns", _COLUMNS, [_cells(view, row) for row in page.rows], page.n)
    simulated = ", all simulated" if page.rows and all(row.simulated for row in page.rows) else ""
    verdict = f"{numbers.count(page.n)} turns in {view.filter.words}{simulated}." if page.n else ""
    data = {
        "nothing": f"No turn in {view.filter.words} matches.",
        "older": view.here(after=page.next) if page.next else "",
        "newest": view.here(after=None) if view.query.get("after") else "",
    }
    return Shown(data, verdict, (table,))


def _cells(view: View, row: turns.Turn) -> list[object]:
    return [
        Cell(row.at_us, view.link("conversation", row.conversation, turn=row.id) + f"#t-{row.id}"),
        row.id,
        row.route,
        row.tier,
        Cell(row.model, tier=view.tier_of(row.model, row.tier)),
        row.intent,
        Cell(row.status, title=row.error_code or ""),
        row.confidence,
        row.ttft_ms,
        row.duration_ms,
        row.input_tokens,
        row.output_tokens,
        row.cost_usd,
        Cell(row.conversation, view.link("conversation", row.conversation)),
    ]
