"""How figures are written for people: one way, in every plot, table and page. Unknown, NaN and infinities are a dash."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Literal

from pointsman.domain.figures import Estimate, Rate
from pointsman.domain.money import in_dollars

UNKNOWN: Final = "–"
THIN: Final = "\u202f"
"""Marks thousands, and stands before a unit: a thin space that no line breaks at."""

Unit = Literal["usd", "ms", "share", "count", "tokens/s", "tokens", "points", "change", "ratio", ""]
"""What a figure counts. ``points``: a difference of shares, in percentage points. ``change``: a part more (0.1) or less (-0.1),
in percent with its sign. ``ratio``: 1.1 is shown as 1.10."""

_HUNDREDTHS: Final = ("share", "points", "change")
_LARGE: Final = 10_000
_MOST_FINER: Final = 10
_SECOND_MS: Final = 1000.0
_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0

Number = int | float | Decimal


def count(value: Number | None) -> str:
    """Return a whole count with thin spaces at the thousands."""
    known = _known(value)
    return UNKNOWN if known is None else _spaced(f"{known:,.0f}")


def money(value: Number | None, finer: int = 0) -> str:
    """Return dollars with two decimals; four below a cent, and more where four would show nothing.

    ``finer``: decimals beyond two that must be shown.
    """
    known = _known(value)
    if known is None:
        return UNKNOWN
    exact = known if isinstance(known, Decimal) else Decimal(str(known))
    if not finer:
        return _spaced(in_dollars(exact))
    return _spaced(f"{'-' if exact < 0 else ''}${abs(exact):,.{2 + finer}f}")


def money_round(value: Number | None) -> str:
    """Return dollars as a sentence or an axis says them: whole ones from a hundred up, else as ``money``."""
    known = _known(value)
    if known is None:
        return UNKNOWN
    if -100 < known < 100:  # noqa: PLR2004 - below it the cents matter
        return money(known)
    return _spaced(f"-${-known:,.0f}" if known < 0 else f"${known:,.0f}")


def duration(ms: Number | None, finer: int = 0) -> str:
    """Return milliseconds in the unit people say: 0.3 ms, 640 ms, 2.1 s, 3.5 min, 2.0 h. ``finer``: decimals more."""
    known = _known(ms)
    if known is None:
        return UNKNOWN
    value = float(known)
    size = abs(value)
    if size < 9.95:  # noqa: PLR2004 - one decimal would be two digits
        return f"{value:.{1 + finer}f}{THIN}ms" if value else f"0{THIN}ms"
    if size < _SECOND_MS - 0.5:
        return f"{value:.{finer}f}{THIN}ms"
    return seconds(value / _SECOND_MS, finer)


def seconds(value: Number | None, finer: int = 0) -> str:
    """Return seconds in the unit people say: 2.1 s, 45 s, 3.5 min, 2.0 h, 4.0 d. ``finer``: decimals more."""
    known = _known(value)
    if known is None:
        return UNKNOWN
    whole = float(known)
    for limit, unit, name in ((_MINUTE_S, 1.0, "s"), (_HOUR_S, _MINUTE_S, "min"), (_DAY_S, _HOUR_S, "h")):
        if abs(whole) < limit:
            shown = whole / unit
            decimals = finer + (1 if abs(shown) < 9.95 else 0)  # noqa: PLR2004 - one decimal would be two digits
            return f"{shown:.{decimals}f}{THIN}{name}"
    return f"{_spaced(f'{whole / _DAY_S:,.{1 + finer}f}')}{THIN}d"


def percent(share: Number | None, decimals: int = 1) -> str:
    """Return a share (0 to 1) in percent."""
    known = _known(share)
    return UNKNOWN if known is None else f"{_spaced(f'{known * 100:,.{decimals}f}')}{THIN}%"


def points(difference: Number | None) -> str:
    """Return a difference of two shares in percentage points, with its sign."""
    known = _known(difference)
    return UNKNOWN if known is None else f"{_spaced(f'{known * 100:+,.1f}')}{THIN}pt"


def change(part: Number | None) -> str:
    """Return a part more or less (0.1 is a tenth more) in percent, with its sign."""
    known = _known(part)
    return UNKNOWN if known is None else f"{_spaced(f'{known * 100:+,.1f}')}{THIN}%"


def with_interval(value: Number | None, low: Number | None, high: Number | None, unit: Unit = "share") -> str:
    """Return a figure with its bounds: ``1.3 % (0.7 to 2.2)``; the unit is said once where it stays the same."""
    if _known(value) is None:
        return UNKNOWN
    if _known(low) is None or _known(high) is None:
        return shown(value, unit)
    fine = finer(low, high, unit)
    if unit in _HUNDREDTHS:
        bounds = [_spaced(f"{float(bound) * 100:,.{1 + fine}f}") for bound in (low, high) if bound is not None]
    else:
        bounds = [shown(bound, unit, fine) for bound in (low, high)]
    return f"{shown(value, unit, fine)} ({bounds[0]} to {bounds[1]})"


def finer(low: Number | None, high: Number | None, unit: str) -> int:
    """Return how many decimals more than usual a figure needs for its bounds to be told apart.

    An interval of "$0.02 to $0.02" says nothing. Of dollars the width of the interval is shown to two digits.
    """
    if _known(low) is None or _known(high) is None or low == high:
        return 0
    if unit == "usd":
        width = abs(float(high) - float(low))  # type: ignore[arg-type]  # both are known
        wanted = -math.floor(math.log10(width)) - 1 if width else 0
        return min(_MOST_FINER, max(0, wanted))
    if unit not in _FINER:
        return 0
    for more in range(3):
        if shown(low, unit, more) != shown(high, unit, more):  # type: ignore[arg-type]  # narrowed by the test
            return more
    return 0


def rate(value: Rate) -> str:
    """Return a share with interval, or ``too few (n = 14)``, or a dash where there is nothing."""
    if value.value is None:
        return UNKNOWN
    if value.few:
        return f"too few (n = {count(value.n)})"
    low, high = value.interval or (None, None)
    return with_interval(value.value, low, high)


def estimate(value: Estimate) -> str:
    """Return a figure with interval, or ``too few (n = 14)``, or a dash where it is unknown."""
    if value.value is None:
        return UNKNOWN
    if value.few:
        return f"too few (n = {count(value.n)})"
    unit: Unit = value.unit if value.unit in _WRITERS else ""  # type: ignore[assignment]  # narrowed by the test
    return with_interval(value.value, value.low, value.high, unit)


def chance(p: float | None) -> str:
    """Return a p-value: ``p = 0.032``, ``p = 2.1e-07``, ``p = 1``; no line breaks in it."""
    return UNKNOWN if _known(p) is None else f"p\u00a0=\u00a0{p:.2g}"


def number(value: Number | None) -> str:
    """Return a bare number with at most three digits that matter, thin spaces at the thousands."""
    known = _known(value)
    if known is None:
        return UNKNOWN
    whole = float(known)
    if abs(whole) >= 100 or whole == int(whole):  # noqa: PLR2004 - three digits
        return _spaced(f"{whole:,.0f}")
    return f"{whole:.3g}"


def shown(value: Number | None, unit: Unit, finer: int = 0) -> str:
    """Return a figure as its unit is written; ``finer``: with so many decimals more, where the unit has any."""
    if finer and unit in _FINER:
        return _FINER[unit](value, finer)
    return _WRITERS[unit](value)


def on_axis(value: float, unit: Unit) -> str:
    """Return a figure as an axis writes it: short, without decimals that say nothing."""
    if unit in _HUNDREDTHS:
        text = f"{value * 100:.10g}" if abs(value) < _LARGE else number(value * 100)
        sign = "+" if value > 0 and unit != "share" else ""
        return f"{sign}{text}{THIN}{'pt' if unit == 'points' else '%'}"
    if unit == "usd":
        return _short_dollars(value)
    if unit == "ms":
        return _short_ms(value)
    return _short(value)


def _short(value: float) -> str:
    for size, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1000.0 if name == 'k' else size):.6g}{THIN}{name}"
    return _spaced(f"{value:,.10g}")


def _short_dollars(value: float) -> str:
    sign, size = ("-" if value < 0 else ""), abs(value)
    return f"{sign}${_short(size)}" if size >= 1 or not size else f"{sign}${Decimal(f'{size:.6g}'):f}"


def _short_ms(value: float) -> str:
    if abs(value) < _SECOND_MS:
        return f"{value:.6g}{THIN}ms"
    return f"{_short(value / _SECOND_MS)}{THIN}s"


def _ratio(value: Number | None) -> str:
    known = _known(value)
    return UNKNOWN if known is None else f"{float(known):.2f}"


def _known(value: Number | None) -> Number | None:
    if value is None or (isinstance(value, Decimal) and not value.is_finite()):
        return None
    return value if math.isfinite(value) else None


def _spaced(text: str) -> str:
    return text.replace(",", THIN)


_WRITERS: Final[Mapping[str, Callable[[Number | None], str]]] = {
    "usd": money,
    "ms": duration,
    "share": percent,
    "count": count,
    "tokens": count,
    "tokens/s": number,
    "points": points,
    "change": change,
    "ratio": _ratio,
    "": number,
}

_FINER: Final[Mapping[str, Callable[[Number | None, int], str]]] = {
    "usd": money,
    "ms": duration,
    "share": lambda value, more: percent(value, 1 + more),
}
