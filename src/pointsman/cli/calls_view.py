"""What each model was called for, as a table."""

from __future__ import annotations

from rich.table import Table

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.figures import count, dollars, for_json, usd
from pointsman.cli.stacked import show_stacked
from pointsman.store.reports import CallsRow


def show_calls(rows: list[CallsRow], limit: int, *, json: bool) -> None:
    """Print calls by model and purpose, the most first."""
    if json:
        print_json({"groups": len(rows), "rows": [for_json(row) for row in rows[:limit]]})
        return
    if not rows:
        out().print(plain("No call matches. Point an agent at `pointsman serve`, or widen the filters."))
        return
    known = [row.cost_usd for row in rows if row.cost_usd is not None]
    total = usd(sum(known[1:], known[0]) if known else None)
    out().print(
        plain(
            f"{sum(row.calls for row in rows):,} calls of {len({row.model for row in rows})} models; cost {total}.",
            "bold",
        )
    )
    show_stacked(_table(rows[:limit]), keys=2)
    unknown = sum(row.billed - row.cost_known for row in rows)
    if unknown:
        out().print(plain(f"The cost of {unknown:,} calls is unknown and not in the sums.", "dim"))
    if len(rows) > limit:
        out().print(plain(f"{len(rows) - limit} more groups: --limit shows them.", "dim"))


def _table(rows: list[CallsRow]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    table.add_column("purpose", no_wrap=True)
    for heading in ("calls", "turns", "failed", "in tok", "out tok", "cost $"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        figures = (row.calls, row.turns, row.failed, row.input, row.output)
        table.add_row(plain(row.model), plain(row.purpose), *map(count, figures), dollars(row.cost_usd))
    return table
