"""Overview: is the router paying, and may it be left alone today?"""

from __future__ import annotations

from typing import Any

from pointsman.charts import numbers
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import Slice
from pointsman.monitoring.questions import cost, mix, resolution, savings
from pointsman.server.dashboard.figures import Figure, counted, figure, said
from pointsman.server.dashboard.over_time import course
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View

_ORDER = ("small", "mid", "flagship")
_AGAINST = ("flagship", "mid")
"""What routing is compared with: all turns on a small model would be cheaper, and worse."""


async def show(view: View) -> Shown:
    """Show what matters first."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    with view.asker.board() as board:
        captured = mix.captured_in(board, view.slice)
        view = view.routed() if captured else view
        before = view.slice.before()
        now = _answers(board, view.slice)
        then = None if before is None else _answers(board, before)
        tiers = mix.ask(board, view.slice, ("tier",))
        spend = course(view, board, "cost_usd", "Spend by tier", "usd", by=("tier",), zero=True)
        errors = course(view, board, "errors", "Turns without a reply", "share", zero=True)
    incidents = _incidents(view)
    if tiers.total is None:
        return Shown({"any": False, "incidents": incidents, "captured": captured})
    data = {
        "any": True,
        "captured": 0 if view.slice.captured == "yes" else captured,
        "incidents": incidents,
        "figures": _figures(view, now, then, tiers.total, incidents),
        "spend": spend,
        "errors": errors,
        "simulated": tiers.total.simulated,
        "turns": tiers.total.turns,
    }
    return Shown(data, _verdict(view, now, incidents), (_tier_table(view, tiers), _baseline_table(now[1])))


_Answers = tuple[cost.Cost, savings.Savings, resolution.Resolutions, mix.Mix]


def _answers(board: Board, chosen: Slice) -> _Answers:
    return (
        cost.ask(board, chosen),
        savings.ask(board, chosen),
        resolution.ask(board, chosen),
        mix.ask(board, chosen, ()),
    )


def _incidents(view: View) -> int:
    with view.router.store.reading() as connection:
        row = connection.execute("SELECT count(*) FROM incident WHERE state <> 'resolved'").fetchone()
    return int(row[0])


def _flagship(answer: savings.Savings) -> savings.Baseline | None:
    return next((one for one in answer.total if one.tier == "flagship"), answer.total[0] if answer.total else None)


def _verdict(view: View, now: _Answers, incidents: int) -> str:
    base = _flagship(now[1])
    open_ = (
        f"{numbers.count(incidents)} incident{'' if incidents == 1 else 's'} open"
        if incidents
        else "no incident is open"
    )
    if base is None or base.saved_usd is None or not base.warm_usd:
        why = f" ({base.why})" if base is not None and base.why else ""
        return f"What routing saved in {view.filter.words} is unknown{why}; {open_}."
    if base.saved_per_turn.few:
        return f"Too few turns to say what routing saved in {view.filter.words} (n = {numbers.count(base.n)}); {open_}."
    word = "saved" if base.saved_usd >= 0 else "lost"
    share = abs(base.saved_usd) / base.warm_usd
    return (
        f"In {view.filter.words} routing {word} {numbers.money_round(abs(base.saved_usd))} ({numbers.percent(share)}) against "
        f"all turns on {base.model.partition('/')[2]} with a warm cache; {open_}."
    )


def _figures(view: View, now: _Answers, then: _Answers | None, total: mix.MixRow, incidents: int) -> list[Figure]:
    spent, saved, ended, _ = now
    old_ended = None if then is None else then[2].total
    old_mix = None if then is None else then[3].total
    end = ended.total
    found = [
        said(
            "Spend",
            None
            if spent.total is None or spent.total.total_usd is None
            else numbers.money_round(spent.total.total_usd),
            n=None if spent.total is None else spent.total.known.hits,
            link=view.link("cost"),
            why="no turn's cost is known",
            hint="Turns, shadow checks and judges, where their cost is known",
        ),
        *(_saved(view, one, then) for one in saved.total if one.tier in _AGAINST),
    ]
    if end is not None:
        found += [
            figure(
                "Resolved",
                end.resolved,
                link=view.turns(),
                before=None if old_ended is None else old_ended.resolved,
                why="no outcome was reported",
                hint="Conversations whose outcome was reported",
            ),
            figure(
                "Cost per resolution",
                end.per_resolution,
                link=view.link("cost"),
                before=None if old_ended is None else old_ended.per_resolution,
                hint="Turns and people who took over, per resolved conversation",
            ),
        ]
    found += [
        figure(
            "No reply",
            total.errors,
            link=view.turns(status="error"),
            before=None if old_mix is None else old_mix.errors,
        ),
        counted("Open incidents", incidents, link="/incidents"),
    ]
    return found


def _saved(view: View, one: savings.Baseline, then: _Answers | None) -> Figure:
    old = None if then is None else next((base for base in then[1].total if base.tier == one.tier), None)
    return figure(
        f"Saved a turn, against all {one.tier}",
        one.saved_per_turn,
        link=view.link("cost"),
        before=old.saved_per_turn if old is not None and _comparable(one, old) else None,
        why=one.why,
        hint=f"Against {one.model} for everything, with the cache that it would have kept warm",
    )


def _comparable(one: savings.Baseline, old: savings.Baseline) -> bool:
    """Return whether a change in percent means anything: not across zero."""
    return (one.saved_per_turn.value or 0.0) > 0 and (old.saved_per_turn.value or 0.0) > 0


def _tier_table(view: View, tiers: mix.Mix) -> Table:
    columns = (
        Column("tier", "Tier", "tier"),
        Column("turns", "Turns", "count"),
        Column("share", "Share of turns", "figure"),
        Column("cost_usd", "Cost", "usd"),
        Column("errors", "No reply", "figure"),
        Column("escalated", "Sent up", "figure"),
    )
    ranked = sorted(tiers.rows, key=lambda row: _ORDER.index(row.by["tier"] or "") if row.by["tier"] in _ORDER else 9)
    rows: list[list[Any]] = [
        [
            row.by["tier"],
            Cell(row.turns, view.turns(tier=row.by["tier"])),
            row.share,
            row.cost_usd,
            row.errors,
            row.escalated,
        ]
        for row in ranked
    ]
    return Table("tiers", "Share of traffic", columns, rows)


def _baseline_table(answer: savings.Savings) -> Table:
    columns = (
        Column("baseline", "All turns on"),
        Column("n", "Turns compared", "count"),
        Column("actual_usd", "It did cost", "usd"),
        Column(
            "warm_usd",
            "Would have, cache warm",
            "usd",
            "What an earlier turn left is read from the cache while it lives",
        ),
        Column("cold_usd", "Would have, no cache", "usd"),
        Column("saved_usd", "Saved", "usd", "Against the warm cache; negative: routing costs more"),
    )
    rows: list[list[Any]] = [
        [
            Cell(f"{one.tier}: {one.model.partition('/')[2]}", title=one.why),
            one.n,
            one.actual_usd,
            one.warm_usd,
            one.cold_usd,
            one.saved_usd,
        ]
        for one in answer.total
        if one.tier in _AGAINST
    ]
    return Table(
        "baselines",
        "Against one model for everything",
        columns,
        rows,
        empty="The policy names no mid or flagship model.",
    )
