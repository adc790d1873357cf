"""Bars: side by side by name, how figures are spread, and a waterfall from nothing to the whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pointsman.charts.figure import table_behind
from pointsman.charts.frame import frame, grid_across, grid_up, left_room, rule
from pointsman.charts.numbers import Unit, count, shown
from pointsman.charts.scales import finite, scale
from pointsman.charts.svg import Tone, at, cut, el, label, marked, nothing, picture, tone_class

_ROW = 26


class Bar(msgspec.Struct, frozen=True):
    """A named bar. ``value`` None: unknown, said as a dash. ``total``: in a waterfall, a bar from nothing to here."""

    name: str
    value: float | None
    tone: Tone = "ink"
    href: str = ""
    total: bool = False
    note: str = ""
    few: bool = False


def bars(items: Sequence[Bar], *, title: str, unit: Unit, name: str = "", width: int = 720) -> str:
    """Return bars side by side, each with its name on the left and its figure at its end. They begin at 0."""
    if not items:
        return nothing(width, title)
    left, right = left_room([item.name for item in items], width), 84
    height = len(items) * _ROW + (56 if name else 38)
    found = frame(width, height, left=left, right=right, bottom=46 if name else 28, top=8)
    x = scale([0.0, *(item.value for item in items)], found.left, found.right, zero=True)
    drawn = grid_across(found, x, unit, name)
    for place, item in enumerate(items):
        middle = found.top + place * _ROW + _ROW / 2
        value = finite(item.value)
        end = x.at(value or 0.0)
        start = x.at(0.0)
        mark = _box(min(start, end), middle - 8, abs(end - start), 16) if value else ""
        mark += label(max(start, end) + 6, middle + 4, shown(value, unit), classes="dim" if item.few else "")
        mark += label(left - 8, middle + 4, cut(item.name, left - 10), anchor="end", classes="dim" if item.few else "")
        drawn.append(el("g", marked(mark, _bar_said(item, unit), item.href), class_=_bar_classes(item)))
    drawn.append(rule(x.at(0.0), found.top, x.at(0.0), found.bottom, "axis"))
    return picture(width, height, title, drawn)


def _bar_classes(item: Bar) -> str:
    return f"{tone_class(item.tone)}{' few' if item.few else ''}"


def _bar_said(item: Bar, unit: Unit) -> str:
    return f"{item.name}: {shown(item.value, unit)}{f', {item.note}' if item.note else ''}"


def waterfall(items: Sequence[Bar], *, title: str, unit: Unit, width: int = 720) -> str:
    """Return parts one after the other, each beginning where the last ended; a ``total`` bar stands on 0 and starts anew.

    Parts may be negative (what was saved). Rows, not columns: names stay readable on a small screen.
    """
    if not items:
        return nothing(width, title)
    left, right = left_room([item.name for item in items], width), 84
    height = len(items) * _ROW + 38
    found = frame(width, height, left=left, right=right, bottom=28, top=8)
    spans: list[tuple[float, float]] = []
    here = 0.0
    for item in items:
        value = finite(item.value) or 0.0
        begin, here = (0.0, value) if item.total else (here, here + value)
        spans.append((begin, here))
    x = scale([0.0, *(edge for span in spans for edge in span)], found.left, found.right, zero=True)
    drawn = grid_across(found, x, unit)
    for place, (item, (begin, end)) in enumerate(zip(items, spans, strict=True)):
        middle = found.top + place * _ROW + _ROW / 2
        low, high = sorted((x.at(begin), x.at(end)))
        mark = _box(low, middle - 8, max(1.0, high - low), 16) if finite(item.value) else ""
        mark += label(high + 6, middle + 4, shown(item.value, unit), classes="strong" if item.total else "")
        name_class = "strong" if item.total else ""
        mark += label(left - 8, middle + 4, cut(item.name, left - 10), anchor="end", classes=name_class)
        if place + 1 < len(items) and not items[place + 1].total:
            mark += rule(x.at(end), middle + 8, x.at(end), middle + _ROW - 8, "join")
        drawn.append(el("g", marked(mark, _bar_said(item, unit), item.href), class_=tone_class(item.tone)))
    drawn.append(rule(x.at(0.0), found.top, x.at(0.0), found.bottom, "axis"))
    return picture(width, height, title, drawn)


def bars_table(items: Sequence[Bar], *, unit: Unit, names: tuple[str, str] = ("part", "value")) -> str:
    """Return the figures of ``bars`` or ``waterfall`` as a table behind a toggle."""
    noted = any(item.note for item in items)
    rows = [[item.name, shown(item.value, unit), *([item.note] if noted else [])] for item in items]
    return table_behind([*names, *(["note"] if noted else [])], rows, links=[item.href for item in items])


class Bin(msgspec.Struct, frozen=True):
    """How many there are from ``low`` up to ``high``."""

    low: float
    high: float
    n: int
    href: str = ""


def histogram(
    bins: Sequence[Bin],
    *,
    title: str,
    unit: Unit,
    name: str = "",
    log: bool = False,
    mark: tuple[float, str] | None = None,
    width: int = 720,
    height: int = 200,
) -> str:
    """Return how figures are spread. ``mark``: a level to point out (a threshold) and its name."""
    if not any(one.n > 0 for one in bins):
        return nothing(width, title)
    found = frame(width, height, left=60, bottom=46 if name else 30, top=24 if mark else 12)
    edges = [*(one.low for one in bins), *(one.high for one in bins)]
    x = scale(edges, found.left, found.right, log=log, room=0)
    y = scale([0.0, *(float(one.n) for one in bins)], found.bottom, found.top, zero=True)
    drawn = [*grid_up(found, y, "count"), *grid_across(found, x, unit, name)]
    for one in bins:
        left, right, top = x.at(one.low), x.at(one.high), y.at(max(0, one.n))
        said = f"{shown(one.low, unit)} to {shown(one.high, unit)}: {count(one.n)}"
        drawn.append(marked(_box(left + 0.5, top, max(1.0, right - left - 1), found.bottom - top), said, one.href))
    if mark is not None and finite(mark[0]) is not None:
        place = x.at(mark[0])
        drawn.append(rule(place, found.top - 6, place, found.bottom, "margin"))
        anchor = "end" if place > width / 2 else "start"
        drawn.append(label(place, found.top - 10, cut(mark[1], width / 2), anchor=anchor))
    return picture(width, height, title, [el("g", "".join(drawn), class_="soft")])


def histogram_table(bins: Sequence[Bin], *, unit: Unit) -> str:
    """Return the figures of ``histogram`` as a table behind a toggle."""
    rows = [[f"{shown(one.low, unit)} to {shown(one.high, unit)}", count(one.n)] for one in bins]
    return table_behind(["from, to", "n"], rows, links=[one.href for one in bins])


def _box(left: float, top: float, width: float, height: float) -> str:
    return f'<rect class="bar" x="{at(left)}" y="{at(top)}" width="{at(max(0.0, width))}" height="{at(max(0.0, height))}"/>'
