"""A service level: how fast the error budget burns, in two windows that must agree.

Source: B. Beyer and others, The Site Reliability Workbook (2018), chapter 5, "multiwindow, multi-burn-rate alerts".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pointsman.monitoring.monitors.evidence import binomial_high
from pointsman.monitoring.monitors.finding import (
    Finding,
    History,
    Looking,
    Open,
    Past,
    Seen,
    State,
    Steps,
    chance,
    counted,
    length,
    percent,
    recovery,
)
from pointsman.monitoring.monitors.measures import FAMILY, WORDS, bad, hits_are_good
from pointsman.monitoring.monitors.tallies import Counts, Source
from pointsman.routing.sections_monitors import BurnRule, BurnWindow
from pointsman.store.tallies import Tally

_RECOVERY_WINDOWS: Final = (30, 60, 360, 1440)


class BurnWatch:
    """Watches an error budget. Beside the speed it asks for evidence: at low traffic one failure is any speed at all."""

    def __init__(self, name: str, spec: BurnRule) -> None:
        self.name = name
        self.spec = spec
        detail = str(spec.over_ms) if spec.over_ms is not None else spec.metric or ""
        self.source = Source(spec.of, spec.only.pairs, spec.per or "", detail)
        self.sources: tuple[Source, ...] = (self.source,)
        self.budget = 1 - spec.objective
        self._longest = self.looks_back = max(window.long for window in spec.windows)

    def judge(self, counts: Counts, now: int, past: History, open_series: Iterable[str]) -> Iterator[Finding]:
        """Yield how each series stands."""
        looking = Looking(counts, self.source, now)
        names = dict.fromkeys(looking.all(now - self._longest))
        for series in dict.fromkeys([*names, *open_series]):
            yield self._of(looking, series, past(series))

    def _of(self, looking: Looking, series: str, past: Past) -> Finding:
        if past.open is not None and (over := self._over(looking, series, past.open)) is not None:
            return over
        known = None
        for window in self.spec.windows:
            long = looking.since(max(looking.now - window.long, past.since), series)
            short = looking.since(max(looking.now - window.short, past.since), series)
            if long.n < self.spec.min_n or not short.n:
                continue
            known = known or (window, long)
            speed, now_speed = self._speed(long), self._speed(short)
            p = binomial_high(self._bad(long), long.n, self.budget)
            if min(speed, now_speed) > window.factor and p < self.spec.p:
                return self._found(
                    series, "firing", window, Seen(window.long, long, p), self._evidence(window, long, now_speed, p)
                )
        if known is None:
            text = f"fewer than {self.spec.min_n}, or none of late: nothing can be said"
            return self._found(series, "unknown", self.spec.windows[0], Seen(self.spec.windows[0].long), text)
        window, long = known
        text = f"burns {self._speed(long):.1f} times its budget in {length(window.long)}"
        return self._found(series, "fine", window, Seen(window.long, long), text)

    def _over(self, looking: Looking, series: str, was: Open) -> Finding | None:
        slow = max(self.budget, (was.factor or 0) * self.budget / 2)

        def good(share: float) -> bool:
            return self._bad_share(share) <= slow

        over = recovery(looking, series, was, Steps(_RECOVERY_WINDOWS, self.spec.min_n), good)
        if over is None:
            return None
        tally = over.tally
        text = f"{counted(self._bad(tally))} of {counted(tally.n)} bad in {length(over.window)}"
        return self._found(series, "recovered", self.spec.windows[0], over, text)

    def _bad(self, tally: Tally) -> float:
        return bad(self.spec.of, tally)

    def _bad_share(self, share: float) -> float:
        return 1 - share if hits_are_good(self.spec.of) else share

    def _speed(self, tally: Tally) -> float:
        return self._bad(tally) / tally.n / self.budget if tally.n else 0.0

    def _evidence(self, window: BurnWindow, long: Tally, now_speed: float, p: float) -> str:
        words = WORDS[self.spec.of]
        not_these = "not " if hits_are_good(self.spec.of) else ""
        return (
            f"{counted(self._bad(long))} of {counted(long.n)} {not_these}{words} in {length(window.long)}: the budget of "
            f"{percent(self.budget)} burns {self._speed(long):.1f} times too fast, {now_speed:.1f} times in the last "
            f"{length(window.short)} ({chance(p)})"
        )

    def _found(self, series: str, state: State, window: BurnWindow, seen: Seen, text: str) -> Finding:
        return Finding(
            rule=self.name,
            kind="burn",
            measure=self.spec.of,
            family=FAMILY[self.spec.of],
            severity=window.severity,
            series=series,
            state=state,
            text=text,
            labels=dict(self.source.only) | ({self.source.per: series} if self.source.per else {}),
            window=seen.window,
            n=seen.tally.n,
            hits=seen.tally.hits,
            share=seen.tally.share,
            bound=window.factor,
            p=seen.p,
        )
