"""The service that sends turns on, as traces and metrics: begun by ``serve`` where policy or environment ask for it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Protocol

from pointsman.catalog.book import Catalog
from pointsman.errors import UsageError
from pointsman.monitoring.telemetry.settings import Settings, settings_of
from pointsman.routing.policy import Policy
from pointsman.store import Store

if TYPE_CHECKING:
    from pointsman.monitoring.telemetry.reader import TelemetryService

_log = logging.getLogger(__name__)
MISSING: Final = "telemetry is not sent: install it with  pip install 'pointsman[telemetry]'"


class Traced(Protocol):
    """Whose turns are sent: the router."""

    @property
    def policy(self) -> Policy:
        """What is sent, and where."""
        ...

    @property
    def catalog(self) -> Catalog:
        """What models cost."""
        ...

    @property
    def store(self) -> Store:
        """Where the turns are."""
        ...

    @property
    def began_at(self) -> int:
        """The place of the newest turn when it was started."""
        ...


class LateTelemetry:
    """The service before it is begun: what it takes is imported in a thread, so that no turn waits for that."""

    name = "telemetry"

    def __init__(self, router: Traced, settings: Settings) -> None:
        self._router = router
        self._settings = settings
        self._began_at = router.began_at  # turns may come before all is imported

    async def run(self) -> None:
        """Send until cancelled."""
        service = await asyncio.to_thread(self._made)
        await service.run()

    def _made(self) -> TelemetryService:
        from pointsman.monitoring.telemetry.reader import TelemetryService

        return TelemetryService(self._router.store, self._router.catalog, self._settings, began_at=self._began_at)


def build(router: Traced, environ: Mapping[str, str] | None = None) -> LateTelemetry | None:
    """Return the service, None where nobody asks for it or what it takes is not installed."""
    try:
        settings = settings_of(router.policy.telemetry, os.environ if environ is None else environ)
    except UsageError as error:
        _log.error("telemetry is not sent: %s", error)
        return None
    if settings is None:
        return None
    if not _installed():
        _log.error(MISSING)
        return None
    return LateTelemetry(router, settings)


def _installed() -> bool:
    try:
        return (
            find_spec("opentelemetry.sdk") is not None
            and find_spec("opentelemetry.exporter.otlp.proto.http") is not None
        )
    except ModuleNotFoundError:  # of a package above it: other programs install only a part
        return False
