"""How figures are spread: the share that is at most so much, line by line."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pointsman.charts.figure import table_behind
from pointsman.charts.frame import Frame, frame, grid_across, grid_up, rule, spread
from pointsman.charts.numbers import Unit, count, shown
from pointsman.charts.scales import Scale, finite, scale
from pointsman.charts.svg import SAMPLE, Tone, el, line_class, marked, named_line, nothing, path, picture, wide

_STEPS = 200
"""Points a line is drawn with at most: more than a screen can show."""
_NAMED = 12
_MARKS = (0.5, 0.95)


class Spread(msgspec.Struct, frozen=True):
    """Values of one series, in any order, or its quantiles where only these are kept: pairs (share, value)."""

    name: str
    values: Sequence[float] = ()
    quantiles: Sequence[tuple[float, float]] = ()
    n: int | None = None
    tone: Tone | None = None
    href: str = ""


def ecdf(
    series: Sequence[Spread],
    *,
    title: str,
    unit: Unit,
    name: str,
    log: bool = True,
    width: int = 720,
    height: int = 280,
) -> str:
    """Return the share of values that are at most so much. Dots are the median and the 95th percentile."""
    curves = [(one, curve) for one in series if (curve := _curve(one, log=log))]
    if not curves:
        return nothing(width, title)
    room = min(width * 0.34, max(wide(one.name) + (0 if one.tone else SAMPLE) for one, _ in curves) + 16)
    found = frame(width, height, left=60, right=room, bottom=46)
    x = scale([value for _, curve in curves for _, value in curve], found.left, found.right, log=log)
    y = Scale(0.0, 1.0, found.bottom, found.top)
    drawn = [*grid_across(found, x, unit, name), *grid_up(found, y, "share")]
    drawn += [rule(found.left, y.at(mark), found.right, y.at(mark), "baseline") for mark in _MARKS]
    for place, (one, curve) in enumerate(curves):
        drawn.append(_drawn(one, curve, place, x, y, unit))
    return picture(width, height, title, [*drawn, *_names(curves, found, y)])


def _curve(one: Spread, *, log: bool) -> list[tuple[float, float]]:
    """Return pairs (share, value), both rising."""
    pairs = one.quantiles or _pairs(one.values)
    known = [(share, value) for share, value in pairs if finite(value) is not None and finite(share) is not None]
    return sorted((max(0.0, min(1.0, share)), float(value)) for share, value in known if not log or value > 0)


def _pairs(values: Sequence[float]) -> list[tuple[float, float]]:
    known = sorted(float(value) for value in values if finite(value) is not None)
    if len(known) <= _STEPS:
        return [((place + 1) / len(known), value) for place, value in enumerate(known)]
    steps = sorted({round(step * (len(known) - 1) / (_STEPS - 1)) for step in range(_STEPS)})
    return [((place + 1) / len(known), known[place]) for place in steps]


def _drawn(one: Spread, curve: Sequence[tuple[float, float]], place: int, x: Scale, y: Scale, unit: Unit) -> str:
    places = [(x.at(curve[0][1]), y.at(0.0))]
    for share, value in curve:
        # A step: nothing lies between two values.
        places += [(x.at(value), places[-1][1]), (x.at(value), y.at(share))]
    drawn = [el("path", class_="line", d=path(places))]
    for mark in _MARKS:
        value = quantile(curve, mark)
        dot = el("circle", class_="dot", cx=x.at(value), cy=y.at(mark), r=4)
        drawn.append(marked(dot, f"{one.name}: p{mark * 100:.0f} {shown(value, unit)}", one.href))
    return el("g", "".join(drawn), class_=line_class(one.tone, place))


def quantile(curve: Sequence[tuple[float, float]], share: float) -> float:
    """Return the least value that at least ``share`` of all are at most."""
    return next((value for reached, value in curve if reached >= share - 1e-12), curve[-1][1])


def _names(curves: Sequence[tuple[Spread, list[tuple[float, float]]]], found: Frame, y: Scale) -> list[str]:
    """Return the names on the right, in the order of the lines' medians: the fastest at the top, as the lines stand."""
    if len(curves) > _NAMED:
        return []
    order = sorted(range(len(curves)), key=lambda n: quantile(curves[n][1], 0.5))
    top = y.at(1.0)
    room = found.width - found.right - 6
    places = spread([top + 15.0 * number for number in range(len(order))], top, found.bottom)
    return [
        named_line(found.right + 6, line, curves[number][0].name, room, line_class(curves[number][0].tone, number))
        for line, number in zip(places, order, strict=True)
    ]


def ecdf_table(series: Sequence[Spread], *, unit: Unit) -> str:
    """Return quantiles of each series as a table behind a toggle."""
    shares = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    rows = []
    for one in series:
        curve = _curve(one, log=False)
        n = one.n if one.n is not None else len(one.values)
        rows.append([one.name, *(shown(quantile(curve, share) if curve else None, unit) for share in shares), count(n)])
    return table_behind(
        ["", *(f"p{share * 100:.0f}" for share in shares), "n"], rows, links=[one.href for one in series]
    )
