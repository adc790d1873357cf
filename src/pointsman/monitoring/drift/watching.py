"""All findings on drift that open incidents: served ids each minute, pinned cases each night, the mix of questions each hour."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from pointsman.monitoring.drift import canary, served
from pointsman.monitoring.drift.mix import SOURCES, Mix, mixes
from pointsman.monitoring.incidents import Judged
from pointsman.monitoring.incidents_cause import ALL, Cause
from pointsman.monitoring.incidents_notices import clean
from pointsman.monitoring.monitors.finding import Finding, percent
from pointsman.monitoring.monitors.stored_counts import StoredCounts
from pointsman.routing.sections_monitors import DriftSection
from pointsman.store.canaries import nights
from pointsman.store.incidents import IncidentReader
from pointsman.store.store import Store

_MINUTE_US: Final = 60_000_000
_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _HOUR_US
_MIX: Final = "input-mix"


class Drift:
    """Findings for the engine, of one store. ``sources`` is what it needs to be counted."""

    sources = SOURCES

    def __init__(self, store: Store, section: DriftSection) -> None:
        self._store = store
        self._section = section
        self._served = served.ServedModels(store)
        self._reader = IncidentReader(store)
        self._mixed_us = 0

    def __call__(self, now_us: int) -> list[Judged]:
        """Return what is found now.

        Raises:
            StoreError: the store cannot be read.
        """
        found = self._served(now_us) if self._section.served else []
        found += self._nights()
        if now_us - self._mixed_us >= _HOUR_US:
            self._mixed_us = now_us
            found += self._mixes(now_us)
        return found

    def _nights(self) -> list[Judged]:
        if self._section.canary is None:
            return []
        resolved = self._reader.recovered()
        found = []
        kept = sorted(nights(self._store, limit=300), key=lambda one: (one.model, one.simulated, one.at_us))
        for (model, simulated), group in groupby(kept, key=lambda one: (one.model, one.simulated)):
            mine = list(group)
            finding = canary.judged(mine, self._section.canary.floor)
            if mine[-1].at_us > resolved.get((canary.RULE, model, simulated), 0):
                found.append(Judged(finding, simulated, Cause(model)))
        return found

    def _mixes(self, now_us: int) -> list[Judged]:
        resolved = self._reader.recovered()
        found: list[Judged] = []
        for simulated in (False, True):
            counts, minute = StoredCounts(self._store, simulated=simulated), now_us // _MINUTE_US
            found += [
                Judged(self._finding(one), simulated, Cause(ALL))
                for one in mixes(counts, minute, self._section.window, self._section.baseline)
                if now_us - resolved.get((_MIX, one.dimension, simulated), 0) > _DAY_US
            ]
        return found

    def _finding(self, one: Mix) -> Finding:
        bound = self._section.psi
        state = "unknown"
        text = f"{one.dimension}: {one.why}"
        if one.psi is not None:
            state = "firing" if one.psi > bound else "recovered" if one.psi < bound / 2 else "fine"
            most = f"{clean(one.most, 64)} {percent(one.before or 0)} before, {percent(one.now or 0)} now"
            text = f"the mix of {one.dimension} moved by {one.psi:.2f} (bound {bound:g}, n = {one.n:,}); most: {most}"
        return Finding(
            rule=_MIX,
            kind="mix",
            measure=one.dimension,
            family="input",
            severity="ticket",
            series=one.dimension,
            state=state,  # type: ignore[arg-type]  # one of the four words, as set above
            text=text,
            window=self._section.window,
            n=one.n,
            share=one.psi,
            bound=bound,
        )
