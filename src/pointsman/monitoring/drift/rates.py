"""Where a rate changed its level: ADWIN and Page-Hinkley (river) over its hours, and how many such finds are false."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import msgspec

from pointsman.errors import UsageError
from pointsman.monitoring.monitors.evidence import two_shares_high
from pointsman.monitoring.monitors.tallies import Counts, Source
from pointsman.store.tallies import NONE, Tally

_HOUR: Final = 60
_LEAST: Final = 20
_HOURS_NEEDED: Final = 24
FALSE_SHARE: Final = 0.05
"""Of the changes that are told, so many may be false (Benjamini and Hochberg)."""


class RateChange(msgspec.Struct, frozen=True):
    """A level that changed. ``at`` is the minute from which the new one holds; ``p`` allows for the hours it could have been.

    ``by`` names the detectors that saw it; ``told`` is whether it stands among all series.
    """

    measure: str
    series: str
    at: int | None
    before: float | None
    after: float | None
    n: float
    p: float | None
    by: tuple[str, ...] = ()
    told: bool = False
    why: str = ""


def scan(counts: Counts, sources: Sequence[Source], start: int, end: int) -> list[RateChange]:
    """Return the newest change of each series between two minutes, those first that hold among all series.

    Raises:
        UsageError: river is not installed.
    """
    found = []
    for source in sources:
        for series, hours in _hours(counts, source, start, end).items():
            found.append(_of(source.measure, series, hours))
    kept = discoveries([one.p for one in found], FALSE_SHARE)
    marked = [msgspec.structs.replace(one, told=keep) for one, keep in zip(found, kept, strict=True)]
    return sorted(marked, key=lambda one: (not one.told, one.p is None, one.p or 0, one.measure, one.series))


def discoveries(values: Sequence[float | None], false_share: float) -> list[bool]:
    """Return which p-values stand, so that ``false_share`` of those that do are false at most on average.

    Source: Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", J. R. Statist. Soc. B 57 (1995).
    None (nothing could be said) never stands, and does not count as a test.
    """
    known = sorted(value for value in values if value is not None)
    bar = -1.0  # none stands
    for rank, value in enumerate(known, 1):
        if value <= false_share * rank / len(known):
            bar = value
    return [value is not None and value <= bar for value in values]


def _hours(counts: Counts, source: Source, start: int, end: int) -> Mapping[str, list[tuple[int, Tally]]]:
    found: dict[str, list[tuple[int, Tally]]] = {}
    for minute in range(start - start % _HOUR, end - _HOUR + 1, _HOUR):
        for series, tally in counts.between(source, minute, minute + _HOUR).items():
            if tally.n >= _LEAST:
                found.setdefault(series, []).append((minute, tally))
    return found


def _of(measure: str, series: str, hours: Sequence[tuple[int, Tally]]) -> RateChange:
    n = sum(tally.n for _, tally in hours)
    if len(hours) < _HOURS_NEEDED:
        why = f"fewer than {_HOURS_NEEDED} hours with {_LEAST} or more"
        return RateChange(measure, series, None, None, None, n, None, why=why)
    seen = {name: places[-1] for name, places in _detected(hours).items() if places}
    if not seen:
        return RateChange(measure, series, None, None, None, n, 1.0)
    at = max(1, min(_split(hours, place) for place in seen.values()))
    before, after = (sum((tally for _, tally in part), NONE) for part in (hours[:at], hours[at:]))
    p = min(1.0, len(hours) * 2 * min(_tail(after, before), _tail(before, after)))
    return RateChange(measure, series, hours[at][0], before.share, after.share, n, p, tuple(sorted(seen)))


def _split(hours: Sequence[tuple[int, Tally]], seen: int) -> int:
    """Return where the level changed, by likelihood, in the hours up to where a detector saw it and a day after."""
    last = min(len(hours) - 1, seen + 24)
    sums = list(accumulate((tally for _, tally in hours), initial=NONE))
    return max(range(1, max(2, last)), key=lambda at: _likelihood(sums[at]) + _likelihood(sums[-1] - sums[at]))


def _likelihood(tally: Tally) -> float:
    """Return the logarithm of how likely these counts are at their own share."""
    parts = (tally.hits, tally.n - tally.hits)
    return sum(part * math.log(part / tally.n) for part in parts if part)


def _tail(high: Tally, low: Tally) -> float:
    return two_shares_high(round(high.hits), round(high.n), round(low.hits), round(low.n))


def _detected(hours: Sequence[tuple[int, Tally]]) -> dict[str, list[int]]:
    river = _river()
    detectors = {
        "adwin": river.ADWIN(delta=0.002),
        "page-hinkley": river.PageHinkley(min_instances=12, delta=0.005, threshold=0.5, alpha=1.0),
    }
    found: dict[str, list[int]] = {name: [] for name in detectors}
    for place, (_, tally) in enumerate(hours):
        for name, detector in detectors.items():
            detector.update(tally.share or 0.0)
            if detector.drift_detected:
                found[name].append(place)
    return found


def _river() -> Any:
    try:
        return importlib.import_module("river.drift")
    except ImportError:
        raise UsageError(
            "rates are watched for drift with river, which is not installed.\nInstall it: pip install 'pointsman[drift]'"
        ) from None
