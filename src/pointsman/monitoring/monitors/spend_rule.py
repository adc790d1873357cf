"""Money on its way over a budget before the day or month is over."""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from statistics import NormalDist
from typing import Final

import msgspec

from pointsman.monitoring.monitors.finding import Finding, History, State
from pointsman.monitoring.monitors.tallies import Counts, Source
from pointsman.routing.sections_monitors import DAY, WEEK, SpendRule
from pointsman.store.tallies import NONE, Tally

_LEAST: Final = 0.1
"""The part of a day that must be over before it says anything of the rest, where no earlier days tell its shape."""
_OVER_Z: Final = 1.645


class _Pace(msgspec.Struct, frozen=True):
    spent: Tally
    projected: float
    error: float
    per: str


class SpendWatch:
    """Watches the pace of spending: what the period will have cost if it goes on so.

    What turns cost adds up like a compound Poisson sum: its variance is the sum of their squares.
    """

    def __init__(self, name: str, spec: SpendRule) -> None:
        self.name = name
        self.spec = spec
        self.source = Source("spend", spec.only.pairs)
        self.sources: tuple[Source, ...] = (self.source,)
        self.looks_back = 32 * DAY
        self._z = NormalDist().inv_cdf(1 - spec.p)

    def judge(self, counts: Counts, now: int, past: History, open_series: Iterable[str]) -> Iterator[Finding]:  # noqa: ARG002 - there is one series
        """Yield how the period stands."""
        at = datetime.fromtimestamp(now * 60, UTC)
        pace = self._day(counts, now, at) if self.spec.per == "day" else self._month(counts, now, at)
        budget = float(self.spec.usd)
        if pace is None or (pace.spent.n < self.spec.min_n and pace.spent.usd <= budget):
            yield self._found("unknown", NONE, None, "too few turns of known cost to tell the pace")
            return
        text = (
            f"${pace.spent.usd:,.2f} spent this {self.spec.per} (n = {pace.spent.n:,.0f}), "
            f"${pace.projected:,.2f} projected ± ${_OVER_Z * pace.error:,.2f}, budget ${budget:,.2f}"
        )
        if pace.spent.unknown:
            text += f"; {pace.spent.unknown:,} turns of unknown cost are not in it"
        state: State = "fine"
        if pace.spent.usd > budget or pace.projected - self._z * pace.error > budget:
            state = "firing"
        elif past("").open is not None and pace.projected + _OVER_Z * pace.error < budget:
            state = "recovered"
        yield self._found(state, pace.spent, pace.projected / budget, text)

    def _day(self, counts: Counts, now: int, at: datetime) -> _Pace | None:
        elapsed = at.hour * 60 + at.minute
        start = now - elapsed
        spent = self._sum(counts, start, now)
        so_far, whole = NONE, NONE
        for back in range(1, 8):
            so_far += self._sum(counts, start - back * DAY, now - back * DAY)
            whole += self._sum(counts, start - back * DAY, start - (back - 1) * DAY)
        part = elapsed / DAY
        if so_far.n >= self.spec.min_n and so_far.usd > 0:
            part = so_far.usd / whole.usd  # the shape of the days before: nights are cheaper
        elif part < _LEAST:
            return _Pace(spent, spent.usd, 0.0, "day")
        return _Pace(spent, spent.usd / part, math.sqrt(spent.square) / part, "day")

    def _month(self, counts: Counts, now: int, at: datetime) -> _Pace | None:
        elapsed = ((at.day - 1) * 24 + at.hour) * 60 + at.minute
        left = monthrange(at.year, at.month)[1] * DAY - elapsed
        spent = self._sum(counts, now - elapsed, now)
        week = self._sum(counts, now - WEEK, now)
        whole_week = self._sum(counts, now - WEEK - DAY, now - WEEK).n > 0
        if not whole_week and elapsed < DAY:
            return _Pace(spent, spent.usd, 0.0, "month")
        pace, over = (week, WEEK) if whole_week else (spent, elapsed)
        times = left / over
        return _Pace(
            spent, spent.usd + pace.usd * times, math.sqrt(spent.square) + math.sqrt(pace.square) * times, "month"
        )

    def _sum(self, counts: Counts, start: int, end: int) -> Tally:
        return counts.between(self.source, start, end).get("", NONE)

    def _found(self, state: State, spent: Tally, share: float | None, text: str) -> Finding:
        return Finding(
            rule=self.name,
            kind="spend",
            measure="spend",
            family="money",
            severity=self.spec.severity,
            series="",
            state=state,
            text=text,
            labels=dict(self.source.only),
            window=DAY if self.spec.per == "day" else 30 * DAY,
            n=spent.n,
            share=share,
            bound=1.0,
        )
