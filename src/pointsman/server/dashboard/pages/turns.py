"""Turns: the list that every number links to."""

from __future__ import annotations

from typing import Final

from pointsman.charts import numbers
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View
from pointsman.store.reading import TurnRow

PER_PAGE: Final = 50
_CSV_ROWS: Final = 50_000
_COLUMNS: Final = (
    Column("at", "When", "when"),
    Column("route", "Route"),
    Column("tier", "Tier", "tier"),
    Column("model", "Model", "model"),
    Column("intent", "Intent"),
    Column("status", "Status", "status"),
    Column(
        "confidence",
        "Confidence",
        "number",
        "Calibrated probability that the route is good enough; – where nothing is measured",
    ),
    Column("ttft_ms", "First token", "ms"),
    Column("duration_ms", "Whole", "ms"),
    Column("prompt_tokens", "In, tokens", "count"),
    Column("output_tokens", "Out, tokens", "count"),
    Column("cost_usd", "Cost", "usd"),
    Column("conversation", "Conversation", "id"),
)


async def show(view: View) -> Shown:
    """Show a page of turns, newest first."""
    limit = _CSV_ROWS if view.query.get("format") == "csv" else PER_PAGE
    chosen = view.filter.turns()
    rows = await view.ask(view.router.store.turns, chosen, limit)
    total = await view.ask(view.router.store.count, chosen)
    table = Table("turns", "Turns", _COLUMNS, [_cells(view, row) for row in rows], total)
    verdict = f"{numbers.count(total)} turns in {view.filter.words}." if total else ""
    return Shown({"nothing": f"No turn in {view.filter.words} matches."}, verdict, (table,))


def _cells(view: View, row: TurnRow) -> list[object]:
    usage = row.usage
    return [
        Cell(row.at_us, view.link("conversation", row.conversation_id, turn=row.id)),
        row.route,
        row.tier,
        row.model,
        row.intent,
        row.status,
        row.confidence,
        row.ttft_ms,
        row.duration_ms,
        usage.prompt if usage else None,
        usage.output if usage else None,
        row.cost_usd,
        Cell(row.conversation_id, view.link("conversation", row.conversation_id)),
    ]
