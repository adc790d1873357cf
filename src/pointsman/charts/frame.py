"""What plots with two axes share: the room they leave, grid lines and the words beside them."""

from __future__ import annotations

from datetime import datetime, tzinfo

import msgspec

from pointsman.charts.numbers import Unit, on_axis
from pointsman.charts.scales import Scale, time_ticks
from pointsman.charts.svg import at, cut, el, label, wide

_TICK = 78
"""Units of width that a word below the picture needs."""
_LINE = 44
"""Units of height from one grid line to the next."""


class Frame(msgspec.Struct, frozen=True):
    """A picture and the room inside it: marks stand between ``left`` and ``right``, ``top`` and ``bottom``."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float


def frame(
    width: float, height: float, *, left: float = 52, right: float = 12, top: float = 12, bottom: float = 30
) -> Frame:
    """Return the frame of a picture, given the room to leave on each side."""
    return Frame(width, height, left, width - right, top, height - bottom)


def left_room(words: list[str], width: float) -> float:
    """Return the room that names on the left need: at most two fifths of the picture."""
    return min(width * 0.4, max((wide(word) for word in words), default=0) + 12)


def grid_up(found: Frame, y: Scale, unit: Unit) -> list[str]:
    """Return the grid lines of the upright axis, with their figures."""
    drawn: list[str] = []
    for tick in y.ticks(max(2, int((found.bottom - found.top) / _LINE))):
        place = y.at(tick)
        drawn.append(rule(found.left, place, found.right, place))
        drawn.append(label(found.left - 6, place + 4, on_axis(tick, unit), anchor="end", classes="dim"))
    return drawn


def grid_across(found: Frame, x: Scale, unit: Unit, name: str = "") -> list[str]:
    """Return the upright grid lines, with the figures below and what they count."""
    drawn: list[str] = []
    for tick in x.ticks(max(2, int((found.right - found.left) / _TICK))):
        place = x.at(tick)
        drawn.append(rule(place, found.top, place, found.bottom))
        drawn.append(_below(found, place, on_axis(tick, unit)))
    if name:
        middle = (found.left + found.right) / 2
        drawn.append(label(middle, found.bottom + 34, cut(name, found.width), anchor="middle", classes="dim"))
    return drawn


def grid_in_time(found: Frame, x: Scale, zone: tzinfo) -> list[str]:
    """Return the upright grid lines at round moments of the viewer's zone."""
    drawn: list[str] = []
    for moment, word in time_ticks(x.low, x.high, zone, max(2, int((found.right - found.left) / _TICK))):
        place = x.at(moment)
        drawn.append(rule(place, found.top, place, found.bottom))
        drawn.append(_below(found, place, word))
    return drawn


def _below(found: Frame, place: float, word: str) -> str:
    half = wide(word) / 2
    inside = max(half, min(found.width - half, place))
    return label(inside, found.bottom + 17, word, anchor="middle", classes="dim")


def rule(x1: float, y1: float, x2: float, y2: float, classes: str = "grid") -> str:
    """Return a straight line."""
    return el("path", class_=classes, d=f"M{at(x1)} {at(y1)}L{at(x2)} {at(y2)}")


def moment(epoch: float, zone: tzinfo) -> str:
    """Return a moment as people write it, in the viewer's zone."""
    return f"{datetime.fromtimestamp(epoch, zone):%Y-%m-%d %H:%M}"


def spread(places: list[float], top: float, bottom: float, gap: float = 14) -> list[float]:
    """Return places for words so that none stands on another, each as near to its own as that allows.

    Where there are more than fit, they share the room evenly.
    """
    if not places:
        return []
    gap = min(gap, (bottom - top) / max(1, len(places) - 1))
    order = sorted(range(len(places)), key=places.__getitem__)
    found = [0.0] * len(places)
    last = top - gap
    for place in order:
        last = found[place] = max(places[place], last + gap)
    last = bottom + gap
    for place in reversed(order):
        last = found[place] = min(found[place], last - gap)
    return found
