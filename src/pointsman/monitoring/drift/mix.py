"""What customers ask: how much the mix of intents, routes and lengths has moved (population stability index)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from pointsman.monitoring.monitors.tallies import Counts, Source
from pointsman.store.tallies import Tally

LEAST: Final = 500
"""Fewer turns make an index that is chance: at 100 it is above 0.1 in 42 % of cases where nothing moved, at 500 in none."""
SOURCES: Final = tuple(Source("turns", per=per) for per in ("intent", "route", "length"))
_SMALL: Final = 0.5


class Mix(msgspec.Struct, frozen=True):
    """How far one mix has moved. ``psi`` None: too few turns, see ``why``. ``most`` is what moved most, with both shares."""

    dimension: str
    psi: float | None
    n: int
    base_n: int
    most: str = ""
    before: float | None = None
    now: float | None = None
    why: str = ""


def psi(now: Mapping[str, int], base: Mapping[str, int]) -> float:
    """Return the index: the sum of (share - base share) * log of their ratio.

    Half a turn is added to each kind, so that one that is new or gone has a ratio (the usual remedy for empty cells).
    """
    return sum(part for part in _parts(now, base).values())


def compared(dimension: str, now: Mapping[str, int], base: Mapping[str, int]) -> Mix:
    """Return how far a mix has moved."""
    n, base_n = sum(now.values()), sum(base.values())
    if min(n, base_n) < LEAST:
        return Mix(dimension, None, n, base_n, why=f"needs {LEAST} turns now and before")
    parts = _parts(now, base)
    most = max(parts, key=lambda name: parts[name])
    return Mix(dimension, sum(parts.values()), n, base_n, most, base.get(most, 0) / base_n, now.get(most, 0) / n)


def mixes(counts: Counts, now: int, window: int, baseline: int) -> list[Mix]:
    """Return how far each mix of the last ``window`` minutes has moved from that of the ``baseline`` minutes before."""
    edge = now - window
    found = []
    for source in SOURCES:
        ours, before = counts.between(source, edge, now), counts.between(source, edge - baseline, edge)
        found.append(compared(source.per, _whole(ours), _whole(before)))
    return found


def _whole(tallies: Mapping[str, Tally]) -> dict[str, int]:
    return {name: round(tally.n) for name, tally in tallies.items()}


def _parts(now: Mapping[str, int], base: Mapping[str, int]) -> dict[str, float]:
    names = sorted({*now, *base})
    whole, base_whole = sum(now.values()) + _SMALL * len(names), sum(base.values()) + _SMALL * len(names)
    found = {}
    for name in names:
        share, before = (now.get(name, 0) + _SMALL) / whole, (base.get(name, 0) + _SMALL) / base_whole
        found[name] = (share - before) * math.log(share / before)
    return found
