"""Cost against quality: points with their intervals, the front that none beats in both, names that do not overlap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from pointsman.charts.figure import table_behind
from pointsman.charts.frame import Frame, frame, grid_across, grid_up, rule
from pointsman.charts.numbers import Unit, count, shown, with_interval
from pointsman.charts.scales import Scale, finite, scale
from pointsman.charts.svg import Tone, clean, cut, el, label, marked, nothing, path, picture, tone_class, wide

_ALL_NAMED = 16
"""With more points than this only those on the front are named; the others say their names under the pointer."""
_ROOM = 200.0
"""Width of a name at most."""
_NEAR = 20
_OVER = 10
"""A name may stand this much above the picture's room: below the name of the axis."""


class Spot(msgspec.Struct, frozen=True):
    """A named point with the intervals of both its figures."""

    name: str
    x: float | None
    y: float | None
    x_low: float | None = None
    x_high: float | None = None
    y_low: float | None = None
    y_high: float | None = None
    n: int | None = None
    tone: Tone = "ink"
    few: bool = False
    href: str = ""


class _Box(msgspec.Struct, frozen=True):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def front_of(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the points (cost, quality) that no other beats in both, cheapest first."""
    best, found = float("-inf"), []
    for place in sorted(range(len(points)), key=lambda n: (points[n][0], -points[n][1])):
        if points[place][1] > best:
            best = points[place][1]
            found.append(place)
    return found


def scatter(
    spots: Sequence[Spot],
    *,
    title: str,
    x_unit: Unit,
    y_unit: Unit,
    x_name: str,
    y_name: str,
    log_x: bool = False,
    front: bool = True,
    width: int = 720,
    height: int = 360,
) -> str:
    """Return the points. ``front``: less is better across, more is better up, and a line joins those that none beats."""
    known = [spot for spot in spots if _place(spot, log=log_x) is not None]
    if not known:
        return nothing(width, title)
    found = frame(width, height, left=60, bottom=46, top=28)
    x = scale([one for spot in known for one in (spot.x, spot.x_low, spot.x_high)], found.left, found.right, log=log_x)
    bounds = [one for spot in known for one in (spot.y, spot.y_low, spot.y_high)]
    y = scale(bounds, found.bottom, found.top, most=1.0 if y_unit == "share" else None)
    drawn = [*grid_across(found, x, x_unit, x_name), *grid_up(found, y, y_unit)]
    drawn.append(label(8, 14, cut(y_name, width - 16), classes="dim"))
    places = [(x.at(finite(spot.x) or 0.0), y.at(finite(spot.y) or 0.0)) for spot in known]
    best = front_of([(finite(spot.x) or 0.0, finite(spot.y) or 0.0) for spot in known]) if front else []
    if len(best) > 1:
        # Steps: between two models there is no third; the cheaper one is what one gets.
        drawn.append(el("path", class_="front soft", d=path(_steps([places[place] for place in best]))))
    for spot, place in zip(known, places, strict=True):
        drawn.append(_spot(spot, place, x, y, (x_unit, y_unit)))
    order = (
        [*reversed(best), *(n for n in range(len(known)) if n not in set(best))]
        if len(known) <= _ALL_NAMED
        else best[::-1]
    )
    line = _steps([places[place] for place in best]) if len(best) > 1 else []
    drawn += _names([known[n] for n in order], [places[n] for n in order], [*_dots(places), *_along(line)], found)
    return picture(width, height, title, drawn)


def _place(spot: Spot, *, log: bool) -> tuple[float, float] | None:
    x, y = finite(spot.x), finite(spot.y)
    return None if x is None or y is None or (log and x <= 0) else (x, y)


def _steps(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    found = [places[0]]
    for left, top in places[1:]:
        found += [(left, found[-1][1]), (left, top)]
    return found


def _spot(spot: Spot, place: tuple[float, float], x: Scale, y: Scale, units: tuple[Unit, Unit]) -> str:
    left, top = place
    mark = ""
    if (low := finite(spot.y_low)) is not None and (high := finite(spot.y_high)) is not None:
        mark += rule(left, y.at(low), left, y.at(high), "whisker")
    if (low := finite(spot.x_low)) is not None and (high := finite(spot.x_high)) is not None:
        mark += rule(x.at(low), top, x.at(high), top, "whisker")
    mark += el("circle", class_="dot", cx=left, cy=top, r=5)
    said = (
        f"{spot.name}: {with_interval(spot.y, spot.y_low, spot.y_high, units[1])}, "
        f"{with_interval(spot.x, spot.x_low, spot.x_high, units[0])}"
    )
    said += f", n = {count(spot.n)}" if spot.n is not None else ""
    return el("g", marked(mark, said, spot.href), class_=f"{tone_class(spot.tone)}{' few' if spot.few else ''}")


def _dots(places: Sequence[tuple[float, float]]) -> list[_Box]:
    return [_Box(left - 5, top - 5, left + 5, top + 5) for left, top in places]


def _along(line: Sequence[tuple[float, float]]) -> list[_Box]:
    """Return what the steps of the front cover."""
    pairs = itertools.pairwise(line)
    return [_Box(min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1) for (a, b), (c, d) in pairs]


def _names(spots: Sequence[Spot], places: Sequence[tuple[float, float]], taken: list[_Box], found: Frame) -> list[str]:
    """Return the names that find a free place beside their points; one that finds none is left to the pointer and the table."""
    drawn: list[str] = []
    for spot, (left, top) in zip(spots, places, strict=True):
        name = cut(clean(spot.name), _ROOM)
        size = wide(name)
        for dx, dy, anchor in _AROUND:
            start = {"start": left + dx, "end": left + dx - size, "middle": left - size / 2}[anchor]
            box = _Box(start, top + dy - 10, start + size, top + dy + 3)
            if _inside(box, found) and not any(box.meets(other) for other in taken):
                taken.append(box)
                tone = tone_class(spot.tone)
                words = label(left + dx, top + dy, name, anchor=anchor, classes="halo")
                # A name that stands further off is tied to its point.
                tie = rule(left, top, left + dx, top + dy - (0 if dy < 0 else 8), "join") if abs(dy) > _NEAR else ""
                drawn.append(el("g", tie + words, class_=tone))
                break
    return drawn


def _inside(box: _Box, found: Frame) -> bool:
    across = box.left >= found.left and box.right <= found.width - 2
    return across and box.top >= found.top - _OVER and box.bottom <= found.bottom


_AROUND = (
    (9, 4, "start"),
    (-9, 4, "end"),
    (9, -8, "start"),
    (9, 16, "start"),
    (-9, -8, "end"),
    (-9, 16, "end"),
    (0, -12, "middle"),
    (0, 20, "middle"),
    (12, -22, "start"),
    (12, 30, "start"),
    (-12, -22, "end"),
    (-12, 30, "end"),
    *((dx, dy, anchor) for dy in (-38, 46, -54, 62, -70, 78) for dx, anchor in ((14, "start"), (-14, "end"))),
)


def scatter_table(spots: Sequence[Spot], *, x_unit: Unit, y_unit: Unit, x_name: str, y_name: str) -> str:
    """Return the figures of ``scatter`` as a table behind a toggle."""
    rows = [
        [
            spot.name,
            with_interval(spot.y, spot.y_low, spot.y_high, y_unit),
            with_interval(spot.x, spot.x_low, spot.x_high, x_unit) if spot.x_low is not None else shown(spot.x, x_unit),
            count(spot.n),
        ]
        for spot in spots
    ]
    return table_behind(["", y_name, x_name, "n"], rows, links=[spot.href for spot in spots])
