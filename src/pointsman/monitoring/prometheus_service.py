"""Keeps the figures of ``/metrics`` close behind the turns, so that a scrape after a long pause is as quick as any."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from pointsman.store import Store
from pointsman.store.following import last_seq

_EVERY_S: Final = 1.0


class Counting(Protocol):
    """Counts turns."""

    def begin_at(self, seq: int) -> None:
        """Count from the turn after ``seq``."""
        ...

    def catch_up(self) -> int:
        """Count the turns since the last time; return how many."""
        ...


class Measured(Protocol):
    """Who has the metrics: the router."""

    @property
    def store(self) -> Store:
        """Where the turns are."""
        ...

    @property
    def metrics(self) -> Counting:
        """The metrics of its turns, made when first asked for."""
        ...


class MetricsService:
    """Counts new turns once a second, in a thread: neither that nor the packages it takes hold up a turn."""

    name = "metrics"

    def __init__(self, router: Measured, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._router = router
        self._pause = pause
        self._began_at = last_seq(router.store)  # turns may come before the metrics are made

    async def run(self) -> None:
        """Count until cancelled."""
        await asyncio.to_thread(self._begin)
        while True:
            await asyncio.to_thread(self._catch_up)
            await self._pause(_EVERY_S)

    def _begin(self) -> None:
        self._router.metrics.begin_at(self._began_at)

    def _catch_up(self) -> None:
        self._router.metrics.catch_up()


def build(router: Measured) -> MetricsService:
    """Return the service."""
    return MetricsService(router)
