"""Latency: how long customers wait, and for whom. Drop a hop, change a default, fold the classifier in?"""

from __future__ import annotations

from typing import Any

from pointsman.charts import numbers
from pointsman.charts.bars import Bin, histogram, histogram_table
from pointsman.monitoring.questions import latency
from pointsman.server.dashboard.figures import Figure, figure
from pointsman.server.dashboard.over_time import course
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View

_SPLITS = (
    ("models", "By model", "model", "Model"),
    ("routes", "By route", "route", "Route"),
    ("tools", "With and without tool calls", "tools", "The answer is"),
    ("sizes", "By size of the prompt", "size", "Tokens read"),
    ("caches", "By prompt cache", "cache", "Cache"),
)
_FILTERS = frozenset({"model", "route"})


async def show(view: View) -> Shown:
    """Show the waits of the filter's turns."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    chosen = view.slice
    before = chosen.before()
    with view.asker.board() as board:
        whole = latency.ask(board, chosen).total
        old = None if before is None else latency.ask(board, before).total
        tables = tuple(
            _table(view, name, caption, by, title, latency.ask(board, chosen, (by,)))
            for name, caption, by, title in _SPLITS
        )
        line = course(view, board, "ttft_p95", "First token, 95th percentile", "ms", by=("tier",), zero=True)
    if whole is None:
        return Shown({"any": False})
    data = {
        "any": True,
        "figures": _figures(view, whole, old),
        "line": line,
        "waits": _bars("Time to the first token", whole.ttft_bars, "ms"),
        "speeds": _bars("Tokens a second after it", whole.tokens_s_bars, "tokens/s"),
        "without": whole.without,
        "turns": whole.turns,
    }
    return Shown(data, _verdict(view, whole), tables)


def _verdict(view: View, whole: latency.LatencyRow) -> str:
    if whole.ttft_p50.value is None or whole.ttft_p95.value is None:
        return f"No streamed turn in {view.filter.words}: what customers waited is unknown."
    if whole.ttft_p50.few:
        few = numbers.count(whole.ttft_p50.n)
        return f"{few} streamed turns in {view.filter.words}: too few to say what customers wait."
    own = ""
    if whole.gateway_us.value is not None:
        own = f"; {numbers.duration(whole.gateway_us.value / 1000)} of it are Pointsman's own"
    return (
        f"In {view.filter.words} half of the customers saw a first token within {numbers.duration(whole.ttft_p50.value)}, "
        f"95 of 100 within {numbers.duration(whole.ttft_p95.value)}{own}."
    )


def _figures(view: View, whole: latency.LatencyRow, old: latency.LatencyRow | None) -> list[Figure]:
    link = view.turns()
    rows = (
        ("First token, median", "ttft_p50", ""),
        ("First token, p95", "ttft_p95", ""),
        ("First token, p99", "ttft_p99", ""),
        ("Tokens/s, median", "tokens_s_p50", "Of the answering call, after its first token"),
        ("Tokens/s, slowest twentieth", "tokens_s_p05", "19 of 20 turns are faster"),
    )
    made = [
        figure(label, getattr(whole, name), link=link, before=None if old is None else getattr(old, name), hint=hint)
        for label, name, hint in rows
    ]
    made.append(
        figure(
            "Other models before it",
            whole.prepared_ms,
            link=link,
            before=None if old is None else old.prepared_ms,
            hint="Mean time a planner or summarizer was at work, over the turns where one was",
        )
    )
    return made


def _bars(title: str, found: tuple[latency.Bar, ...], unit: Any) -> Plot | None:
    if not found:
        return None
    bins = [Bin(bar.low, bar.high, bar.n) for bar in found]
    return plot(
        title,
        lambda width: histogram(bins, title=title, unit=unit, log=True, width=width),
        histogram_table(bins, unit=unit),
    )


def _table(view: View, name: str, caption: str, by: str, title: str, found: latency.Latency) -> Table:  # noqa: PLR0913, PLR0917
    columns = (
        Column(by, title, "model" if by == "model" else "text"),
        Column("turns", "Turns", "count"),
        Column("ttft_p50", "First token, median", "figure"),
        Column("ttft_p95", "First token, p95", "figure"),
        Column("tokens_s_p50", "Tokens/s", "figure"),
    )
    rows = [
        [
            row.by[by] or "unknown",
            Cell(row.turns, view.turns(None, **{by: row.by[by]}) if by in _FILTERS else ""),
            row.ttft_p50,
            row.ttft_p95,
            row.tokens_s_p50,
        ]
        for row in found.rows
    ]
    return Table(name, caption, columns, rows)
