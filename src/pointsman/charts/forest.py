"""Intervals one under the other: a point, its 95 % interval, and the line it must not cross."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pointsman.charts.figure import Verdict, table_behind, verdict_icon
from pointsman.charts.frame import frame, grid_across, left_room, rule
from pointsman.charts.numbers import Unit, count, shown, with_interval
from pointsman.charts.scales import Scale, finite, scale
from pointsman.charts.svg import Tone, cut, el, label, marked, nothing, picture, tone_class, wide

_ROW = 34
_NARROW = 480
"""Below this width a row's name stands above its interval, over the whole width."""


class Interval(msgspec.Struct, frozen=True):
    """One row. ``margin``: the line that the interval must stay clear of, where the row has one of its own."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    margin: float | None = None
    verdict: Verdict | None = None
    tone: Tone = "ink"
    few: bool = False
    href: str = ""
    note: str = ""


def forest(
    rows: Sequence[Interval], *, title: str, unit: Unit, middle: float | None = None, name: str = "", width: int = 720
) -> str:
    """Return the rows. ``middle``: where nothing differs (0 for a difference, 1 for a ratio), drawn through all of them."""
    if not rows:
        return nothing(width, title)
    narrow = width < _NARROW
    step = 46 if narrow else _ROW
    judged = any(row.verdict for row in rows)
    left = 12 if narrow else left_room([row.name for row in rows], width)
    right = 14 if narrow else max(wide(_value(row, unit)) for row in rows) + (76 if judged else 20)
    found = frame(
        width, len(rows) * step + (56 if name else 40), left=left, right=right, bottom=46 if name else 30, top=8
    )
    edges = [one for row in rows for one in (row.value, row.low, row.high, row.margin)]
    ceiling = 1.0 if unit == "share" else None
    x = scale([*edges, middle], found.left, found.right, room=0.06, most=ceiling)
    drawn = grid_across(found, x, unit, name)
    if middle is not None:
        drawn.append(rule(x.at(middle), found.top, x.at(middle), found.bottom, "axis"))
    for place, row in enumerate(rows):
        top = found.top + place * step
        line = top + (32 if narrow else step / 2)
        classes = f"{tone_class(row.verdict or row.tone)}{' few' if row.few else ''}"
        mark = _mark(row, line, x) + _words(row, top, line, unit, (left, found.right, width), narrow=narrow)
        drawn.append(el("g", marked(mark, _said(row, unit), row.href), class_=classes))
    return picture(found.width, found.height, title, drawn)


def _mark(row: Interval, line: float, x: Scale) -> str:
    drawn: list[str] = []
    low, high, value, margin = (finite(one) for one in (row.low, row.high, row.value, row.margin))
    if margin is not None:
        drawn.append(rule(x.at(margin), line - 12, x.at(margin), line + 12, "margin"))
    if low is not None and high is not None:
        drawn.append(rule(x.at(low), line, x.at(high), line, "whisker"))
        drawn += [rule(x.at(edge), line - 4, x.at(edge), line + 4, "whisker") for edge in (low, high)]
    elif low is not None or high is not None:
        # One bound is not known: the line runs to the edge of the picture.
        drawn.append(
            rule(x.start if low is None else x.at(low), line, x.end if high is None else x.at(high), line, "whisker")
        )
    if value is not None:
        drawn.append(el("circle", class_="dot", cx=x.at(value), cy=line, r=4.5))
    return "".join(drawn)


def _words(
    row: Interval, top: float, line: float, unit: Unit, edges: tuple[float, float, float], *, narrow: bool
) -> str:
    left, right, width = edges
    value = _value(row, unit)
    verdict = f" {row.verdict}" if row.verdict else ""
    if narrow:
        room = width - (len(value) + len(verdict)) * 6.6 - 40
        icon = verdict_icon(row.verdict, width - 20 - len(row.verdict) * 7, top + 12) if row.verdict else ""
        words = label(left, top + 16, cut(row.name, room), classes="halo")
        end = width - 14 - (len(verdict) * 7 + 14 if row.verdict else 0)
        words += label(end, top + 16, value, anchor="end", classes="dim halo")
        return (
            words
            + icon
            + (label(width - 8, top + 16, verdict.strip(), anchor="end", classes="toned halo") if verdict else "")
        )
    words = label(left - 8, line + 4, cut(row.name, left - 10), anchor="end") + label(right + 8, line + 4, value)
    if row.verdict:
        words += verdict_icon(row.verdict, width - 44, line) + label(width - 34, line + 4, row.verdict, classes="toned")
    return words


def _value(row: Interval, unit: Unit) -> str:
    return "too few" if row.few else with_interval(row.value, row.low, row.high, unit)


def _said(row: Interval, unit: Unit) -> str:
    text = f"{row.name}: {with_interval(row.value, row.low, row.high, unit)}"
    text += f", n = {count(row.n)}" if row.n is not None else ""
    text += f", margin {shown(row.margin, unit)}" if row.margin is not None else ""
    return text + (f", {row.verdict}" if row.verdict else "") + (f", {row.note}" if row.note else "")


def forest_table(rows: Sequence[Interval], *, unit: Unit) -> str:
    """Return the figures of ``forest`` as a table behind a toggle."""
    judged = any(row.verdict for row in rows)
    names = ["", "value (95 %)", "n", *(["margin", "verdict"] if judged else [])]
    cells = [
        [
            row.name,
            with_interval(row.value, row.low, row.high, unit),
            count(row.n),
            *([shown(row.margin, unit), row.verdict or "–"] if judged else []),
        ]
        for row in rows
    ]
    return table_behind(names, cells, links=[row.href for row in rows])
