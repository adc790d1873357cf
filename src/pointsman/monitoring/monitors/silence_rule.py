"""No turns where there usually are some: the only rule to which nothing is a sign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pointsman.monitoring.monitors.evidence import poisson_low
from pointsman.monitoring.monitors.finding import Finding, History, Open, State, chance, ladder, length
from pointsman.monitoring.monitors.tallies import Counts, Source
from pointsman.routing.sections_monitors import DAY, WEEK, SilenceRule
from pointsman.store.tallies import NONE

_WEEKS_NEEDED: Final = 2
_DAYS_NEEDED: Final = 7  # a first weekend is no silence
_NEARLY_NONE: Final = 0.1
_SOME: Final = 5.0


class SilenceWatch:
    """Watches that turns come. What is usual is the least of the same hours in the weeks before, or in the days before."""

    def __init__(self, name: str, spec: SilenceRule) -> None:
        self.name = name
        self.spec = spec
        self.source = Source("turns", spec.only.pairs)
        self.sources: tuple[Source, ...] = (self.source,)
        self.looks_back = 4 * WEEK + 2 * DAY
        self._windows = ladder(spec.window, max(spec.window, spec.widen_to))

    def judge(self, counts: Counts, now: int, past: History, open_series: Iterable[str]) -> Iterator[Finding]:  # noqa: ARG002 - there is one series
        """Yield whether it is silent."""
        known = past("")
        if known.open is not None and (over := self._over(counts, now, known.open)) is not None:
            yield over
            return
        usual = None
        for window in self._windows:
            usual = self._usual(counts, now - window, now)
            if usual is None:
                break
            came = self._came(counts, max(now - window, known.since), now)
            if came > usual * _NEARLY_NONE:
                break  # they come again, whatever was before
            p = poisson_low(came, usual)
            if known.since <= now - window and p < self.spec.p:
                text = (
                    f"{came} turns in the last {length(window)}; in these hours there were never fewer than {usual:,.0f} "
                    f"({chance(p)})"
                )
                yield self._found("firing", window, came, p, text)
                return
        if usual is None:
            yield self._found("unknown", self._windows[0], 0, None, "too few weeks or days to know what is usual")
            return
        yield self._found("fine", self._windows[0], self._came(counts, now - self._windows[0], now), None, "turns come")

    def _over(self, counts: Counts, now: int, was: Open) -> Finding | None:
        for window in (5, *self._windows):
            if now - window < was.minute:
                return None
            usual, came = self._usual(counts, now - window, now) or 0.0, self._came(counts, now - window, now)
            if came >= max(_SOME, usual / 2):
                return self._found("recovered", window, came, None, f"{came} turns in the last {length(window)}")
        return None

    def _usual(self, counts: Counts, start: int, end: int) -> float | None:
        """Return the least that came in these minutes of earlier weeks, or days; None where too few are known."""
        for length_, needed, most in ((WEEK, _WEEKS_NEEDED, 4), (DAY, _DAYS_NEEDED, 7)):
            seen = [
                self._came(counts, start - k * length_, end - k * length_)
                for k in range(1, most + 1)
                if self._came(counts, start - k * length_ - DAY, end - k * length_)
            ]
            if len(seen) >= needed:
                return float(min(seen))
        return None

    def _came(self, counts: Counts, start: int, end: int) -> int:
        return round(counts.between(self.source, start, end).get("", NONE).n)

    def _found(self, state: State, window: int, came: int, p: float | None, text: str) -> Finding:
        return Finding(
            rule=self.name,
            kind="silence",
            measure="turns",
            family="service",
            severity=self.spec.severity,
            series="",
            state=state,
            text=text,
            labels=dict(self.source.only),
            window=window,
            wider_than=self._windows[0] if window > self._windows[0] else None,
            n=came,
            p=p,
        )
