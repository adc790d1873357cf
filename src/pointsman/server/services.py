"""Work that goes on beside the turns while ``pointsman serve`` runs: folding, shadow checks, monitors, telemetry.

A new one is one row in ``SERVICES`` and one function ``build(router) -> Service | None`` in its module; None means that the
policy does not ask for it. Nothing here is awaited by a turn. A service that fails is logged and begun again, later each time:
it never takes the gateway down.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from pointsman.app import Router

_log = logging.getLogger(__name__)
_LATER_S: Final = 0.2
"""Services begin this long after the gateway is ready: what they import is no part of its start."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 300.0
SERVICES: Final[tuple[str, ...]] = (
    "pointsman.server.policy_watch",
    "pointsman.monitoring.fold_service",
    "pointsman.monitoring.retention_service",
    "pointsman.monitoring.canary",
    "pointsman.monitoring.prometheus_service",
    "pointsman.monitoring.capture_service",
    "pointsman.monitoring.shadow.service",
    "pointsman.monitoring.telemetry_service",
    "pointsman.server.watching",
)
"""Modules with a function ``build``."""


class Service(Protocol):
    """Something that works until it is cancelled. ``name`` is how the log calls it."""

    name: str

    async def run(self) -> None:
        """Work until cancelled; what is half done must be safe to leave, since a kill leaves it so as well."""
        ...


class Services:
    """Starts the services of a router, and ends them. Used inside the gateway's event loop."""

    def __init__(
        self,
        router: Router,
        modules: tuple[str, ...] = SERVICES,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        later_s: float = _LATER_S,
    ) -> None:
        self._router = router
        self._later_s = later_s
        self._modules = modules
        self._pause = pause
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start every service that the policy asks for, a moment later and off the loop: turns come first."""
        self._tasks = [asyncio.create_task(self._keep(module), name=module) for module in self._modules]

    async def aclose(self) -> None:
        """Cancel what runs and wait until it has stopped."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    async def _keep(self, module: str) -> None:
        pause = _FIRST_PAUSE_S
        await asyncio.sleep(self._later_s)
        while True:
            try:
                service = await asyncio.to_thread(self._built, module)
                if service is not None:
                    await service.run()
            except Exception:  # noqa: BLE001 - whatever it was, turns go on and the log tells
                _log.exception("%s failed; it begins again in %.0f s", module, pause)
            else:
                return
            await self._pause(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _built(self, module: str) -> Service | None:
        service: Service | None = importlib.import_module(module).build(self._router)
        return service
