"""Evaluates the rules of a policy over a store, at the moment it is told: the clock is the caller's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import msgspec

from pointsman.monitoring.incidents import Changed, IncidentBook, Judged, Settings
from pointsman.monitoring.incidents_cause import cause_of
from pointsman.monitoring.monitors.finding import NO_HISTORY, Finding, Open, Past, Rule
from pointsman.monitoring.monitors.folding import Folder
from pointsman.monitoring.monitors.measures import from_tables
from pointsman.monitoring.monitors.rulebook import rules_of
from pointsman.monitoring.monitors.stored_counts import StoredCounts
from pointsman.monitoring.monitors.tallies import Counts, Source
from pointsman.routing.sections_monitors import Monitors
from pointsman.store.incidents import IncidentReader, Signal
from pointsman.store.store import Store
from pointsman.store.tallies import Tallies

_MINUTE_US: Final = 60_000_000
_SLOW_MINUTES: Final = 15
"""How often rules are asked whose figures come from tables that change late: shadow checks, outcomes, grades."""
OUTSIDE: Final = frozenset({"served-model", "canary", "input-mix"})
"""Names of signals that no rule of the policy makes: drift has its own pace, and ends them itself."""


class Extra(Protocol):
    """Findings from elsewhere (drift), asked at each evaluation; ``sources`` is what they need to be counted."""

    sources: tuple[Source, ...]

    def __call__(self, now_us: int, /) -> Iterable[Judged]:
        """Return what is found now."""
        ...


class Evaluation(msgspec.Struct, frozen=True):
    """What one evaluation found and did. ``findings`` are pairs: whether of simulated turns, and the finding."""

    now_us: int
    findings: tuple[tuple[bool, Finding], ...]
    changed: Changed


class _Round(msgspec.Struct, frozen=True):
    """What all rules of one population are judged by."""

    counts: Counts
    minute: int
    now_us: int
    simulated: bool
    signals: list[Signal]
    since: dict[tuple[str, str, bool], int]


class Engine:
    """Counts, judges and keeps incidents for one store and one policy."""

    def __init__(self, store: Store, section: Monitors, extra: Extra | None = None) -> None:
        self._store = store
        self.rules = rules_of(section)
        sources = {source for rule in self.rules for source in rule.sources} | set(extra.sources if extra else ())
        self._folder = Folder(store, sources)
        self._book = IncidentBook(Settings(section.group * _MINUTE_US, section.sinks.all(), section.link))
        self._reader = IncidentReader(store)
        self._tallies = Tallies(store)
        self._extra = extra
        # Kept from one evaluation to the next: rules remember what is usual of each.
        self._counts = {simulated: StoredCounts(store, simulated=simulated) for simulated in (False, True)}
        self._last_slow = -_SLOW_MINUTES

    def catch_up(self, now_us: int, pages: int) -> bool:
        """Count up to ``pages`` pages of turns; True once none is left. For who counts a large store bit by bit.

        Raises:
            StoreError: the store cannot be read or written.
        """
        return self._folder.catch_up(now_us, pages)

    def evaluate(self, now_us: int) -> Evaluation:
        """Count what came, judge every rule at ``now_us`` and bring the incidents to that, notices and all.

        A minute counts once it is over. Turns that are not counted yet (a new rule over a large store) are counted first.

        Raises:
            StoreError: the store cannot be read or written.
        """
        self._folder.catch_up(now_us)
        minute = now_us // _MINUTE_US
        slow = not 0 <= minute - self._last_slow < _SLOW_MINUTES  # the clock may have been put back
        if slow:
            self._last_slow = minute
        judged = [one for simulated in (False, True) for one in self._judged(minute, now_us, simulated, slow=slow)]
        judged += list(self._extra(now_us)) if self._extra is not None else []
        findings = tuple((one.simulated, one.finding) for one in judged)
        if not self._anything(judged):
            return Evaluation(now_us, findings, Changed())  # the usual minute: nothing to write
        names = frozenset(rule.name for rule in self.rules) | OUTSIDE

        def write(connection: sqlite3.Connection) -> Changed:
            self._book.withdraw(connection, names, now_us)
            return self._book.apply(connection, judged, now_us)

        changed = self._store.write_sync(write)
        return Evaluation(now_us, findings, changed)

    def _anything(self, judged: Iterable[Judged]) -> bool:
        return any(one.finding.state == "firing" for one in judged) or bool(
            self._reader.all(state="unresolved", limit=1)
        )

    def judge(self, name: str, now_us: int, *, simulated: bool) -> list[Finding]:
        """Return how one rule stands at a moment, from what is counted, and change nothing."""
        rules = [rule for rule in self.rules if rule.name == name]
        counts = StoredCounts(self._store, simulated=simulated)
        return [one for rule in rules for one in rule.judge(counts, now_us // _MINUTE_US, lambda _: NO_HISTORY, ())]

    def _judged(self, minute: int, now_us: int, simulated: bool, *, slow: bool) -> Iterator[Judged]:
        if not self._tallies.any_of(simulated=simulated):
            return
        signals = [one for one in self._reader.open_signals() if one.simulated == simulated]
        here = _Round(self._counts[simulated], minute, now_us, simulated, signals, self._reader.recovered())
        for rule in self.rules:
            source = rule.sources[0]
            silent = source.measure == "turns"
            if (from_tables(source.measure) and not slow) or (silent and simulated):
                continue  # a demo that has ended is no silence
            yield from self._of_rule(rule, here)

    def _of_rule(self, rule: Rule, here: _Round) -> Iterator[Judged]:
        was = {one.series: one for one in here.signals if one.rule == rule.name}

        def past(series: str) -> Past:
            recovered = here.since.get((rule.name, series, here.simulated), 0) // _MINUTE_US
            return Past(recovered, opening(was[series]) if series in was else None)

        for finding in rule.judge(here.counts, here.minute, past, was):
            cause = None
            if finding.state == "firing" and finding.series not in was:
                cause = cause_of(self._store, finding, rule.sources[0], here.now_us, simulated=here.simulated)
            yield Judged(finding, here.simulated, cause)


def opening(signal: Signal) -> Open:
    """Return what a rule may know of its own signal."""
    evidence = msgspec.json.decode(signal.evidence)
    factor = evidence.get("bound") if evidence.get("kind") == "burn" else None
    return Open(signal.first_us // _MINUTE_US, evidence.get("share"), factor)
