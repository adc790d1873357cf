"""When rules would have fired over the turns that are stored: the same judgements, minute by minute, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from pointsman.monitoring.monitors.finding import Finding, Open, Past, Rule
from pointsman.monitoring.monitors.measures import count, from_tables
from pointsman.monitoring.monitors.stored_counts import StoredCounts
from pointsman.monitoring.monitors.tallies import Counts, MemoryCounts, Source
from pointsman.store.outlines import outlines_after
from pointsman.store.store import Store
from pointsman.store.tallies import NONE, Tally, last_seq

_MINUTE_US: Final = 60_000_000
_PAGE: Final = 500
_LONG_DAYS: Final = 14
_SLOW_MINUTES: Final = 15


class Alarm(msgspec.Struct, frozen=True):
    """A rule would have fired in minute ``at``, and have recovered in ``until`` (None: not by the end)."""

    rule: str
    series: str
    severity: str
    at: int
    until: int | None
    text: str


class MixedCounts:
    """Counts of turns in memory, and of what changes late from its tables."""

    def __init__(self, turns: MemoryCounts, tables: StoredCounts) -> None:
        self._turns = turns
        self._tables = tables

    def between(self, source: Source, start: int, end: int) -> Mapping[str, Tally]:
        """Return what was counted, by series."""
        return (self._tables if from_tables(source.measure) else self._turns).between(source, start, end)


def counts_of(  # noqa: PLR0913 - what, from when to when, of which turns
    store: Store,
    rules: Sequence[Rule],
    start_us: int,
    end_us: int,
    *,
    simulated: bool,
    also: Sequence[Source] = (),
) -> MixedCounts:
    """Count the turns that arrived in this time, and in the weeks before that rules look back at.

    Raises:
        StoreError: the store cannot be read.
    """
    asked = [*(source for rule in rules for source in rule.sources), *also]
    sources = [source for source in dict.fromkeys(asked) if not from_tables(source.measure)]
    cells: dict[tuple[Source, str, int], Tally] = {}
    back = max((rule.looks_back for rule in rules), default=0)
    seq = last_seq(store, start_us - back * _MINUTE_US)
    while page := outlines_after(store, seq, _PAGE):
        seq = page[-1][0]
        for _, record in page:
            if record.simulated != simulated or record.at_us >= end_us:
                continue
            for source in sources:
                for series, tally in count(record, source):
                    cell = (source, series, record.at_us // _MINUTE_US)
                    cells[cell] = cells.get(cell, NONE) + tally
    turns = MemoryCounts()
    for (source, series, minute), tally in sorted(cells.items(), key=lambda item: item[0][2]):
        turns.add(source, minute, tally, series)
    return MixedCounts(turns, StoredCounts(store, simulated=simulated))


def step_of(minutes: int) -> int:
    """Return every how many minutes rules are asked: each minute, and every five over more than two weeks."""
    return 1 if minutes <= _LONG_DAYS * 1440 else 5


def replayed(rules: Iterable[Rule], counts: Counts, start: int, end: int) -> list[Alarm]:
    """Return every alarm between two minutes, in order."""
    alarms: list[Alarm] = []
    for rule in rules:
        slow = from_tables(rule.sources[0].measure)
        alarms += _of(rule, counts, range(start, end + 1, _SLOW_MINUTES if slow else step_of(end - start)))
    return sorted(alarms, key=lambda one: (one.at, one.rule, one.series))


def _of(rule: Rule, counts: Counts, minutes: Iterable[int]) -> list[Alarm]:
    going: dict[str, Alarm] = {}
    known: dict[str, Past] = {}
    done: list[Alarm] = []

    def past(series: str) -> Past:
        return known.get(series, Past())

    for minute in minutes:
        for found in rule.judge(counts, minute, past, list(going)):
            if found.state == "firing" and found.series not in going:
                going[found.series] = Alarm(rule.name, found.series, found.severity, minute, None, found.text)
                known[found.series] = Past(past(found.series).since, _opened(found, minute))
            elif found.state == "recovered" and found.series in going:
                done.append(msgspec.structs.replace(going.pop(found.series), until=minute))
                known[found.series] = Past(minute)
    return done + list(going.values())


def _opened(found: Finding, minute: int) -> Open:
    return Open(minute, found.share, found.bound if found.kind == "burn" else None)
