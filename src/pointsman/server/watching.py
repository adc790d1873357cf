"""The service that watches: every minute the rules are judged, and what is to be told is delivered."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from pointsman.app import Router

if TYPE_CHECKING:
    from pointsman.monitoring.monitors.engine import Engine
    from pointsman.monitoring.sinks.delivery import Deliverer

_MINUTE_S: Final = 60.0
_SETTLE_S: Final = 2.0
"""After a minute is over, its last turns are given this long to be committed."""
_TURN_S: Final = 1.0
_BREATH_S: Final = 0.1


class Watching:
    """Judges at the beginning of each minute, and delivers whenever something is due."""

    name = "monitors"

    def __init__(
        self,
        engine: Engine,
        deliverer: Deliverer,
        clock_us: Callable[[], int],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        nightly: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._engine = engine
        self._deliverer = deliverer
        self._clock_us = clock_us
        self._pause = pause
        self._nightly = nightly

    async def run(self) -> None:
        """Watch until cancelled. A receiver that hangs holds up no judgement, and pinned cases neither."""
        await self._deliverer.begin()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._judge())
            group.create_task(self._deliver())
            if self._nightly is not None:
                group.create_task(_forever(self._nightly))

    async def _judge(self) -> None:
        judged = 0
        while True:
            now = self._clock_us()
            minute = int((now / 1e6 - _SETTLE_S) // _MINUTE_S)
            if minute != judged:
                while not await asyncio.to_thread(self._engine.catch_up, now, 1):
                    await self._pause(_BREATH_S)  # a new rule over a large store: turns come first
                await asyncio.to_thread(self._engine.evaluate, now)
                judged = minute
            await self._pause(_TURN_S)

    async def _deliver(self) -> None:
        while True:
            await self._deliverer.deliver()
            await self._pause(self._deliverer.pause_s(_TURN_S))


async def _forever(nightly: Callable[[], Awaitable[None]]) -> None:
    await nightly()


def build(router: Router) -> Watching | None:
    """Return the service, None where the policy watches nothing."""
    section = router.policy.monitors
    if not section.enabled:
        return None
    from pointsman.monitoring.drift.watching import Drift
    from pointsman.monitoring.monitors.engine import Engine
    from pointsman.monitoring.sinks.delivery import Deliverer

    def clock_us() -> int:
        return time.time_ns() // 1000

    deliverer = Deliverer(router.store, section.sinks.all(), os.environ, clock_us)
    engine = Engine(router.store, section, Drift(router.store, section.drift))
    return Watching(
        engine, deliverer, clock_us, nightly=None if section.drift.canary is None else _nightly(router, clock_us)
    )


def _nightly(router: Router, clock_us: Callable[[], int]) -> Callable[[], Awaitable[None]]:
    from pointsman.server.nightly import NightlyCases

    return NightlyCases(router, clock_us)
