"""Incidents: what went wrong, with its evidence, and what people do about it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pointsman.charts import numbers
from pointsman.charts.lines import Event as Mark
from pointsman.charts.lines import Level, Line, Point, time_lines, time_table
from pointsman.domain.figures import FEW, Rate
from pointsman.errors import RequestError
from pointsman.monitoring.incidents import known
from pointsman.monitoring.incidents_acting import Acting
from pointsman.monitoring.monitors.finding import length
from pointsman.monitoring.monitors.measures import WORDS, from_tables
from pointsman.monitoring.monitors.rulebook import rules_of
from pointsman.monitoring.monitors.stored_counts import StoredCounts
from pointsman.server.dashboard.figures import Figure, counted, figure
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Moved, Shown, View
from pointsman.store.incidents import Incident, IncidentReader, Signal
from pointsman.store.outbox import deliveries

_LISTED: Final = 200
_MINUTE_US: Final = 60_000_000
_BEFORE, _AFTER, _STEP = 120, 60, 5
_WIDEST: Final = 24 * 60
_HOURS: Final = {"1h": 3600, "8h": 8 * 3600, "1d": 86_400, "3d": 3 * 86_400}


async def show(view: View) -> Shown:
    """List incidents, or tell one."""
    return await view.ask(_one if view.rest else _list, view)


async def act(view: View) -> Moved:
    """Acknowledge, silence, resolve, or write the post-mortem."""
    view.require("operator")
    return Moved(view.here(), await view.ask(_act, view))


def _act(view: View) -> str:
    acting = Acting(view.router.store, view.router.policy.monitors, view.now_us)
    form, who = view.form, view.person.name
    match form.get("do"):
        case "acknowledge":
            return f"{acting.acknowledge(view.rest, who).id} is acknowledged."
        case "resolve":
            why = form.get("why", "").strip() or "resolved by hand"
            return f"{acting.resolve(view.rest, who, why).id} is resolved."
        case "silence":
            seconds = _HOURS.get(form.get("for", ""))
            if seconds is None:
                raise RequestError(f"for: one of {', '.join(_HOURS)}", param="for")
            acting.silence(view.rest, who, seconds, form.get("reason", "").strip())
            return f"Nobody is told of this cause for {form['for']}."
        case "note":
            text = form.get("note", "").strip()
            if not text:
                raise RequestError("the post-mortem is empty", param="note")
            return f"The post-mortem of {acting.note(view.rest, who, text).id} is written."
        case other:
            raise RequestError(f"an incident cannot be {other!r}")


def _list(view: View) -> Shown:
    reader = IncidentReader(view.router.store)
    found = reader.all(limit=_LISTED)
    going_on = [one for one in found if one.state != "resolved"]
    waiting = deliveries(view.router.store, waiting=True)
    section = view.router.policy.monitors
    columns = (
        Column("title", "Incident"),
        Column("state", "State", "text"),
        Column("severity", "Severity"),
        Column("opened", "Opened", "when"),
        Column("resolved", "Resolved", "when"),
        Column("lasted", "Lasted"),
        Column("id", "Id", "id"),
    )
    rows = [
        [
            Cell(_title(one), view.link("incidents", one.id)),
            one.state,
            one.severity,
            one.opened_us,
            one.resolved_us,
            _lasted(one, view.now_us),
            one.id,
        ]
        for one in found
    ]
    figures = [
        counted("Going on", len(going_on), hint="Incidents that are open or acknowledged"),
        counted("Of these pages", sum(one.severity == "page" for one in going_on)),
        counted("Resolved", len(found) - len(going_on), hint=f"Of the newest {_LISTED}"),
        counted("Alerts not delivered yet", len(waiting)),
    ]
    data = {
        "one": None,
        "figures": figures,
        "anything": bool(found),
        "rules": len(rules_of(section)),
        "enabled": section.enabled,
        "sinks": sorted(section.sinks.all()),
        "silences": reader.silences(view.now_us),
    }
    return Shown(data, _verdict(going_on), (Table("incidents", "Incidents", columns, rows, total=len(found)),))


def _one(view: View) -> Shown:
    reader = IncidentReader(view.router.store)
    one = known(reader, view.rest)
    signals = reader.signals(one.id)
    turns = reader.turns(one.id)
    data = {
        "one": one,
        "lasted": _lasted(one, view.now_us),
        "figures": _figures(signals, len(turns)),
        "chart": _chart(view, one, signals),
        "timeline": reader.timeline(one.id),
        "may": view.person.may("operator"),
        "lengths": tuple(_HOURS),
    }
    tables = (_evidence(signals), _turns(view, turns), _sent(view, one))
    verdict = f"{one.severity.capitalize()}, {one.state}, {_lasted(one, view.now_us)}; about {one.subject}."
    return Shown(data, verdict, tables, title=_title(one))


def _figures(signals: list[Signal], turns: int) -> list[Figure]:
    first = _decoded(signals[0]) if signals else {}
    affected, of = first.get("affected") or 0, first.get("of") or 0
    return [
        figure(
            "Turns affected at firing",
            Rate(int(affected), int(of)),
            why="this rule is about no single turns",
            hint="Of the newest turns in the window of the rule that fired first, at most 1,000",
        ),
        counted("Turns linked", turns),
        counted("Rules that fired", len(signals)),
    ]


def _evidence(signals: list[Signal]) -> Table:
    columns = (
        Column("rule", "Rule"),
        Column("series", "Of"),
        Column("text", "Evidence when it fired"),
        Column("window", "Window"),
        Column("p", "By chance"),
        Column("first", "Fired", "when"),
        Column("recovered", "Recovered", "when"),
    )
    rows: list[list[Any]] = []
    for signal in signals:
        found = _decoded(signal)
        p = found.get("p")
        window = length(int(found["window"])) if found.get("window") else None
        rows.append(
            [
                signal.rule,
                signal.series or "all",
                found.get("text", ""),
                window,
                None if p is None else numbers.chance(p),
                signal.first_us,
                signal.recovered_us,
            ]
        )
    return Table("evidence", "Evidence", columns, rows)


def _turns(view: View, turns: list[str]) -> Table:
    columns = (
        Column("turn", "Turn", "id"),
        Column("at", "At", "when"),
        Column("model", "Model"),
        Column("status", "Status", "status"),
    )
    rows: list[list[Any]] = []
    for turn_id in turns:
        record = view.router.store.turn(turn_id)
        if record is None:
            rows.append([Cell(turn_id, title="this turn was deleted"), None, None, None])
            continue
        link = view.link("conversation", record.conversation_id, turn=turn_id, range="all")
        rows.append([Cell(turn_id, link), record.at_us, record.decision.model, record.status])
    return Table(
        "turns", "Linked turns", columns, rows, empty="No turn is linked: the rule is about none in particular."
    )


def _sent(view: View, one: Incident) -> Table:
    columns = (
        Column("sink", "Told"),
        Column("event", "That it is"),
        Column("attempts", "Attempts", "count"),
        Column("delivered", "Delivered", "when"),
        Column("error", "Last refusal"),
    )
    rows = [
        [sent.sink, sent.event, sent.attempts, sent.delivered_us, sent.error_text]
        for sent in reversed(deliveries(view.router.store, one.id))
    ]
    return Table(
        "deliveries", "Who was told", columns, rows, empty="Nobody: the policy names no sink, or it is silenced."
    )


def _chart(view: View, one: Incident, signals: list[Signal]) -> Plot | None:
    """Draw the share of the first rule around the time at which it fired."""
    first = next((signal for signal in signals if _decoded(signal).get("kind") in {"rate", "burn"}), None)
    rule = next((rule for rule in rules_of(view.router.policy.monitors) if first and rule.name == first.rule), None)
    if first is None or rule is None or from_tables(rule.sources[0].measure):
        return None
    opened = one.opened_us // _MINUTE_US
    end = min((one.resolved_us or view.now_us) // _MINUTE_US + _AFTER, opened + _WIDEST, view.now_us // _MINUTE_US)
    counts = StoredCounts(view.router.store, simulated=one.simulated)
    points = []
    for minute in range(opened - _BEFORE, end, _STEP):
        tally = counts.between(rule.sources[0], minute, minute + _STEP).get(first.series)
        rate = Rate(0, 0) if tally is None else Rate(round(tally.hits), round(tally.n))
        low, high = rate.interval or (None, None)
        points.append(Point(minute * 60.0, rate.value, low, high, rate.n, rate.n < FEW))
    words = WORDS[rule.sources[0].measure]
    found = _decoded(first)
    levels = [Level("bound", float(found["bound"]), limit=True)] if found.get("kind") == "rate" else []
    marks = [Mark(one.opened_us / 1e6, "opened")]
    if one.resolved_us:
        marks.append(Mark(one.resolved_us / 1e6, "resolved"))
    lines = [Line(words, points)]
    title = f"Share of {words}, every {length(_STEP)}"
    return plot(
        title,
        lambda width: time_lines(
            lines, title=title, unit="share", zone=view.zone, levels=levels, events=marks, width=width
        ),
        time_table(lines, unit="share", zone=view.zone),
    )


def _decoded(signal: Signal) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(signal.evidence)
    return found


def _title(one: Incident) -> str:
    return f"{one.title} (simulated)" if one.simulated else one.title


def _lasted(one: Incident, now_us: int) -> str:
    minutes = max(1, ((one.resolved_us or now_us) - one.opened_us) // _MINUTE_US)
    hours, rest = divmod(minutes, 60)
    text = f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h {rest} min" if hours else f"{minutes} min"  # noqa: PLR2004
    return text if one.resolved_us else f"{text} so far"


def _verdict(going_on: list[Incident]) -> str:
    if not going_on:
        return "No incident goes on."
    pages = sum(one.severity == "page" for one in going_on)
    newest = going_on[0]
    if len(going_on) == 1:
        return f"One incident goes on, a {newest.severity}: {_title(newest)}."
    return f"{len(going_on)} incidents go on, {pages} of them pages; the newest: {_title(newest)}."
