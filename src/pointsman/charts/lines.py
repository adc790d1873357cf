"""Lines over time, with intervals as bands, the baseline drawn and names at their ends; and lines small enough for a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo

import msgspec

from pointsman.charts.figure import table_behind
from pointsman.charts.frame import Frame, frame, grid_in_time, grid_up, moment, rule, spread
from pointsman.charts.numbers import Unit, count, with_interval
from pointsman.charts.scales import Scale, bounded_time, finite, scale
from pointsman.charts.svg import (
    SAMPLE,
    Tone,
    cut,
    el,
    label,
    line_class,
    marked,
    named_line,
    nothing,
    path,
    picture,
    wide,
)

_DOTS = 30
"""A line of more points is drawn without a dot on each."""
_NAMED = 16


class Point(msgspec.Struct, frozen=True):
    """A figure at a moment (epoch seconds). ``value`` None: unknown, a gap. ``few``: shown in grey. ``href``: its turns."""

    at: float
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    few: bool = False
    href: str = ""


class Line(msgspec.Struct, frozen=True):
    """A named line; ``tone`` None takes the next ink, with its own dashes."""

    name: str
    points: Sequence[Point]
    tone: Tone | None = None


class Level(msgspec.Struct, frozen=True):
    """A level line to compare with: the period before, a target, a threshold."""

    name: str
    value: float
    limit: bool = False
    """Whether it is a limit that must not be passed: drawn in the colour of failing."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened: an upright line with a word."""

    at: float
    name: str
    href: str = ""


def time_lines(
    lines: Sequence[Line],
    *,
    title: str,
    unit: Unit,
    zone: tzinfo,
    levels: Sequence[Level] = (),
    events: Sequence[Event] = (),
    span: tuple[float, float] | None = None,
    zero: bool = False,
    width: int = 720,
    height: int = 240,
) -> str:
    """Return lines over time. ``span`` is the period asked for: it is shown whole, so that silence is seen as silence."""
    values = [one for line in lines for point in line.points for one in (point.value, point.low, point.high)]
    if not any(finite(one) is not None for one in values):
        return nothing(width, title)
    names = [wide(line.name) + (0 if line.tone else SAMPLE) for line in lines] + [wide(level.name) for level in levels]
    room = min(width * 0.3, max(names, default=0) + 16)
    found = frame(width, height, right=room, left=60, top=24 if events else 12)
    moments = [point.at for line in lines for point in line.points] + list(span or ())
    x = scale([bounded_time(at) for at in moments if finite(at) is not None], found.left, found.right, room=0)
    ceiling = 1.0 if unit == "share" else None
    y = scale([*values, *(level.value for level in levels)], found.bottom, found.top, zero=zero, most=ceiling)
    drawn = [*grid_in_time(found, x, zone), *grid_up(found, y, unit)]
    drawn += _events(events, found, x)
    drawn += [
        rule(found.left, y.at(level.value), found.right, y.at(level.value), "margin" if level.limit else "baseline")
        for level in levels
    ]
    for place, line in enumerate(lines):
        drawn.append(_line(line, place, x, y, unit, zone))
    return picture(width, height, title, [*drawn, *_names(lines, levels, found, y)])


def _line(line: Line, place: int, x: Scale, y: Scale, unit: Unit, zone: tzinfo) -> str:
    drawn: list[str] = []
    for run in _runs(line.points):
        here = [(x.at(bounded_time(point.at)), y.at(finite(point.value) or 0.0)) for point in run]
        band = [(spot, point) for (spot, _), point in zip(here, run, strict=True) if _bounded(point)]
        if len(band) > 1:
            under = [(spot, y.at(finite(point.low) or 0.0)) for spot, point in band]
            over = [(spot, y.at(finite(point.high) or 0.0)) for spot, point in reversed(band)]
            drawn.append(el("path", class_="band", d=path([*under, *over], closed=True)))
        if len(here) > 1:
            drawn.append(el("path", class_="line", d=path(here)))
        if len(run) == 1 and _bounded(run[0]):
            low, high = (y.at(finite(one) or 0.0) for one in (run[0].low, run[0].high))
            drawn.append(rule(here[0][0], low, here[0][0], high, "whisker"))
        small = len(line.points) > _DOTS and len(run) > 1
        for (left, top), point in zip(here, run, strict=True):
            dot = el("circle", class_="hit" if small else "dot", cx=left, cy=top, r=6 if small else 3.5)
            dot = el("g", dot, class_="few") if point.few else dot
            drawn.append(
                marked(dot, f"{line.name}, {moment(bounded_time(point.at), zone)}: {_said(point, unit)}", point.href)
            )
    return el("g", "".join(drawn), class_=line_class(line.tone, place))


def _bounded(point: Point) -> bool:
    return finite(point.low) is not None and finite(point.high) is not None


def _runs(points: Iterable[Point]) -> Iterator[list[Point]]:
    """Yield the stretches without a gap."""
    run: list[Point] = []
    for point in sorted((one for one in points if finite(one.at) is not None), key=lambda one: one.at):
        if finite(point.value) is not None:
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _said(point: Point, unit: Unit) -> str:
    text = with_interval(point.value, point.low, point.high, unit)
    if point.n is None:
        return text
    return f"{text}, {'too few: ' if point.few else ''}n = {count(point.n)}"


def _events(events: Sequence[Event], found: Frame, x: Scale) -> list[str]:
    drawn: list[str] = []
    free = 0.0
    for event in sorted(events, key=lambda one: one.at):
        if not x.low <= event.at <= x.high:
            continue
        place = x.at(event.at)
        mark = rule(place, found.top - 6, place, found.bottom, "event")
        word = cut(event.name, 150)
        start = max(0.0, min(place - 3, found.width - wide(word)))
        if start >= free:
            mark += label(start, found.top - 10, word, classes="dim")
            free = start + wide(word) + 8
        drawn.append(marked(mark, event.name, event.href))
    return drawn


def _names(lines: Sequence[Line], levels: Sequence[Level], found: Frame, y: Scale) -> list[str]:
    """Return the names beside the ends of the lines."""
    ends: list[tuple[float, str, str]] = []
    for place, line in enumerate(lines):
        last = [run[-1] for run in _runs(line.points)][-1:]
        if last and len(lines) <= _NAMED:
            ends.append((y.at(finite(last[0].value) or 0.0), line.name, line_class(line.tone, place)))
    ends += [(y.at(level.value), level.name, "fail" if level.limit else "soft") for level in levels]
    places = spread([end[0] for end in ends], found.top, found.bottom)
    room = found.width - found.right - 6
    return [
        named_line(found.right + 6, place, name, room, classes)
        for place, (_, name, classes) in zip(places, ends, strict=True)
    ]


def time_table(lines: Sequence[Line], *, unit: Unit, zone: tzinfo) -> str:
    """Return the figures of ``time_lines`` as a table behind a toggle."""
    points = [(line.name, point) for line in lines for point in line.points if finite(point.at) is not None]
    rows = [
        [
            moment(bounded_time(point.at), zone),
            name,
            with_interval(point.value, point.low, point.high, unit),
            count(point.n),
        ]
        for name, point in points
    ]
    return table_behind(["time", "line", "value (95 %)", "n"], rows, links=[point.href for _, point in points])
