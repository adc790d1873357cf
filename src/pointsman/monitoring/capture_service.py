"""Ends the waiting of captured calls whose trace's outermost span never comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from pointsman.catalog.book import Catalog
from pointsman.execution.privacy.redaction import Redactor
from pointsman.store import Store

if TYPE_CHECKING:
    from pointsman.monitoring.otlp.capture import Capture

_EVERY_S: Final = 5.0
_FORGET_EVERY: Final = 720


class Capturing(Protocol):
    """Who takes traces in: the router."""

    @property
    def store(self) -> Store:
        """Where the turns are."""
        ...

    @property
    def catalog(self) -> Catalog:
        """What models cost."""
        ...

    @property
    def redactor(self) -> Redactor | None:
        """What the policy takes out before a word is written."""
        ...


class CaptureService:
    """Looks every five seconds for calls that have waited long enough."""

    name = "capture"

    def __init__(self, router: Capturing, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._router = router
        self._pause = pause

    async def run(self) -> None:
        """Work until cancelled."""
        await self._pause(_EVERY_S)
        capture = await asyncio.to_thread(self._capture)
        rounds = 0
        while True:
            await capture.release()
            if rounds % _FORGET_EVERY == 0:
                await capture.forget()
            rounds += 1
            await self._pause(_EVERY_S)

    def _capture(self) -> Capture:
        from pointsman.monitoring.otlp.capture import Capture

        return Capture(self._router.store, self._router.catalog, self._router.redactor)


def build(router: Capturing) -> CaptureService:
    """Return the service."""
    return CaptureService(router)
