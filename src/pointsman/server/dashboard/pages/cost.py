"""Cost: where the money goes. Where is the next dollar, and is caching broken?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from pointsman.charts import numbers
from pointsman.charts.bars import Bar, bars_table, waterfall
from pointsman.monitoring.questions import cost, resolution, unknowns
from pointsman.server.dashboard.figures import Figure, figure, said
from pointsman.server.dashboard.over_time import course
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.registry import page
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View

_WORDS: Final = {
    "input": "input, not cached",
    "cache_read": "cache reads",
    "cache_write": "cache writes",
    "output": "output",
    "reasoning": "reasoning",
    "router": "router's calls",
    "planner": "planner",
    "helpers": "summaries and checks",
    "retries": "retries",
    "unsplit": "not split",
    "shadow": "shadow checks",
    "judge": "judges",
}


async def show(view: View) -> Shown:
    """Show what the filter's turns cost."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    chosen = view.slice
    before = chosen.before()
    with view.asker.board() as board:
        models = cost.ask(board, chosen, ("model",))
        old = None if before is None else cost.ask(board, before).total
        ended = resolution.ask(board, chosen, ("tier",))
        intents = resolution.ask(board, chosen, ("intent",))
        gaps = unknowns.ask(board, chosen)
        line = course(view, board, "cost_per_turn", "Cost per turn", "usd", zero=True)
        hits = course(view, board, "cache_hit", "Prompt tokens out of a cache", "share", zero=True)
    if models.total is None:
        return Shown({"any": False})
    data = {
        "any": True,
        "what_if": view.link("cost-what-if") if page("cost-what-if") else "",
        "figures": _figures(view, models.total, old, gaps),
        "waterfall": _waterfall(view, models.total),
        "line": line,
        "hits": hits,
        "sources": _sources(ended),
    }
    tables = (
        _model_table(view, models),
        _ended_table(view, "tiers", "Cost per resolution by tier", "tier", ended),
        _ended_table(view, "intents", "Cost per resolution by intent", "intent", intents),
        _gap_table(gaps),
    )
    return Shown(data, _verdict(view, models.total), tables)


def _verdict(view: View, total: cost.Spend) -> str:
    if total.total_usd is None:
        return f"What {numbers.count(total.turns)} turns in {view.filter.words} cost is unknown: no price is known."
    known = [part for part in total.parts if part.usd]
    largest = max(known, key=lambda part: part.usd or Decimal(0), default=None)
    share = ""
    if largest is not None and largest.usd and total.total_usd:
        share = f", {numbers.percent(largest.usd / total.total_usd)} of it for {_WORDS[largest.kind]}"
    missing = total.known.n - total.known.hits
    gap = f"; the cost of {numbers.count(missing)} turns is unknown and not in it" if missing else ""
    return f"{numbers.money_round(total.total_usd)} in {view.filter.words}{share}{gap}."


def _figures(view: View, total: cost.Spend, old: cost.Spend | None, gaps: unknowns.Unknowns) -> list[Figure]:
    link = view.turns()
    unpriced = sum(one.unpriced.hits for one in gaps.models)
    return [
        said(
            "Spend",
            None if total.total_usd is None else numbers.money(total.total_usd),
            n=total.known.hits,
            link=link,
            why="no turn's cost is known",
        ),
        figure("Per turn", total.per_turn, link=link, before=None if old is None else old.per_turn),
        figure(
            "Out of a cache",
            total.cache_hit,
            link=link,
            before=None if old is None else old.cache_hit,
            why="no provider said what it had cached",
            hint="Prompt tokens read from a provider's cache, where it says",
        ),
        figure("Cost known", total.known, link=link, before=None if old is None else old.known),
        said("Calls without a price", numbers.count(unpriced), link=link),
    ]


def _waterfall(view: View, total: cost.Spend) -> Plot | None:
    if total.total_usd is None:
        return None
    items = [
        Bar(_WORDS[part.kind], float(part.usd), href=view.turns(), note=f"n = {numbers.count(part.n)}")
        for part in total.parts
        if part.usd
    ]
    items.append(Bar("total", float(total.total_usd), href=view.turns(), total=True))
    title = "What the money was spent on"
    return plot(
        title, lambda width: waterfall(items, title=title, unit="usd", width=width), bars_table(items, unit="usd")
    )


def _sources(ended: resolution.Resolutions) -> str:
    if ended.total is None:
        return ""
    ranked = sorted(ended.total.sources.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} ({numbers.count(n)})" for name, n in ranked[:5])


def _model_table(view: View, found: cost.Cost) -> Table:
    columns = (
        Column("model", "Model", "model"),
        Column("turns", "Turns", "count"),
        Column("cost_usd", "Cost", "usd"),
        Column("per_turn", "Per turn", "figure"),
        Column("cache_hit", "Out of a cache", "figure"),
        *(
            Column(name, _WORDS[name].capitalize(), "usd")
            for name in ("input", "cache_read", "cache_write", "output", "reasoning")
        ),
    )
    rows: list[list[Any]] = []
    for row in found.rows:
        parts = {part.kind: part.usd for part in row.parts}
        rows.append(
            [
                row.by["model"],
                Cell(row.turns, view.turns(model=row.by["model"])),
                row.total_usd,
                row.per_turn,
                row.cache_hit,
                *(parts[name] for name in ("input", "cache_read", "cache_write", "output", "reasoning")),
            ]
        )
    return Table("models", "By the model that answered", columns, rows)


def _ended_table(view: View, name: str, caption: str, by: str, found: resolution.Resolutions) -> Table:
    columns = (
        Column(by, by.capitalize(), "tier" if by == "tier" else "text"),
        Column("conversations", "Conversations", "count"),
        Column("resolved", "Resolved", "figure"),
        Column("per_resolution", "Cost per resolution", "figure"),
        Column("handoff_usd", "of it for people", "usd", why="the policy has no price of a handoff: economics.prices"),
    )
    rows = [
        [
            row.by[by] or "unknown",
            Cell(row.conversations, view.turns(None, **{by: row.by[by]})),
            row.resolved,
            row.per_resolution,
            row.handoff_usd,
        ]
        for row in found.rows
    ]
    return Table(name, caption, columns, rows)


def _gap_table(gaps: unknowns.Unknowns) -> Table:
    columns = (
        Column("model", "Model", "model"),
        Column("unpriced", "Calls without a price", "figure"),
        Column("uncounted", "Without a token count", "count"),
    )
    rows = [[one.model, one.unpriced, one.uncounted] for one in gaps.models]
    return Table("unknown", "Unknown prices", columns, rows, empty="Every answered call has a price.")
