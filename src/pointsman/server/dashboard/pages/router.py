"""Router: what takes which route and why, whether confidence means anything, and what another threshold would have done."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from pointsman.charts import numbers
from pointsman.charts.calibration import Bucket, reliability, reliability_table
from pointsman.charts.lines import Line, Point, time_lines, time_table
from pointsman.charts.svg import Tone
from pointsman.domain.figures import Rate
from pointsman.monitoring.asking.board import Board, Row, usd
from pointsman.monitoring.asking.slice import Slice
from pointsman.monitoring.questions import escalations, mix, series
from pointsman.server.dashboard import what_if
from pointsman.server.dashboard.figures import Figure, counted, figure, said
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.runner_ups import runner_ups
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View

_TONES: Final[dict[str, Tone]] = {"small": "small", "mid": "mid", "flagship": "flagship"}
_DAY_US: Final = 86_400_000_000
_MOST_RULES: Final = 100
_CONFUSED: Final = """
    SELECT feedback.route AS best, turn.route AS route, count(DISTINCT turn.seq) AS n FROM feedback
    JOIN turn ON turn.id = feedback.turn_id WHERE feedback.route IS NOT NULL AND {where} GROUP BY ALL ORDER BY n DESC LIMIT 50
"""
_SUMS: Final = """
    turn.route AS route, turn.tier AS tier, turn.reason AS reason, turn.reason_name AS name,
    count(*) FILTER (turn.status IN ('error', 'broken')) AS errors, count(*) FILTER (turn.status <> 'cancelled') AS ended,
    count(*) FILTER (turn.escalated) AS up, count(turn.cost) AS known, sum(turn.cost) AS cost
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
    wish = what_if.read_wish(dict(view.query))
    with view.asker.board() as board:
        captured = mix.captured_in(board, view.slice)
        view = view.routed() if captured else view
        chosen = view.slice
        # One pass over the turns; what the tables need is summed from its few groups.
        groups = board.groups(_SUMS, chosen, (), group=("route", "tier", "reason", "name"))
        if not groups:
            return Shown({"any": False, "captured": captured})
        up = escalations.ask(board, chosen, ("route",))
        judged = _judged(board, chosen)
        confused = _confused(view, board, chosen)
        shares = _shares(view, board, chosen)
        other = what_if.ask(board, chosen, wish)
    tables = (
        _mix_table(view, groups),
        _reason_table(view, groups),
        _rules(view, groups),
        _up_table(view, up),
        confused,
        runner_ups(view.router.store),
    )
    data = {
        "any": True,
        "captured": 0 if chosen.captured == "yes" else captured,
        "figures": _figures(view, groups, up, judged),
        "shares": shares,
        "calibration": _calibration(judged, wish),
        "wish": wish,
        "other": other,
        "signals": _SIGNALS,
        "causes": ", ".join(f"{one.check} ({numbers.count(one.turns)})" for one in up.causes),
    }
    return Shown(data, _verdict(view, groups), tables)


class _Sum(msgspec.Struct):
    """Turns of some groups together; money in pico-dollars."""

    turns: int = 0
    errors: int = 0
    ended: int = 0
    up: int = 0
    known: int = 0
    cost: int = 0

    @property
    def cost_usd(self) -> Decimal | None:
        """What they cost, as far as it is known."""
        return usd(self.cost) if self.known else None


def _by(groups: list[Row], *names: str) -> list[tuple[tuple[Any, ...], _Sum]]:
    """Return the groups added up by some of their fields, the largest first."""
    sums: dict[tuple[Any, ...], _Sum] = {}
    for row in groups:
        one = sums.setdefault(tuple(row[name] for name in names), _Sum())
        one.turns += row["turns"]
        one.errors += row["errors"]
        one.ended += row["ended"]
        one.up += row["up"]
        one.known += row["known"]
        one.cost += int(row["cost"] or 0)
    return sorted(sums.items(), key=lambda item: -item[1].turns)


_SIGNALS: Final = {
    "confidence-below": "confidence is below",
    "confidence-above": "confidence is at least",
    "prompt-above": "the prompt has at least (tokens)",
    "prompt-below": "the prompt has fewer than (tokens)",
}


def _verdict(view: View, groups: list[Row]) -> str:
    [(_, total)] = _by(groups)
    tiers = _by(groups, "tier")
    parts = [f"{numbers.percent(one.turns / total.turns)} to {tier or 'unknown'}" for (tier,), one in tiers]
    unpriced = total.turns - total.known
    cost = "" if total.cost_usd is None else f", for {numbers.money(total.cost_usd)}"
    missing = f" (the cost of {numbers.count(unpriced)} is unknown)" if unpriced else ""
    return f"In {view.filter.words}, {numbers.count(total.turns)} turns went {', '.join(parts)}{cost}{missing}."


def _figures(view: View, groups: list[Row], up: escalations.Escalations, judged: list[dict[str, Any]]) -> list[Figure]:
    [(_, total)] = _by(groups)
    n = sum(row["n"] for row in judged)
    good = sum(row["good"] for row in judged)
    hint = "Of the turns a shadow check has judged and whose confidence is known; the Shadow page weighs them for all traffic"
    people = up.total.to_people if up.total else Rate(0, 0)
    cost = None if total.cost_usd is None else numbers.money(total.cost_usd)
    return [
        counted("Turns", total.turns, link=view.turns()),
        figure("Sent up by a check", Rate(total.up, total.turns), hint="Turns that a check sent to a stronger model"),
        figure("Handed to a person", people, why="no conversation's end was reported"),
        figure("Turns without a reply", Rate(total.errors, total.ended), link=view.turns(status="error")),
        figure("Shadow agrees", Rate(good, n), hint=hint, why="no judged turn has a confidence"),
        said("Cost", cost, n=total.known, why="no price is known"),
    ]


def _mix_table(view: View, groups: list[Row]) -> Table:
    [(_, total)] = _by(groups)
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
            route,
            tier,
            Cell(one.turns, view.turns(route=route, tier=tier)),
            Rate(one.turns, total.turns),
            Rate(one.errors, one.ended),
            one.cost_usd,
            None if one.cost_usd is None else one.cost_usd / one.known,
        ]
        for (route, tier), one in _by(groups, "route", "tier")
    ]
    return Table("mix", "Routes", columns, rows)


def _reason_table(view: View, groups: list[Row]) -> Table:
    [(_, total)] = _by(groups)
    columns = (
        Column("reason", "Decided by"),
        Column("turns", "Turns", "count"),
        Column("share", "Share", "figure"),
        Column("escalated", "Sent up later", "figure"),
    )
    rows = [
        [reason, Cell(one.turns, view.turns(reason=reason)), Rate(one.turns, total.turns), Rate(one.up, one.turns)]
        for (reason,), one in _by(groups, "reason")
    ]
    return Table("reasons", "What decided", columns, rows)


def _rules(view: View, groups: list[Row]) -> Table:
    rows = _by(groups, "name", "route")
    hit = {str(name) for (name, _), _ in rows}
    columns = (
        Column("rule", "Rule or reason"),
        Column("route", "Route"),
        Column("turns", "Hits", "count"),
        Column("escalated", "Sent up later", "figure"),
        Column("cost_usd", "Cost", "usd"),
    )
    cells: list[list[Any]] = [
        [name, route, one.turns, Rate(one.up, one.turns), one.cost_usd] for (name, route), one in rows[:_MOST_RULES]
    ]
    silent = [rule.name for rule in view.router.policy.rules if rule.name and rule.name not in hit]
    cells += [[name, None, 0, Rate(0, 0), None] for name in silent]
    caption = "Rule hits (rules of the policy that nothing met stand last)"
    return Table("rules", caption, columns, cells, len(rows) + len(silent))


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
