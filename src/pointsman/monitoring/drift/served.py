"""Under which id a provider answers: a new one on ordinary traffic is told before anything else is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from pointsman.monitoring.incidents import Judged
from pointsman.monitoring.incidents_cause import Cause
from pointsman.monitoring.incidents_notices import clean, iso
from pointsman.monitoring.monitors.finding import Finding
from pointsman.store.incidents import IncidentReader
from pointsman.store.store import Store
from pointsman.store.tallies import Sighting, Tallies

RULE: Final = "served-model"
_SETTLED: Final = 20
"""Calls under one id before another one is news: providers answer under several from the start, and that is no change."""
_SEEN: Final = 3
_DAY_US: Final = 86_400_000_000


def changes(sightings: Sequence[Sighting], since: Mapping[str, int], now_us: int) -> list[Finding]:
    """Return the models that are served under an id that is new in the last day, and since their last resolution (``since``)."""
    found = []
    for model, group in groupby(
        sorted(sightings, key=lambda one: (one.model, one.first_us)), key=lambda one: one.model
    ):
        seen = list(group)
        new = [one for one in seen if _is_new(one, seen, max(since.get(model, 0), now_us - _DAY_US))]
        if new:
            found.append(_finding(model, new[-1], [one for one in seen if one.first_us < new[-1].first_us]))
    return found


def _is_new(one: Sighting, seen: Sequence[Sighting], after_us: int) -> bool:
    settled = sum(other.n for other in seen if other.first_us < one.first_us)
    return one.n >= _SEEN and one.first_us > after_us and settled >= _SETTLED


def _finding(model: str, new: Sighting, before: Sequence[Sighting]) -> Finding:
    was = max(before, key=lambda one: one.last_us)
    text = (
        f"{clean(model)} answers as {clean(new.served)} since {iso(new.first_us)} (n = {new.n}); "
        f"before as {clean(was.served)} (n = {was.n}, last {iso(was.last_us)})"
    )
    return Finding(
        rule=RULE,
        kind="served",
        measure="served",
        family="provider",
        severity="ticket",
        series=model,
        state="firing",
        text=text,
        labels={"model": model},
        n=new.n,
    )


class ServedModels:
    """Findings on the ids of one store, for the engine. Such an incident ends by hand: a change does not recover."""

    def __init__(self, store: Store) -> None:
        self._tallies = Tallies(store)
        self._reader = IncidentReader(store)

    def __call__(self, now_us: int) -> list[Judged]:
        """Return what is new now, of real and of simulated turns."""
        recovered = self._reader.recovered()
        found: list[Judged] = []
        for simulated in (False, True):
            since = {series: at for (rule, series, fake), at in recovered.items() if (rule, fake) == (RULE, simulated)}
            new = changes(self._tallies.sightings(simulated), since, now_us)
            found += [Judged(finding, simulated, Cause(finding.series)) for finding in new]
        return found
