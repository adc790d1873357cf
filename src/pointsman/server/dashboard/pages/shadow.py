"""Shadow and P&L: how often routing was not good enough, what that cost, and whether the router pays."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from pointsman.charts import numbers
from pointsman.charts.forest import Interval, forest, forest_table
from pointsman.domain.figures import Estimate
from pointsman.monitoring.asking.slice import Slice
from pointsman.monitoring.misroutes import Misroutes
from pointsman.monitoring.misroutes_of import Rates
from pointsman.monitoring.profit import Line, in_words
from pointsman.monitoring.profit_of import Profit, profit
from pointsman.monitoring.shadow import words
from pointsman.monitoring.shadow.standing import Pair, Standing, disagreements, standing
from pointsman.routing.sections_shadow import Prices
from pointsman.server.dashboard.figures import Figure, counted, figure, said
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View
from pointsman.store.money import from_pico

_MOST_INTENTS = 12
_WORST = 10
_NO_CHECKS = "no turn was checked in this period"


class Shadowed(msgspec.Struct, frozen=True):
    """One disagreement as the page shows it."""

    turn_id: str
    link: str
    head: str
    verdict: str
    asked: str
    shipped_model: str
    shipped: str
    shadow_model: str
    shadow: str
    simulated: bool
    calls: str
    reasons: tuple[str, ...]


async def show(view: View) -> Shown:
    """Show the checks and the profit and loss of the filter's days."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    router, chosen = view.router, view.slice
    since, until = chosen.since_us or 0, chosen.until_us or view.now_us
    with view.asker.board() as board:
        now = standing(router.store, router.policy.shadow, datetime.fromtimestamp(view.now_us / 1e6, UTC), board)
        found = profit(router.store, board, router.policy.economics.prices, since, until, simulated=chosen.simulated)
        period = Slice(since, until, simulated=chosen.simulated)
        worst = disagreements(router.store, board, period, partial(_harm, router.policy.economics.prices), _WORST)
    rates = found.rates
    if not found.total.turns and not now.chosen:
        return Shown({"any": False, "on": now.on})
    pairs = [_shadowed(view, one) for one in worst]
    tables = (_lines(view, found), _rates_table(view, rates))
    data = {
        "any": True,
        "on": now.on,
        "figures": _figures(view, now, found),
        "agreement": _agreement(view, rates),
        "remarks": words.remarks(now, rates),
        "spent": now.purse.money.total // 10**10,
        "limit": now.purse.limit // 10**10,
        "pairs": pairs,
        "checked": rates.overall.n,
        "ignored": [name for name in view.filter.narrowed if name != "simulated"],
    }
    return Shown(data, f"{words.verdict(now, rates)} {in_words(found.total)}", tables)


def _harm(prices: Prices, intent: str | None) -> Decimal:
    return prices.harm_by_intent.get(intent or "", prices.harm_usd or Decimal(0))


def _figures(view: View, now: Standing, found: Profit) -> list[Figure]:
    total, rates, turns = found.total, found.rates, view.turns()
    budget = f"of {words.usd(now.purse.limit)} this {now.section.budget.per if now.section else 'month'}"
    return [
        figure(
            "Misrouted, of all traffic",
            estimate(rates.overall),
            link="#pairs",
            why=rates.overall.why or _NO_CHECKS,
            hint="Turns that a stronger model would have answered materially better, weighted by their chance of being checked",
        ),
        said("Saved", None if total.saved_usd is None else numbers.money(total.saved_usd), n=total.compared, link=turns,
             why=total.why_not_saved or "not known", hint="Against the flagship for everything, its cache kept warm"),
        figure("Harm", total.harm, link="#pairs", hint="Misroute rate x turns x the policy's price of a misroute"),
        figure("Net", total.net, link=turns, hint="Saved, less checks, rework and harm"),
        said("Shadow spend", words.usd(now.purse.money.total), hint=f"Replies and judges together, {budget}; never exceeded"),
        counted("Turns checked", rates.overall.n, hint="Judged by rule, judge or people in this period"),
    ]  # fmt: skip


def estimate(one: Misroutes) -> Estimate:
    """Return a misroute rate as figures are shown."""
    return Estimate(one.value, one.n, "share", one.low, one.high, one.why)


def agreeing(one: Misroutes) -> Estimate:
    """Return the share that agreed: what was not misrouted."""
    if one.value is None or one.low is None or one.high is None:
        return Estimate(None, one.n, "share", why=one.why or _NO_CHECKS)
    return Estimate(1 - one.value, one.n, "share", 1 - one.high, 1 - one.low)


def _agreement(view: View, rates: Rates) -> Plot | None:
    rows = []
    for name, one in list(rates.by_intent.items())[:_MOST_INTENTS]:
        if not one.n:
            continue
        agreed = agreeing(one)
        href = view.turns(intent=name or None)
        rows.append(
            Interval(
                name[:24] or "not recognised", agreed.value, agreed.low, agreed.high, agreed.n, few=one.few, href=href
            )
        )
    if not rows:
        return None
    title = "Agreement with the stronger model, by intent"
    return plot(
        title, lambda width: forest(rows, title=title, unit="share", width=width), forest_table(rows, unit="share")
    )


def _lines(view: View, found: Profit) -> Table:
    columns = (
        Column("route", "Route"),
        Column("turns", "Turns", "count"),
        Column("cost_usd", "Cost", "usd"),
        Column("flagship_usd", "Flagship, warm", "usd"),
        Column("saved_usd", "Saved", "usd"),
        Column("shadow_usd", "Shadow", "usd", "Replies of the stronger model, calls not heard of included"),
        Column("judge_usd", "Judge", "usd"),
        Column("reask_usd", "Re-asks", "usd"),
        Column("handoff_usd", "Handoffs", "usd", why="the policy has no price of a handoff: economics.prices"),
        Column("harm_usd", "Harm", "figure"),
        Column("net_usd", "Net", "figure"),
    )
    rows = [_line(line, view.turns(route=line.name)) for line in found.lines]
    rows.append(_line(found.total, view.turns()))
    return Table("pnl", "Profit and loss by route", columns, rows, empty="No turn in these days.")


def _line(line: Line, link: str) -> list[Any]:
    return [
        line.name,
        Cell(line.turns, link),
        line.cost_usd,
        line.flagship_usd,
        Cell(line.saved_usd, title=line.why_not_saved),
        line.shadow_usd + line.lost_usd,
        line.judge_usd,
        line.reask_usd,
        line.handoff_usd,
        Cell(line.harm, title=line.harm.why),
        Cell(line.net, title=line.net.why),
    ]


def _rates_table(view: View, rates: Rates) -> Table:
    columns = (
        Column("by", "By"),
        Column("name", "Name"),
        Column("turns", "Turns", "count"),
        Column("chosen", "Chosen", "count"),
        Column("checked", "Checked", "count"),
        Column("misrouted", "Misrouted, of all turns", "figure"),
    )
    rows: list[list[Any]] = []
    for kind, groups in (("route", rates.by_route), ("intent", rates.by_intent)):
        for name, one in groups.items():
            link = view.turns(route=name) if kind == "route" else view.turns(intent=name or None)
            rows.append([kind, name or "not recognised", Cell(one.turns, link), one.chosen, one.n, estimate(one)])
    return Table(
        "misroutes", "Misroutes by route and intent", columns, rows, empty="No turn was looked at in these days."
    )


def _shadowed(view: View, one: Pair) -> Shadowed:
    reasons = one.detail.get("reasons")
    place = " · ".join(part for part in (one.route, one.intent) if part)
    cost = numbers.money(from_pico(one.row.cost_pico))
    return Shadowed(
        turn_id=one.row.turn_id,
        link=view.link("conversation", one.conversation_id) if one.conversation_id else view.turns(),
        head=f"{place or 'unknown route'}, checked for {cost}",
        verdict=words.sentence(one),
        asked=one.asked or "(not kept)",
        shipped_model=one.shipped_model or "unknown",
        shipped=words.said(one.shipped) or "(not kept)",
        shadow_model=one.row.model or "unknown",
        shadow=words.said(one.shadow) or "(not kept)",
        simulated=one.row.simulated,
        calls=str(one.detail.get("calls") or ""),
        reasons=tuple(str(reason) for reason in reasons) if isinstance(reasons, list) else (),
    )
