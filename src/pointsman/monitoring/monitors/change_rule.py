"""A figure against the same hours of earlier weeks: shares by Fisher's exact test, cost per resolution by the ratio's error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Final

from pointsman.monitoring.monitors.evidence import normal_high, two_shares_high
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
from pointsman.routing.sections_monitors import WEEK, ChangeRule
from pointsman.store.tallies import NONE, Tally

_WEEKS_NEEDED: Final = 2


class ChangeWatch:
    """Watches a share against the weeks before.

    Weeks differ from each other by more than chance. How much more is measured from the earlier weeks themselves, and the
    change must stand out against that too.
    """

    def __init__(self, name: str, spec: ChangeRule) -> None:
        self.name = name
        self.spec = spec
        detail = str(spec.over_ms) if spec.over_ms is not None else spec.metric or ""
        self.source = Source(spec.of, spec.only.pairs, spec.per or "", detail)
        self.sources: tuple[Source, ...] = (self.source,)
        self._windows = ladder(spec.window, spec.widen_to)
        self.looks_back = spec.weeks * WEEK + spec.widen_to
        self._steps = Steps(self._windows, spec.min_n)
        self._z = NormalDist().inv_cdf(1 - spec.p)

    def judge(self, counts: Counts, now: int, past: History, open_series: Iterable[str]) -> Iterator[Finding]:
        """Yield how each series stands."""
        looking = Looking(counts, self.source, now)
        names = dict.fromkeys(looking.all(now - self._windows[-1]))
        for series in dict.fromkeys([*names, *open_series]):
            yield self._of(looking, series, past(series))

    def _of(self, looking: Looking, series: str, past: Past) -> Finding:
        seen = None
        for window in self._windows:
            start = looking.now - window
            tally = looking.since(max(start, past.since), series)
            weeks = [looking.since(start, series, WEEK * k) for k in range(1, self.spec.weeks + 1)]
            weeks = [one for one in weeks if one.n >= self.spec.min_n]
            if tally.n < self.spec.min_n or len(weeks) < _WEEKS_NEEDED:
                continue
            base = sum(weeks, NONE)
            if past.open is not None and (over := self._over(looking, series, past, base)) is not None:
                return over
            seen = seen or (Seen(window, tally), base)
            p = self._tail(tally, base)
            if self._moved(tally.share or 0, base) and p < self.spec.p and self._stands_out(tally, base, weeks):
                return self._found(series, "firing", Seen(window, tally, p), self._evidence(window, tally, base, p))
            if tally.n >= self.spec.enough:
                break
        if seen is None:
            text = f"fewer than {self.spec.min_n} now, or in {_WEEKS_NEEDED} of the {self.spec.weeks} weeks before"
            return self._found(series, "unknown", Seen(self._windows[-1]), text)
        shown, base = seen
        return self._found(series, "fine", shown, f"{self._said(shown.tally)}, before {percent(base.share or 0)}")

    def _over(self, looking: Looking, series: str, past: Past, base: Tally) -> Finding | None:
        if past.open is None:
            return None
        over = recovery(looking, series, past.open, self._steps, lambda share: not self._moved(share, base))
        if over is None:
            return None
        text = f"{self._said(over.tally)} in {length(over.window)}, before {percent(base.share or 0)}"
        return self._found(series, "recovered", over, text)

    def _moved(self, share: float, base: Tally) -> bool:
        change = share - (base.share or 0)
        return (change if self.spec.direction == "up" else -change) >= self.spec.by

    def _tail(self, tally: Tally, base: Tally) -> float:
        n, hits, base_n, base_hits = (round(one) for one in (tally.n, tally.hits, base.n, base.hits))
        if self.spec.direction == "down":
            hits, base_hits = n - hits, base_n - base_hits
        return two_shares_high(hits, n, base_hits, base_n)

    def _stands_out(self, tally: Tally, base: Tally, weeks: Sequence[Tally]) -> bool:
        share = base.share or 0
        spread = share * (1 - share)
        if not spread:
            return True
        noise = sum((one.hits - one.n * share) ** 2 / (one.n * spread) for one in weeks) / (len(weeks) - 1)
        error = math.sqrt(max(1.0, noise) * spread * (1 / tally.n + 1 / base.n))
        return abs((tally.share or 0) - share) / error > self._z

    def _said(self, tally: Tally) -> str:
        return f"{counted(tally.hits)} of {counted(tally.n)} ({percent(tally.share or 0)}) {WORDS[self.spec.of]}"

    def _evidence(self, window: int, tally: Tally, base: Tally, p: float) -> str:
        text = (
            f"{self._said(tally)} in the last {length(window)}, against {percent(base.share or 0)} "
            f"(n = {counted(base.n)}) in the same hours of the weeks before ({chance(p)})"
        )
        return text if window == self._windows[0] else f"{text}; few came, so it looked back {length(window)}"

    def _found(self, series: str, state: State, seen: Seen, text: str) -> Finding:
        return Finding(
            rule=self.name,
            kind="change",
            measure=self.spec.of,
            family=FAMILY[self.spec.of],
            severity=self.spec.severity,
            series=series,
            state=state,
            text=text,
            labels=dict(self.source.only) | ({self.source.per: series} if self.source.per else {}),
            window=seen.window,
            wider_than=self._windows[0] if seen.window != self._windows[0] else None,
            n=seen.tally.n,
            hits=seen.tally.hits,
            share=seen.tally.share,
            bound=self.spec.by,
            p=seen.p,
        )


class CostWatch:
    """Watches the dollars spent per resolved conversation against the weeks before.

    The source gives two series, ``resolved`` and ``not``: what a conversation cost and whether it was resolved belong together,
    so the error of their ratio is that of ``cost - ratio * resolved`` (delta method; W. G. Cochran, Sampling Techniques, 6.3).
    """

    def __init__(self, name: str, spec: ChangeRule) -> None:
        self.name = name
        self.spec = spec
        self.source = Source("cost_per_resolution", spec.only.pairs)
        self.sources: tuple[Source, ...] = (self.source,)
        self._windows = ladder(spec.window, spec.widen_to)
        self.looks_back = spec.weeks * WEEK + spec.widen_to

    def judge(self, counts: Counts, now: int, past: History, open_series: Iterable[str]) -> Iterator[Finding]:  # noqa: ARG002 - there is one series
        """Yield how the ratio stands."""
        known = past("")
        for window in self._windows:
            start = max(now - window, known.since)
            ours = _ratio(counts.between(self.source, start, now))
            shifts = [WEEK * k for k in range(1, self.spec.weeks + 1)]
            weeks = [_ratio(counts.between(self.source, now - window - s, now - s)) for s in shifts]
            before = [one for one in weeks if one is not None and one.n >= self.spec.min_n]
            if ours is None or ours.n < self.spec.min_n or len(before) < _WEEKS_NEEDED:
                continue
            yield self._compared(window, ours, before, known)
            return
        text = f"fewer than {self.spec.min_n} conversations with a known outcome and cost, now or in the weeks before"
        yield self._found("unknown", self._windows[-1], None, None, text)

    def _compared(self, window: int, ours: _Ratio, before: Sequence[_Ratio], known: Past) -> Finding:
        base = sum(one.value for one in before) / len(before)
        spread = max(
            sum((one.value - base) ** 2 for one in before) / (len(before) - 1),
            sum(one.error**2 for one in before) / len(before),
        )
        error = math.sqrt(ours.error**2 + spread / len(before) + max(0.0, spread - ours.error**2))
        sign = 1 if self.spec.direction == "up" else -1
        change = sign * (ours.value - base)
        p = normal_high(change / error) if error else float(change <= 0)
        said = f"${ours.value:.4f} per resolved conversation (n = {ours.n}) in the last {length(window)}"
        text = f"{said}, against ${base:.4f} in the same hours of the weeks before ({chance(p)})"
        if change >= self.spec.by * base and p < self.spec.p:
            return self._found("firing", window, ours, p, text)
        if known.open is not None and change < self.spec.by * base / 2:
            return self._found("recovered", window, ours, p, text)
        return self._found("fine", window, ours, p, text)

    def _found(self, state: State, window: int, ours: _Ratio | None, p: float | None, text: str) -> Finding:
        return Finding(
            rule=self.name,
            kind="change",
            measure="cost_per_resolution",
            family="money",
            severity=self.spec.severity,
            series="",
            state=state,
            text=text,
            labels=dict(self.source.only),
            window=window,
            wider_than=self._windows[0] if window != self._windows[0] else None,
            n=0 if ours is None else ours.n,
            share=None,
            bound=self.spec.by,
            p=p,
        )


class _Ratio:
    def __init__(self, resolved: Tally, other: Tally) -> None:
        self.n = int(resolved.n + other.n)
        cost = resolved.usd + other.usd
        self.value = cost / resolved.n
        rest = resolved.square - 2 * self.value * resolved.usd + self.value**2 * resolved.n + other.square
        self.error = math.sqrt(max(0.0, rest)) / resolved.n


def _ratio(tallies: Mapping[str, Tally]) -> _Ratio | None:
    resolved, other = tallies.get("resolved", NONE), tallies.get("not", NONE)
    return _Ratio(resolved, other) if resolved.n else None
