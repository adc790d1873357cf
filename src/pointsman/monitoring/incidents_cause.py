"""What a firing rule is about: the model or provider behind it, the turns it affected, and how large a part of all they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.monitoring.monitors.finding import Finding
from pointsman.monitoring.monitors.measures import answered_by, count, from_tables, wrong
from pointsman.monitoring.monitors.tallies import Source
from pointsman.store.outlines import outlines_between
from pointsman.store.store import Store
from pointsman.store.tallies import Choice, Tallies

ALL: Final = "all"
_MOST: Final = 0.8
"""Share of the turns that went wrong with which one model, or provider, counts as the cause."""
_LOOKED_AT: Final = 1000
_LINKED: Final = 50
_MINUTE_US: Final = 60_000_000


class Cause(msgspec.Struct, frozen=True):
    """Behind a finding. ``subject`` is a model, a provider or ``all``; ``affected`` of the ``of`` newest turns went wrong."""

    subject: str
    turn_ids: tuple[str, ...] = ()
    affected: int = 0
    of: int = 0


def provider_of(subject: str) -> str:
    """Return the provider of a model, or the subject itself."""
    return subject.partition("/")[0]


def cause_of(store: Store, finding: Finding, source: Source, now_us: int, *, simulated: bool) -> Cause:
    """Look at the newest turns of the finding's window.

    Raises:
        StoreError: the store cannot be read.
    """
    start = now_us - max(finding.window, 1) * _MINUTE_US
    named = finding.labels.get("model")
    if source.measure in {"turns", "spend", "cost_per_resolution"}:
        return Cause(named or ALL)
    if from_tables(source.measure):
        choice = Choice(simulated, source.only, source.per, source.detail)
        rows = [
            row
            for row in Tallies(store).weighed(source.measure, choice, start, now_us)
            if row[0] in {finding.series, ""}
        ]
        good = source.measure in {"resolutions", "grades"}
        ids = [turn_id for _, turn_id, _, hit in rows if hit != good]
        return Cause(named or ALL, tuple(ids[-_LINKED:]), len(ids), len(rows))
    records = outlines_between(store, start, now_us, simulated=simulated, limit=_LOOKED_AT)
    hit = [record for record in records if _is_one(record, source, finding.series)]
    linked = tuple(record.id for record in hit[-_LINKED:])
    return Cause(named or _behind(hit), linked, len(hit), len(records))


def _is_one(record: TurnRecord, source: Source, series: str) -> bool:
    if not wrong(record, source):
        return False
    return not source.per or any(name == series for name, _ in count(record, source))


def _behind(records: Sequence[TurnRecord]) -> str:
    models = Counter(_failed_at(record) for record in records)
    providers = Counter(provider_of(_failed_at(record)) for record in records)
    for counter in (models, providers):
        name, most = counter.most_common(1)[0] if counter else (ALL, 0)
        if records and most >= _MOST * len(records):
            return name
    return ALL


def _failed_at(record: TurnRecord) -> str:
    """Return the model that let the turn down: the first whose call failed, else the one that answered."""
    return next((step.model for step in record.steps if step.status in {"error", "broken"}), answered_by(record))
