"""Scales: from figures to places in a picture, and the round values to write beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

import msgspec

_REACH: Final = 1e15
"""Figures beyond this are drawn at the edge: floats could not place them."""

_LEAST: Final = 1e-12
"""Figures nearer to nothing than this are drawn as nothing."""

_FIRST_S: Final = 0.0
_LAST_S: Final = 253_370_764_800.0
"""The start of the year 9999: the last a calendar knows, with room for a zone."""

_MINUTE: Final = 60
_DAY: Final = 86_400
_STEPS: Final = tuple(_MINUTE * n for n in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720))
_DAYS: Final = (1, 2, 7, 14)
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 600, 1200, 6000, 12000)


def finite(value: float | None) -> float | None:
    """Return a figure a picture can show, None for unknown, NaN and infinities."""
    if value is None:
        return None
    whole = float(value)
    if not math.isfinite(whole):
        return None
    return max(-_REACH, min(_REACH, whole)) if abs(whole) >= _LEAST else 0.0


class Scale(msgspec.Struct, frozen=True):
    """Places from ``start`` to ``end`` for figures from ``low`` to ``high``; ``log``: equal steps for equal factors."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the place of a figure; one outside is put at the edge."""
        low, high, here = (_logged(one) if self.log else one for one in (self.low, self.high, value))
        share = (here - low) / (high - low)
        return self.start + max(0.0, min(1.0, share)) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Return round values (1, 2, 5 times powers of ten) inside the scale, at most about ``most``."""
        if self.log and self.high / self.low >= 8:  # noqa: PLR2004 - below it even steps read better
            return _log_ticks(self.low, self.high, most)
        return _even_ticks(self.low, self.high, most)


def scale(
    values: Iterable[float | None],
    start: float,
    end: float,
    *,
    zero: bool = False,
    log: bool = False,
    room: float = 0.05,
    most: float | None = None,
) -> Scale:
    """Return a scale that shows all the values.

    ``zero``: it reaches down to 0. ``most``: it ends there, if no value lies beyond (1 for shares). ``room``: left at the ends.
    """
    known = [one for one in map(finite, values) if one is not None and (not log or one > 0)]
    low, high = (min(known), max(known)) if known else (1.0, 10.0) if log else (0.0, 1.0)
    if log:
        low, high = max(low, _LEAST), max(high, _LEAST)
        spread = max(room, 0.02) * max(math.log10(high / low), 0.3)
        return Scale(low / 10**spread, high * 10**spread, start, end, log=True)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    span = high - low
    if span <= max(abs(low), abs(high)) * 1e-9:
        span = abs(high) or 1.0
        low, high = (low - span / 2, high + span / 2) if not zero else (min(low, 0.0), high if high > 0 else span)
    bottom = low if zero and low == 0 else low - span * room
    top = high if zero and high == 0 else high + span * room
    return Scale(bottom, top if most is None or high > most else min(top, most), start, end)


def _logged(value: float) -> float:
    return math.log10(max(value, _LEAST))


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    step = _nice((high - low) / max(1, most))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{place * step:.12g}") for place in range(first, min(last, first + 4 * max(1, most)) + 1)]


def _nice(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1, 2, 5) if m * power >= rough * (1 - 1e-9)), 10 * power)


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    whole = [10.0**power for power in powers if low <= 10.0**power <= high]
    for factors in ((1, 2, 5), (1, 3)):
        finer = [float(f"{m}e{power}") for power in powers for m in factors]
        finer = [tick for tick in finer if low <= tick <= high]
        if len(finer) <= most:
            return finer
    return whole[:: max(1, math.ceil(len(whole) / max(1, most)))]


def time_ticks(low: float, high: float, zone: tzinfo, most: int) -> list[tuple[float, str]]:
    """Return moments (epoch seconds) that are round in the viewer's zone, each with how it is written."""
    low, high = bounded_time(low), bounded_time(high)
    wanted = (high - low) / max(1, most)
    start, end = (datetime.fromtimestamp(place, zone) for place in (low, high))
    place = next((place for place, (length, _, _) in enumerate(_PACES) if length >= wanted), len(_PACES) - 1)
    found = _paced(start, end, place)
    # One round moment is no axis: the next finer pace has more.
    return found if len(found) > 1 or place == 0 else _paced(start, end, place - 1)


def _paced(start: datetime, end: datetime, place: int) -> list[tuple[float, str]]:
    _, every, walk = _PACES[place]
    return walk(start, end, every)


def bounded_time(value: float) -> float:
    """Return a moment (epoch seconds) that a calendar can name."""
    return max(_FIRST_S, min(_LAST_S, value))


def _within_days(start: datetime, end: datetime, step: int) -> list[tuple[float, str]]:
    """Return even steps from the local midnight; the hour that a zone skips or says twice is met by its own name."""
    found: list[tuple[float, str]] = []
    day = start.date()
    while day <= end.date():
        for second in range(0, _DAY, step):
            moment = datetime(day.year, day.month, day.day, second // 3600, second % 3600 // 60, tzinfo=start.tzinfo)
            if start <= moment <= end:
                found.append((moment.timestamp(), _day(day) if second == 0 else f"{moment:%H:%M}"))
        day += timedelta(days=1)
    return found


def _by_days(start: datetime, end: datetime, days: int) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    first = start.date().toordinal()
    # Weeks begin on Monday: ordinal 1 was one.
    for ordinal in range(first - (first - 1) % days, end.date().toordinal() + 1, days):
        day = date.fromordinal(max(1, ordinal))
        moment = datetime(day.year, day.month, day.day, tzinfo=start.tzinfo)
        if start <= moment <= end:
            found.append((moment.timestamp(), _day(day)))
    return found


def _by_months(start: datetime, end: datetime, months: int) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    first = start.year * 12
    for place in range(first - first % months, end.year * 12 + end.month, months):
        moment = datetime(max(1, place // 12), place % 12 + 1, 1, tzinfo=start.tzinfo)
        if start <= moment <= end:
            found.append((moment.timestamp(), f"{moment:%Y}" if months % 12 == 0 else f"{moment:%b %Y}"))
    return found


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


_Walk = Callable[[datetime, datetime, int], list[tuple[float, str]]]
_PACES: Final[tuple[tuple[float, int, _Walk], ...]] = (
    *((step, step, _within_days) for step in _STEPS),
    *((days * _DAY, days, _by_days) for days in _DAYS),
    *((months * 30.4 * _DAY, months, _by_months) for months in _MONTHS),
)
"""From fine to coarse: about how many seconds a step is, how many of its own unit, and how it walks the calendar."""
