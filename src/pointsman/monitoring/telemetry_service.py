"""The service that sends turns on, as traces and metrics: begun by ``serve`` where policy or environment ask for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Protocol

from pointsman.catalog.book import Catalog
from pointsman.errors import UsageError
from pointsman.monitoring.telemetry.settings import settings_of
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


def build(router: Traced, environ: Mapping[str, str] | None = None) -> TelemetryService | None:
    """Return the service, None where nobody asks for it or what it takes is not installed."""
    try:
        settings = settings_of(router.policy.telemetry, os.environ if environ is None else environ)
    except UsageError as error:
        _log.error("telemetry is not sent: %s", error)
        return None
    if settings is None:
        return None
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        _log.error(MISSING)
        return None
    from pointsman.monitoring.telemetry.reader import TelemetryService

    return TelemetryService(router.store, router.catalog, settings)
