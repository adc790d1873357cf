"""Tool calls: how good they are, where graders looked, and what hints at it everywhere else."""

from __future__ import annotations

from typing import Any

from pointsman.charts.numbers import count, percent
from pointsman.domain.figures import Rate
from pointsman.monitoring.calls_seen import ToolSeen, look
from pointsman.monitoring.questions import sample, tools
from pointsman.server.dashboard.figures import Figure, figure
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View


async def show(view: View) -> Shown:
    """Show the quality of the filter's tool calls."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    chosen = view.slice
    before = chosen.before()
    with view.asker.board() as board:
        whole = tools.ask(board, chosen)
        old = None if before is None else tools.ask(board, before)
        models = tools.ask(board, chosen, ("model",))
        routes = tools.ask(board, chosen, ("route",))
        chosen_few = sample.ask(board, chosen)
    if not whole.proxies or not whole.proxies[0].turns:
        return Shown({"any": False})
    first = whole.proxies[0]
    seen = look(view.router.store, chosen_few.ids)
    tables = (
        _seen(view, seen, chosen_few),
        _graded(view, models.graded),
        _hints(view, "models", "Hints by model", "model", models.proxies),
        _hints(view, "routes", "Hints by route", "route", routes.proxies),
        _checks(view, models.proxies),
    )
    data = {"any": True, "figures": _figures(view, first, old.proxies[0] if old is not None and old.proxies else None)}
    return Shown(data, _verdict(view, whole, first, seen), tables)


def _verdict(view: View, whole: tools.Tools, first: tools.Proxies, seen: list[ToolSeen]) -> str:
    graded = sum(one.passed.n for one in whole.graded)
    said = f"In {view.filter.words} {_share(first.with_tools)} of the turns ended in tool calls"
    sound = Rate(sum(one.sound.hits for one in seen), sum(one.sound.n for one in seen))
    if sound.n and sound.few:
        said += f"; {count(sound.n)} calls looked at are too few to judge them"
    elif sound.n:
        said += f"; {_share(sound)} of {count(sound.n)} calls looked at were sound"
    if not graded:
        return f"{said}. No grader looked at any: sound is not yet right."
    worst = min((one for one in whole.graded if one.passed.n), key=lambda one: one.passed.value or 0.0)
    return f"{said}; of what was graded, {worst.metric} passes least often: {_share(worst.passed)} of {count(worst.passed.n)}."


def _share(rate: Rate) -> str:
    return "an unknown share" if rate.value is None else percent(rate.value)


def _figures(view: View, now: tools.Proxies, old: tools.Proxies | None) -> list[Figure]:
    link = view.turns()
    rows = (
        ("Turns that end in tool calls", "with_tools", ""),
        ("Turns answered twice", "retried", "A step of the turn was asked for again"),
        ("Thumbs up", "thumbs_up", "Of the turns that customers judged"),
    )
    return [
        figure(label, getattr(now, name), link=link, before=None if old is None else getattr(old, name), hint=hint)
        for label, name, hint in rows
    ]


def _seen(view: View, seen: list[ToolSeen], chosen: sample.Sample) -> Table:
    columns = (
        Column("tool", "Tool"),
        Column("model", "Model", "model"),
        Column("writes", "Changes something"),
        Column("sound", "Sound", "figure"),
        Column("wrong", "What was wrong"),
        Column("example", "Example"),
    )
    rows: list[list[Any]] = [
        [
            one.tool,
            _model(view, one.model),
            "yes" if one.writes else "no",
            one.sound,
            ", ".join(f"{kind.replace('_', ' ')} {n}" for kind, n in one.kinds.items()),
            "" if one.example is None else Cell("open", view.link("conversation", one.example)),
        ]
        for one in seen
    ]
    of = f"{count(len(chosen.ids))} of {count(chosen.of)} turns that call tools, drawn by chance"
    return Table("seen", f"Calls by tool and model ({of})", columns, rows, empty="No turn here calls a tool.")


def _graded(view: View, found: tuple[tools.Graded, ...]) -> Table:
    columns = (
        Column("model", "Model", "model"),
        Column("metric", "Graded for"),
        Column("source", "By"),
        Column("passed", "Right", "figure"),
        Column("score", "Mean score", "figure"),
    )
    rows: list[list[Any]] = [
        [_model(view, one.by["model"]), one.metric, one.source, one.passed, one.score] for one in found
    ]
    return Table(
        "graded",
        "What graders found",
        columns,
        rows,
        empty="Nothing was graded. pointsman scorecard apply grades shipped turns.",
    )


def _hints(view: View, name: str, caption: str, by: str, found: tuple[tools.Proxies, ...]) -> Table:
    columns = (
        Column(by, by.capitalize(), "model" if by == "model" else "text"),
        Column("turns", "Turns", "count"),
        Column("with_tools", "End in tool calls", "figure"),
        Column("retried", "Answered twice", "figure"),
        Column("thumbs_up", "Thumbs up", "figure"),
    )
    rows: list[list[Any]] = [
        [
            one.by[by] or "unknown",
            Cell(one.turns, view.turns(None, **{by: one.by[by]})),
            one.with_tools,
            one.retried,
            one.thumbs_up,
        ]
        for one in found
    ]
    return Table(name, caption, columns, rows)


def _checks(view: View, found: tuple[tools.Proxies, ...]) -> Table:
    columns = (
        Column("model", "Model", "model"),
        Column("check", "Check"),
        Column("passed", "Passed", "figure"),
    )
    rows: list[list[Any]] = [
        [_model(view, one.by["model"]), name.replace("_", " "), rate]
        for one in found
        for name, rate in sorted(one.checks.items())
    ]
    return Table("checks", "Checks on calls and plans", columns, rows, empty="No check was made on a call or a plan.")


def _model(view: View, name: str | None) -> Cell:
    return Cell(name or "unknown", view.turns(model=name))
