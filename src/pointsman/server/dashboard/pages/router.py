"""Router: what takes which route and why, whether confidence means anything, and what another threshold would have done."""

from __future__ import annotations

from typing import Any, Final

from pointsman.charts import numbers
from pointsman.charts.calibration import Bucket, reliability, reliability_table
from pointsman.charts.lines import Line, Point, time_lines, time_table
from pointsman.charts.svg import Tone
from pointsman.domain.figures import Rate
from pointsman.monitoring.asking.board import Board, usd
from pointsman.monitoring.asking.slice import Slice
from pointsman.monitoring.questions import escalations, mix, series
from pointsman.server.dashboard import what_if
from pointsman.server.dashboard.figures import Figure, counted, figure, said
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View

_TONES: Final[dict[str, Tone]] = {"small": "small", "mid": "mid", "flagship": "flagship"}
_DAY_US: Final = 86_400_000_000
_BUCKETS: Final = 10
_CONFUSED: Final = """
    SELECT feedback.route AS best, turn.route AS route, count(DISTINCT turn.seq) AS n FROM feedback
    JOIN turn ON turn.id = feedback.turn_id WHERE feedback.route IS NOT NULL AND {where} GROUP BY ALL ORDER BY n DESC LIMIT 50
"""
_JUDGED: Final = """
    SELECT least(floor(turn.confidence * 10), 9) AS bucket, avg(turn.confidence) AS confidence, count(*) AS n,
        count(*) FILTER (NOT shadow.material) AS good FROM shadow JOIN turn ON turn.seq = shadow.turn_seq
    WHERE shadow.material IS NOT NULL AND turn.confidence IS NOT NULL AND {where} GROUP BY bucket ORDER BY bucket
"""


async def show(view: View) -> Shown:
    """Show how the filter's turns were routed."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    chosen = view.slice
    wish = what_if.read_wish(dict(view.query))
    with view.asker.board() as board:
        routes = mix.ask(board, chosen, ("route", "tier"))
        reasons = mix.ask(board, chosen, ("reason",))
        rules = _rules(view, board, chosen)
        up = escalations.ask(board, chosen, ("route",))
        judged = _judged(board, chosen)
        confused = _confused(view, board, chosen)
        shares = _shares(view, board, chosen)
        other = what_if.ask(board, chosen, wish)
    if routes.total is None:
        return Shown({"any": False})
    tables = (_mix_table(view, routes), _reason_table(view, reasons), rules, _up_table(view, up), confused)
    data = {
        "any": True,
        "figures": _figures(view, routes, up, judged),
        "shares": shares,
        "calibration": _calibration(judged, wish),
        "wish": wish,
        "other": other,
        "signals": _SIGNALS,
        "runner_up": _causes(up),
    }
    return Shown(data, _verdict(view, routes), tables)


_SIGNALS: Final = {
    "confidence-below": "confidence is below",
    "confidence-above": "confidence is at least",
    "prompt-above": "the prompt has at least (tokens)",
    "prompt-below": "the prompt has fewer than (tokens)",
}


def _verdict(view: View, routes: mix.Mix) -> str:
    total = routes.total
    if total is None:
        return ""
    tiers: dict[str, int] = {}
    for row in routes.rows:
        tiers[row.by["tier"] or "unknown"] = tiers.get(row.by["tier"] or "unknown", 0) + row.turns
    parts = [
        f"{numbers.percent(n / total.turns)} to {tier}" for tier, n in sorted(tiers.items(), key=lambda one: -one[1])
    ]
    unpriced = total.turns - total.cost_known
    cost = "" if total.cost_usd is None else f", for {numbers.money(total.cost_usd)}"
    missing = f" (the cost of {numbers.count(unpriced)} is unknown)" if unpriced else ""
    return f"In {view.filter.words}, {numbers.count(total.turns)} turns went {', '.join(parts)}{cost}{missing}."


def _figures(view: View, routes: mix.Mix, up: escalations.Escalations, judged: list[dict[str, Any]]) -> list[Figure]:
    total = routes.total
    if total is None or up.total is None:
        return []
    n = sum(row["n"] for row in judged)
    good = sum(row["good"] for row in judged)
    hint = "Of the turns a shadow check has judged and whose confidence is known; the Shadow page weighs them for all traffic"
    return [
        counted("Turns", total.turns, link=view.turns()),
        figure("Sent up by a check", up.total.to_model, hint="Turns that a check sent to a stronger model"),
        figure("Handed to a person", up.total.to_people, why="no conversation's end was reported"),
        figure("Turns without a reply", total.errors, hint="Errors and broken streams"),
        figure("Shadow agrees", Rate(good, n), hint=hint, why="no judged turn has a confidence"),
        said(
            "Cost",
            None if total.cost_usd is None else numbers.money(total.cost_usd),
            n=total.cost_known,
            why="no price is known",
        ),
    ]


def _mix_table(view: View, routes: mix.Mix) -> Table:
    columns = (
        Column("route", "Route"),
        Column("tier", "Tier", "tier"),
        Column("turns", "Turns", "count"),
        Column("share", "Share", "figure"),
        Column("errors", "No reply", "figure"),
        Column("cost_usd", "Cost", "usd"),
        Column("per_turn_usd", "Per turn", "usd"),
    )
    rows = [
        [
            row.by["route"],
            row.by["tier"],
            Cell(row.turns, view.turns(route=row.by["route"], tier=row.by["tier"])),
            row.share,
            row.errors,
            row.cost_usd,
            None if row.cost_usd is None or not row.cost_known else row.cost_usd / row.cost_known,
        ]
        for row in routes.rows
    ]
    return Table("mix", "Routes", columns, rows)


def _reason_table(view: View, reasons: mix.Mix) -> Table:
    columns = (
        Column("reason", "Decided by"),
        Column("turns", "Turns", "count"),
        Column("share", "Share", "figure"),
        Column("escalated", "Sent up later", "figure"),
    )
    rows = [
        [row.by["reason"], Cell(row.turns, view.turns(reason=row.by["reason"])), row.share, row.escalated]
        for row in reasons.rows
    ]
    return Table("reasons", "What decided", columns, rows)


def _rules(view: View, board: Board, chosen: Slice) -> Table:
    rows = board.groups(
        "turn.reason_name AS name, turn.route AS route, count(*) FILTER (turn.escalated) AS up, sum(turn.cost) AS cost",
        chosen,
        (),
        group=("name", "route"),
    )
    hit = {str(row["name"]) for row in rows}
    columns = (
        Column("rule", "Rule or reason"),
        Column("route", "Route"),
        Column("turns", "Hits", "count"),
        Column("escalated", "Sent up later", "figure"),
        Column("cost_usd", "Cost", "usd"),
    )
    cells: list[list[Any]] = [
        [row["name"], row["route"], row["turns"], Rate(row["up"], row["turns"]), usd(row["cost"])] for row in rows[:100]
    ]
    silent = [rule.name for rule in view.router.policy.rules if rule.name and rule.name not in hit]
    cells += [[name, None, 0, Rate(0, 0), None] for name in silent]
    return Table(
        "rules", "Rule hits (rules of the policy that nothing met stand last)", columns, cells, len(rows) + len(silent)
    )


def _up_table(view: View, up: escalations.Escalations) -> Table:
    columns = (
        Column("route", "Route"),
        Column("turns", "Turns", "count"),
        Column("to_model", "To a stronger model", "figure"),
        Column("to_people", "To a person", "figure"),
    )
    rows = [
        [row.by["route"], Cell(row.turns, view.turns(route=row.by["route"])), row.to_model, row.to_people]
        for row in up.rows
    ]
    return Table("escalations", "Escalations", columns, rows)


def _causes(up: escalations.Escalations) -> str:
    said_ = [f"{one.check} ({numbers.count(one.turns)})" for one in up.causes]
    return ", ".join(said_)


def _confused(view: View, board: Board, chosen: Slice) -> Table:
    where, values = chosen.where()
    rows = board.rows(_CONFUSED.format(where=where), values)
    columns = (Column("decided", "Decided"), Column("best", "Would have been right"), Column("turns", "Turns", "count"))
    cells = [[row["route"], row["best"], Cell(row["n"], view.turns(route=row["route"]))] for row in rows]
    empty = "Nobody has said of a turn what would have been right. Open a conversation and keep it as a label there."
    return Table("confusion", "Decided against right, by people's labels", columns, cells, empty=empty)


def _judged(board: Board, chosen: Slice) -> list[dict[str, Any]]:
    where, values = chosen.where()
    return board.rows(_JUDGED.format(where=where), values)


def _calibration(judged: list[dict[str, Any]], wish: what_if.Wish) -> Plot | None:
    if not judged:
        return None
    buckets = []
    for row in judged:
        rate = Rate(row["good"], row["n"])
        low, high = rate.interval or (None, None)
        buckets.append(Bucket(row["confidence"], rate.value, rate.n, low, high, rate.few))
    title = "Confidence against what shadow checks found"
    threshold = wish.threshold if wish.signal.startswith("confidence") else None
    return plot(
        title,
        lambda width: reliability(buckets, title=title, threshold=threshold, y_name="share not misrouted", width=width),
        reliability_table(buckets),
    )


def _shares(view: View, board: Board, chosen: Slice) -> Plot | None:
    since, until = chosen.since_us, chosen.until_us or view.now_us
    long = since is None or until - since > 4 * _DAY_US
    found = series.ask(board, chosen, ("tier",), series.Options("turns", "day" if long else "hour", view.zone.key))
    totals: dict[int, int] = {}
    for point in found.points:
        totals[point.start_us] = totals.get(point.start_us, 0) + point.turns
    lines: dict[str, list[Point]] = {}
    for point in found.points:
        rate = Rate(point.turns, totals[point.start_us])
        low, high = rate.interval or (None, None)
        tier = point.by["tier"] or "unknown"
        lines.setdefault(tier, []).append(Point(point.start_us / 1e6, rate.value, low, high, rate.n, rate.few))
    if len(totals) < 2:  # noqa: PLR2004 - one moment is no course
        return None
    drawn = [Line(tier, points, _TONES.get(tier)) for tier, points in lines.items()]
    title = f"Share of turns by tier, per {'day' if long else 'hour'}"
    return plot(
        title,
        lambda width: time_lines(drawn, title=title, unit="share", zone=view.zone, width=width),
        time_table(drawn, unit="share", zone=view.zone),
    )
