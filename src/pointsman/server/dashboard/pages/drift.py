"""Drift and canary: did we, the provider, or the customers change?"""

from __future__ import annotations

import importlib.util
from typing import Any, Final

from pointsman.charts import numbers
from pointsman.charts.lines import Line, Point, time_lines, time_table
from pointsman.charts.numbers import money, percent
from pointsman.domain.figures import FEW, Rate
from pointsman.errors import UsageError
from pointsman.monitoring.drift.mix import LEAST, Mix, mixes
from pointsman.monitoring.drift.rates import FALSE_SHARE, RateChange, scan
from pointsman.monitoring.monitors.rate_rule import RateWatch
from pointsman.monitoring.monitors.rulebook import shipped
from pointsman.monitoring.monitors.stored_counts import StoredCounts
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View
from pointsman.store.canaries import Night, nights
from pointsman.store.tallies import Sighting, Tallies

_MINUTE_US: Final = 60_000_000
_DAYS: Final = 8
_NIGHTS: Final = 120


async def show(view: View) -> Shown:
    """Show served ids first, then pinned cases, rates and mixes."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    store, section = view.router.store, view.router.policy.monitors.drift
    tallies = Tallies(store)
    simulated = not tallies.any_of(simulated=False) and tallies.any_of(simulated=True)
    served = tallies.sightings(simulated)
    kept = [one for one in nights(store, limit=_NIGHTS) if one.simulated == simulated]
    counts = StoredCounts(store, simulated=simulated)
    mixed = mixes(counts, view.now_us // _MINUTE_US, section.window, section.baseline)
    rates, missing = _rates(view, simulated=simulated)
    data = {
        "anything": bool(served or kept or rates),
        "simulated": simulated,
        "missing": missing,
        "chart": _chart(view, kept),
        "canary": section.canary,
        "least": LEAST,
        "false_share": FALSE_SHARE,
    }
    tables = (_served(served), _nights(kept), _changes(view, rates), _mixes(mixed, section.psi))
    return Shown(data, _verdict(served, rates, mixed, section.psi), tables)


def _rates(view: View, *, simulated: bool) -> tuple[list[RateChange], str]:
    """Return the changes of the rates that are counted, hour by hour over eight days; "" or why there are none."""
    if importlib.util.find_spec("river") is None:
        return [], "Rates are watched for drift with river, which is not installed: pip install 'pointsman[drift]'"
    end = view.now_us // _MINUTE_US
    sources = [RateWatch(name, spec).source for name, spec in shipped().rates.items() if spec.of != "misroutes"]
    try:
        return scan(StoredCounts(view.router.store, simulated=simulated), sources, end - _DAYS * 1440, end), ""
    except UsageError as error:
        return [], str(error)


def _served(served: list[Sighting]) -> Table:
    columns = (
        Column("model", "Model"),
        Column("served", "Answers as", "id"),
        Column("first", "First", "when"),
        Column("last", "Last", "when"),
        Column("n", "Calls", "count"),
    )
    rows: list[list[Any]] = [[one.model, one.served, one.first_us, one.last_us, one.n] for one in served]
    return Table("served", "Served model ids", columns, rows, empty="No provider has said yet which model answers.")


def _nights(kept: list[Night]) -> Table:
    columns = (
        Column("night", "Night", "when"),
        Column("model", "Model"),
        Column("passed", "Pinned cases passed", "figure"),
        Column("served", "Answered as", "id"),
        Column("cost", "Cost"),
        Column("error", "What went wrong"),
    )
    rows: list[list[Any]] = [
        [
            one.at_us,
            one.model,
            Rate(one.passed, one.n),
            ", ".join(one.served) or None,
            None if one.cost_usd is None else money(one.cost_usd),
            Cell(one.error_text),
        ]
        for one in reversed(kept)
    ]
    return Table(
        "nights", "Pinned cases, night by night", columns, rows, empty="No night yet: monitors.drift.canary pins none."
    )


def _changes(view: View, rates: list[RateChange]) -> Table:
    columns = (
        Column("measure", "Rate"),
        Column("series", "Of"),
        Column("since", "Changed", "when", why="no change was seen"),
        Column("before", "Before", "share", why="no change was seen"),
        Column("after", "After", "share", why="no change was seen"),
        Column("n", "n", "count"),
        Column("p", "By chance", why="too few to test"),
        Column("by", "Seen by"),
        Column("told", "Stands among all"),
    )
    rows: list[list[Any]] = [
        [
            one.measure.replace("_", " "),
            Cell(one.series or "all", view.turns(model=one.series) if "/" in one.series else ""),
            None if one.at is None else one.at * _MINUTE_US,
            one.before,
            one.after,
            round(one.n),
            None if one.p is None else numbers.chance(one.p),
            ", ".join(one.by) or one.why or "nothing",
            "yes" if one.told else "no",
        ]
        for one in rates
    ]
    return Table("rates", "Rates", columns, rows, empty="No rate has a series yet.")


def _mixes(mixed: list[Mix], bound: float) -> Table:
    columns = (
        Column("mix", "Mix of"),
        Column("psi", "Index", "number", why="too few turns to compare"),
        Column("n", "Turns now", "count"),
        Column("base", "Turns before", "count"),
        Column("most", "Moved most"),
        Column("moved", f"Above {bound:g}"),
    )
    rows: list[list[Any]] = [
        [
            one.dimension,
            one.psi,
            one.n,
            one.base_n,
            one.why if one.psi is None else f"{one.most[:64]}: {percent(one.before)} to {percent(one.now)}",
            None if one.psi is None else "moved" if one.psi > bound else "no",
        ]
        for one in mixed
    ]
    return Table("mixes", "What customers ask", columns, rows)


def _chart(view: View, kept: list[Night]) -> Plot | None:
    models = dict.fromkeys(one.model for one in kept)
    lines = []
    for model in models:
        points = []
        for one in kept:
            if one.model == model:
                rate = Rate(one.passed, one.n)
                low, high = rate.interval or (None, None)
                points.append(Point(one.at_us / 1e6, rate.value, low, high, one.n, one.n < FEW))
        lines.append(Line(model, points))
    if not lines:
        return None
    title = "Pinned cases passed, by night"
    return plot(
        title,
        lambda width: time_lines(lines, title=title, unit="share", zone=view.zone, width=width),
        time_table(lines, unit="share", zone=view.zone),
    )


def _verdict(served: list[Sighting], rates: list[RateChange], mixed: list[Mix], bound: float) -> str:
    models = [one.model for one in served]
    several = sorted({model for model in models if models.count(model) > 1})
    told = sum(one.told for one in rates)
    known = [one for one in mixed if one.psi is not None]
    moved = [one.dimension for one in known if (one.psi or 0) > bound]
    provider = (
        f"{', '.join(several[:3])} answered under more than one id" if several else "No model answered under a new id"
    )
    ours = f"{told} of {len(rates)} rates changed" if rates else "no rate is known"
    asked = f"the mix of {', '.join(moved)} moved" if moved else "the mix of questions did not move"
    return f"{provider}; {ours}; {asked if known else 'too few turns to compare what customers ask'}."
