"""Ends trials: at once when someone says so, and by itself when a monitor fires for the model on trial."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import msgspec

from pointsman.monitoring.monitors.firing import incident_for, signals_for
from pointsman.routing.canaries import trial_id
from pointsman.routing.router import Routing
from pointsman.routing.sections_canary import Canary
from pointsman.store import Store
from pointsman.store import incidents as rows
from pointsman.store.incidents import Event, IncidentReader
from pointsman.store.promotions import Promotions, stopped

_log = logging.getLogger(__name__)
_LOOK_S = 1.0

Firing = Callable[[str, str], tuple[str, str] | None]
"""Asked for a monitor by name and a model: the incident that is open for it, as id and sentence; None: it does not fire."""


class Served(Protocol):
    """What is served: the store it writes to, and the routing in force."""

    store: Store
    routing: Routing

    @property
    def simulated(self) -> bool:
        """Whether simulated models answer."""
        ...


def build(router: Served) -> CanaryWatch:
    """Return the watch of the trials of a router."""
    return CanaryWatch(
        router.store, lambda: router.routing, partial(incident_for, router.store, simulated=router.simulated)
    )


def begin_again(store: Store, name: str, canary: Canary, who: tuple[str, str], now_us: int) -> bool:
    """Begin a trial again; False: it was running already. ``who`` is the actor and the reason.

    A model on trial that is asked no longer shows no recovery either, so what its monitors counted until now is laid aside:
    they end the trial again by what comes from now on.

    Raises:
        StoreError: the store cannot be read or written.
    """
    history, trial = Promotions(store), trial_id(name, canary)
    if trial not in stopped(history.trials()):
        return False
    over = list(signals_for(IncidentReader(store), frozenset(canary.rollback_on), canary.model))

    def lay_aside(connection: sqlite3.Connection) -> None:
        for signal, incident in over:
            text = f"{signal.rule}: the trial {name} begins again; what came before does not count"
            rows.put_signal(connection, msgspec.structs.replace(signal, recovered_us=now_us))
            rows.add_event(connection, Event(incident.id, now_us, "recovered", who[0], text))

    store.write_sync(lay_aside)  # first, or the watch of a running gateway ends the trial once more in between
    return history.change_trial(trial, "start", who)


class CanaryWatch:
    """Looks once a second at what was said of trials, and what monitors say of their models.

    ``routing`` gives the routing in force, which a changed policy replaces.
    """

    name = "canaries"

    def __init__(
        self,
        store: Store,
        routing: Callable[[], Routing],
        firing: Firing,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._history = Promotions(store)
        self._routing = routing
        self._firing = firing
        self._pause = pause

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await self._pause(_LOOK_S)

    async def look(self) -> None:
        """Look now: end what a monitor fires for, and tell routing which trials are over."""
        routing = self._routing()
        if routing.policy.canaries:
            routing.canaries.stop(await asyncio.to_thread(self._over, routing))

    def _over(self, routing: Routing) -> frozenset[str]:
        over = stopped(self._history.trials())
        for name, canary in routing.policy.canaries.items():
            trial = trial_id(name, canary)
            if trial not in over and self._end(trial, canary.model, canary.rollback_on):
                over |= {trial}
        return over

    def _end(self, trial: str, model: str, monitors: tuple[str, ...]) -> bool:
        for monitor in monitors:
            found = self._firing(monitor, model)
            if found is not None:
                incident, sentence = found
                self._history.change_trial(trial, "stop", (f"monitor:{monitor}", sentence), incident)
                _log.warning("canary %s is over: %s", trial, sentence)
                return True
        return False
