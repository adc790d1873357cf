"""What a rule says at one moment of one series, and what it may know of before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal, Protocol

import msgspec

from pointsman.monitoring.monitors.evidence import binomial_high, binomial_low
from pointsman.monitoring.monitors.tallies import Counts, Source
from pointsman.store.tallies import NONE, Tally

State = Literal["firing", "recovered", "fine", "unknown"]
"""unknown: too little came to say anything. It opens nothing and resolves nothing."""
Severity = Literal["page", "ticket"]

WINDOWS: Final = (15, 60, 360, 1440, 4320, 10_080)
"""Where a window goes when it widens, in minutes."""
RECOVERY_P: Final = 0.01
"""How unlikely the last turns must be, were it still as bad as when it fired, before an incident is over."""


class Finding(msgspec.Struct, frozen=True):
    """What a rule found of one series. ``hits`` out of ``n`` in the last ``window`` minutes; ``share`` None where there is none.

    ``labels`` say which turns (model, route ...); ``bound`` is what the share was held against, ``p`` how unlikely it would be
    by chance. ``wider_than`` is the window that had too few turns, None where the rule's own was enough.
    """

    rule: str
    kind: str
    measure: str
    family: str
    severity: Severity
    series: str
    state: State
    text: str
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    window: int = 0
    wider_than: int | None = None
    n: float = 0
    hits: float = 0
    share: float | None = None
    bound: float | None = None
    p: float | None = None


class Open(msgspec.Struct, frozen=True):
    """A series that fired and has not recovered: since which minute, and its share then."""

    minute: int
    share: float | None
    factor: float | None = None


class Past(msgspec.Struct, frozen=True):
    """What a rule knows of a series: nothing before minute ``since`` counts (it recovered then), and whether it is ``open``."""

    since: int = 0
    open: Open | None = None


History = Callable[[str], Past]
"""From a series to what is known of it."""
NO_HISTORY: Final = Past()


class Seen(msgspec.Struct, frozen=True):
    """What was looked at: the window in minutes, its counts, and how unlikely they are (None: not asked)."""

    window: int
    tally: Tally = NONE
    p: float | None = None


class Steps(msgspec.Struct, frozen=True):
    """How far back is looked, the shortest window first, and how few turns say nothing."""

    windows: tuple[int, ...]
    min_n: int


class Rule(Protocol):
    """Something watched. ``judge`` says how each of its series stands in the minute ``now``; it reads ``looks_back`` minutes."""

    name: str
    sources: tuple[Source, ...]
    looks_back: int

    def judge(self, counts: Counts, now: int, past: History, open_series: Iterable[str]) -> Iterator[Finding]:
        """Yield one finding per series that has anything, and per series in ``open_series``."""
        ...


class Looking:
    """Counts of one source before ``now``, each window asked for once."""

    def __init__(self, counts: Counts, source: Source, now: int) -> None:
        self.now = now
        self.counts = counts
        self._source = source
        self._seen: dict[tuple[int, int], Mapping[str, Tally]] = {}

    def since(self, start: int, series: str, shift: int = 0) -> Tally:
        """Return the counts of a series from ``start`` to now, or ``shift`` minutes earlier."""
        return self.all(start, shift).get(series, NONE)

    def all(self, start: int, shift: int = 0) -> Mapping[str, Tally]:
        """Return the counts of all series from ``start`` to now, or ``shift`` minutes earlier."""
        place = (start - shift, self.now - shift)
        if place not in self._seen:
            self._seen[place] = self.counts.between(self._source, *place)
        return self._seen[place]


def ladder(window: int, widen_to: int) -> tuple[int, ...]:
    """Return the windows that are looked at, the shortest first."""
    return (window, *(one for one in (*(w for w in WINDOWS if w < widen_to), widen_to) if one > window))


def recovery(looking: Looking, series: str, was: Open, steps: Steps, good: Callable[[float], bool]) -> Seen | None:
    """Return what shows a series to be over it, None where nothing shows that.

    The turns must have come since it fired, be ``steps.min_n`` at least, stand on the good side, and be unlikely
    (``RECOVERY_P``) were the share still what it was when it fired.
    """
    for window in steps.windows:
        start = looking.now - window
        if start < was.minute:
            return None
        tally = looking.since(start, series)
        share = tally.share
        if tally.n >= steps.min_n and share is not None:
            return Seen(window, tally) if good(share) and _unlike(tally, was.share) else None
    return None


def _unlike(tally: Tally, before: float | None) -> bool:
    if before is None:
        return True
    high, low = binomial_high, binomial_low
    tail = high if (tally.share or 0) > before else low
    return tail(tally.hits, tally.n, before) < RECOVERY_P


def length(minutes: int) -> str:
    """Return a length of time as people say it."""
    for unit, name in ((1440, "d"), (60, "h")):
        if minutes % unit == 0 and minutes >= unit:
            return f"{minutes // unit} {name}"
    return f"{minutes} min"


def percent(share: float) -> str:
    """Return a share in percent, with as many digits as tell it from a bound such as 99.9 %."""
    digits = 2 if share > 0.99 or 0 < share < 0.01 else 1  # noqa: PLR2004
    return f"{share * 100:.{digits}f} %"


def counted(number: float) -> str:
    """Return a count; weighted ones are not whole."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def chance(p: float) -> str:
    """Return how unlikely something is."""
    return f"p = {p:.1e}" if p >= 1e-99 else "p < 1e-99"  # noqa: PLR2004
