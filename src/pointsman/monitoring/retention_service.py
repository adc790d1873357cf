"""Retention while ``pointsman serve`` runs: once an hour, in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from pointsman.catalog.book import Catalog
from pointsman.monitoring.asking.asker import Asker, now_us
from pointsman.monitoring.retention import retain
from pointsman.routing.policy import Policy
from pointsman.store import Store

_EVERY_S: Final = 3600.0
_log = logging.getLogger(__name__)


class HasPolicy(Protocol):
    """What retention needs of a router."""

    store: Store
    catalog: Catalog
    policy: Policy


class RetentionService:
    """Lets turns leave when the policy says so; a policy that is changed while it runs counts from the next hour on."""

    name = "retention"

    def __init__(
        self,
        router: HasPolicy,
        clock: Callable[[], int] = now_us,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._router = router
        self._clock = clock
        self._pause = pause

    async def run(self) -> None:
        """Look every hour until cancelled."""
        while True:
            await asyncio.to_thread(self._once)
            await self._pause(_EVERY_S)

    def _once(self) -> None:
        router = self._router
        kept = router.policy.retention
        if kept.bodies_days is None and kept.metrics_days is None:
            return
        done = retain(router.store, Asker(router.store, router.catalog), kept, now_us=self._clock())
        if done.silenced or done.removed:
            _log.info("retention: the words of %d turns are gone, and %d turns altogether", done.silenced, done.removed)


def build(router: HasPolicy) -> RetentionService:
    """Return the service; it looks at the policy each time, since a policy can be changed while it runs."""
    return RetentionService(router)
