"""The figure that is never alone: value, n, interval, change, and the link to its turns."""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.charts import numbers
from pointsman.domain.figures import Estimate, Rate

Value = Rate | Estimate
_KNOWN: Final = ("usd", "ms", "share", "count", "tokens/s", "tokens", "points", "ratio", "")


class Figure(msgspec.Struct, frozen=True):
    """One number with what it rests on. ``text`` None: unknown, and ``why`` says why.

    ``change`` is the difference from the same period before, in words ("+1.2 pt"); ``link`` leads to the turns. ``few``: too
    few to act on, so it is grey and says so. ``hint`` says what it counts.
    """

    label: str
    text: str | None
    n: int | None = None
    interval: str = ""
    change: str = ""
    link: str = ""
    few: bool = False
    why: str = ""
    hint: str = ""


def figure(  # noqa: PLR0913 - each is a thing a number must not be without
    label: str,
    value: Value,
    *,
    link: str = "",
    before: Value | None = None,
    why: str = "",
    hint: str = "",
) -> Figure:
    """Return how a rate or an estimate is shown; ``before`` is the same of the period before, ``why`` why it is unknown."""
    reason = why or (value.why if isinstance(value, Estimate) else "nothing was counted that could be told")
    return Figure(
        label=label,
        text=exactly(value),
        n=value.n,
        interval=interval(value),
        change=change(value, before),
        link=link,
        few=value.few and value.value is not None,
        why=reason or "nothing was measured",
        hint=hint,
    )


def counted(label: str, n: int | None, *, link: str = "", why: str = "", hint: str = "") -> Figure:
    """Return a figure of something counted whole, which has no interval; None: unknown, and ``why`` says why."""
    return Figure(label, None if n is None else numbers.count(n), link=link, why=why, hint=hint)


def said(  # noqa: PLR0913 - as figure
    label: str, text: str | None, *, n: int | None = None, link: str = "", why: str = "", hint: str = ""
) -> Figure:
    """Return a figure whose text is made already: a sum of money, a date, a word."""
    return Figure(label, text, n=n, link=link, why=why, hint=hint)


def change(value: Value, before: Value | None) -> str:
    """Return the difference from before in words, "" where either is unknown or rests on too few."""
    if before is None or value.value is None or before.value is None or value.few or before.few:
        return ""
    if unit_of(value) == "share":
        return numbers.points(value.value - before.value)
    return f"{(value.value / before.value - 1) * 100:+.1f}{numbers.THIN}%" if before.value else ""


def exactly(value: Value) -> str | None:
    """Return the value as text, as fine as its interval needs to be told apart; None: unknown."""
    if value.value is None:
        return None
    low, high = (None, None) if value.few else _bounds(value)
    return quantity(value.value, unit_of(value), numbers.finer(low, high, unit_of(value)))


def interval(value: Value) -> str:
    """Return the 95 % interval as "91.0 to 96.4", "" where there is none."""
    low, high = _bounds(value)
    if low is None or high is None:
        return ""
    unit = unit_of(value)
    finer = numbers.finer(low, high, unit)
    if unit == "share":
        return f"{low * 100:.{1 + finer}f} to {high * 100:.{1 + finer}f}"
    return f"{quantity(low, unit, finer)} to {quantity(high, unit, finer)}"


def _bounds(value: Value) -> tuple[float | None, float | None]:
    return (value.interval or (None, None)) if isinstance(value, Rate) else (value.low, value.high)


def unit_of(value: Value) -> str:
    """Return what a value counts."""
    return "share" if isinstance(value, Rate) else value.unit


def quantity(value: numbers.Number | None, unit: str, finer: int = 0) -> str:
    """Return a number in its unit; a unit that is no known one is put behind it. ``finer``: decimals more than usual."""
    if unit in _KNOWN:
        return numbers.shown(value, unit, finer)  # type: ignore[arg-type]  # narrowed by the test
    return f"{numbers.number(value)}{numbers.THIN}{unit}"
