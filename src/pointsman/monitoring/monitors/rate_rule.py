"""A share of the last minutes on the wrong side of a bound, with evidence that it is no accident."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pointsman.monitoring.monitors.evidence import binomial_high, binomial_low
from pointsman.monitoring.monitors.finding import (
    Finding,
    History,
    Looking,
    Past,
    Seen,
    State,
    Steps,
    chance,
    counted,
    ladder,
    length,
    percent,
    recovery,
)
from pointsman.monitoring.monitors.measures import FAMILY, WORDS
from pointsman.monitoring.monitors.tallies import Counts, Source
from pointsman.monitoring.monitors.usual import Level, Usual
from pointsman.routing.sections_monitors import WEEK, RateRule
from pointsman.store.tallies import Tally


class RateWatch:
    """Watches a share. It fires where the share is beyond the bound and that would be so by chance with ``p`` at most (``tail``).

    The shortest window with ``enough`` turns is the last that is looked at. A total failure shows in a short window even at low
    traffic, a small one needs a long window: so every window up to that one is asked.
    """

    def __init__(self, name: str, spec: RateRule) -> None:
        self.name = name
        self.spec = spec
        detail = str(spec.over_ms) if spec.over_ms is not None else spec.metric or ""
        self.source = Source(spec.of, spec.only.pairs, spec.per or "", detail)
        self.sources: tuple[Source, ...] = (self.source,)
        self.looks_back = max(spec.widen_to, WEEK + 120)  # what is usual is that of a week
        self._windows = ladder(spec.window, spec.widen_to)
        self._usual = Usual(self.source)
        self._steps = Steps(self._windows, spec.min_n)
        self._low = spec.below is not None
        self._bound = spec.below if spec.below is not None else float(spec.above or 0)

    def judge(self, counts: Counts, now: int, past: History, open_series: Iterable[str]) -> Iterator[Finding]:
        """Yield how each series stands."""
        looking = Looking(counts, self.source, now)
        names = dict.fromkeys(looking.all(now - self._windows[-1]))
        for series in dict.fromkeys([*names, *open_series]):
            yield self._of(looking, series, past(series))

    def _of(self, looking: Looking, series: str, past: Past) -> Finding:
        if past.open is not None:
            over = recovery(looking, series, past.open, self._steps, self._good)
            if over is not None:
                return self._found(series, "recovered", over, f"{self._said(over.tally)} in {length(over.window)}")
        seen: Seen | None = None
        for window in self._windows:
            tally = looking.since(max(looking.now - window, past.since), series)
            if tally.n < self.spec.min_n:
                continue
            seen = seen or Seen(window, tally)
            level = self._usual.of(looking.counts, looking.now, series)
            p = self.tail(tally, level)
            if p < self.spec.p:
                short = looking.since(max(looking.now - self._windows[0], past.since), series)
                text = self._evidence(Seen(window, tally, p), short, level)
                return self._found(series, "firing", Seen(window, tally, p), text)
            if tally.n >= self.spec.enough:
                break
        if seen is None:
            text = f"fewer than {self.spec.min_n} in {length(self._windows[-1])}: nothing can be said"
            return self._found(series, "unknown", Seen(self._windows[-1]), text)
        return self._found(series, "fine", seen, f"{self._said(seen.tally)} in {length(seen.window)}")

    def tail(self, tally: Tally, level: Level | None = None) -> float:
        """Return how unlikely these counts are by chance; 1 where they stand on the good side of the bound.

        By chance means: at the bound, or at what is usual of the series (``level``) where that is better than the bound. Where
        its hours wander by more than chance, turns count for as many as that leaves them worth.
        """
        share = tally.share
        if share is None or self._good(share):
            return 1.0
        tail = binomial_low if self._low else binomial_high
        worth = 1.0 if level is None else level.worth(tally.n)
        hits, n = tally.hits / worth, tally.n / worth
        p = tail(hits, n, self._bound)
        if level is not None and self._good(level.share):
            # Where nothing ever went wrong, something may all the same: one more in all is allowed for.
            usual = (level.share * level.n + (0 if self._low else 1)) / (level.n + 1)
            p = min(p, tail(hits, n, usual))
        return p

    def _good(self, share: float) -> bool:
        return share >= self._bound if self._low else share <= self._bound

    def _said(self, tally: Tally) -> str:
        return f"{counted(tally.hits)} of {counted(tally.n)} ({percent(tally.share or 0)}) {WORDS[self.spec.of]}"

    def _evidence(self, seen: Seen, short: Tally, level: Level | None) -> str:
        side = "below" if self._low else "above"
        usual = "" if level is None else f"; usual is {percent(level.share)}"
        text = f"{self._said(seen.tally)} in the last {length(seen.window)}, {side} {percent(self._bound)}{usual}"
        text = f"{text} ({chance(seen.p or 0.0)})"
        if seen.window == self._windows[0]:
            return text
        return f"{text}; only {counted(short.n)} came in {length(self._windows[0])}, so it looked back {length(seen.window)}"

    def _found(self, series: str, state: State, seen: Seen, text: str) -> Finding:
        labels = dict(self.source.only) | ({self.source.per: series} if self.source.per else {})
        return Finding(
            rule=self.name,
            kind="rate",
            measure=self.spec.of,
            family=FAMILY[self.spec.of],
            severity=self.spec.severity,
            series=series,
            state=state,
            text=text,
            labels=labels,
            window=seen.window,
            wider_than=self._windows[0] if seen.window != self._windows[0] else None,
            n=seen.tally.n,
            hits=seen.tally.hits,
            share=seen.tally.share,
            bound=self._bound,
            p=seen.p,
        )
