"""Follows the turns and sends them on, each batch until the receiver has it; the place moves only then.

A receiver that is away loses nothing: its turns wait in the store. They are sent in their order once it is back, some hundreds
at a time, so that catching up does not crowd out the work of the day.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from pointsman.catalog.book import Catalog
from pointsman.domain.captured import CAPTURED
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.execution.privacy.redaction import KEY_VARIABLE, Redactor, redaction_key
from pointsman.monitoring.telemetry.content import Content
from pointsman.monitoring.telemetry.meters import Meters
from pointsman.monitoring.telemetry.sending import Sender
from pointsman.monitoring.telemetry.settings import Settings
from pointsman.monitoring.telemetry.spans import Span, is_kept, trace_of
from pointsman.monitoring.telemetry.tools import ToolRun, agent_turn, tool_spans
from pointsman.monitoring.telemetry.turn_spans import turn_spans
from pointsman.store import Store
from pointsman.store.cursors import move_cursor, read_cursor
from pointsman.store.following import Followed, last_seq, records_after

_log = logging.getLogger(__name__)

CURSOR: Final = "telemetry"
_BATCH: Final = 128
_EVERY_S: Final = 1.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 300.0


class TelemetryService:
    """Sends turns committed after its place in the store; at its first start that is ``began_at``: history is not sent."""

    name = "telemetry"

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        settings: Settings,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        began_at: int | None = None,
    ) -> None:
        self._store = store
        self._began_at = last_seq(store) if began_at is None else began_at
        self._catalog = catalog
        self._settings = settings
        self._pause = pause
        self._resource = _resource(settings.resource)
        self._redactor = Redactor(key=_token_key(store))
        self._sender = Sender(settings.traces, self._resource) if settings.traces else None
        self._meters: Meters | None = None

    async def run(self) -> None:
        """Send until cancelled."""
        seq = await self._begin()
        self._meters = self._begin_metrics()
        wait = _FIRST_WAIT_S
        try:
            while True:
                found = await asyncio.to_thread(self._next, seq)
                if not found:
                    await self._pause(_EVERY_S)
                    continue
                if await asyncio.to_thread(self._deliver, [record for _, record in found]):
                    seq, wait = found[-1][0], _FIRST_WAIT_S
                    await self._store.write(partial(move_cursor, name=CURSOR, seq=seq))
                    continue
                self._tell(seq, wait)
                await self._pause(wait)
                wait = min(wait * 2, _LONGEST_WAIT_S)
        finally:
            await asyncio.to_thread(self._end)

    def _next(self, seq: int) -> list[Followed]:
        return records_after(self._store, seq, _BATCH, bodies=self._settings.content)

    async def _begin(self) -> int:
        known = read_cursor(self._store, CURSOR)
        if known is not None:
            return known
        await self._store.write(partial(move_cursor, name=CURSOR, seq=self._began_at))
        return self._began_at

    def _begin_metrics(self) -> Meters | None:
        url, every_s = self._settings.metrics, self._settings.every_s
        if url is None:
            return None
        exporter = OTLPMetricExporter(url)
        return Meters(PeriodicExportingMetricReader(exporter, every_s * 1000), self._resource)

    def _deliver(self, records: Sequence[TurnRecord]) -> bool:
        """Send a batch and count it; return False where the receiver is away, so that all of it is sent again."""
        wanted = [one for one in records if one.dialect != CAPTURED or self._settings.captured]
        batches = [(record, *self._spans(record)) for record in wanted]
        if self._sender is not None and not self._sent([spans for _, spans, _ in batches if spans]):
            return False
        if self._meters is not None:
            for record, _, tools in batches:
                self._meters.count(record, tools)
        return True

    def _sent(self, turns: list[list[Span]]) -> bool:
        """Send turns; where the receiver refuses a batch, find the turns it is about, and go on without them."""
        if not turns or self._sender is None:
            return True
        outcome = self._sender.send([span for spans in turns for span in spans])
        if outcome != "refused":
            return outcome == "delivered"
        if len(turns) == 1:
            turn = turns[0][0].attributes.get("pointsman.turn.id")
            _log.error("%s refuses turn %s: it is left out", self._sender.url, turn)
            return True
        half = len(turns) // 2
        return self._sent(turns[:half]) and self._sent(turns[half:])

    def _spans(self, record: TurnRecord) -> tuple[list[Span], Sequence[ToolRun]]:
        found = agent_turn(self._store, record)
        trace = trace_of(record, None if found is None else found.run_id)
        tools = () if found is None else found.calls
        if self._sender is None or not is_kept(trace, record, self._settings.share):
            return [], tools
        record = _named(record, self._redactor)
        content = Content(record, self._redactor) if self._settings.content else None
        spans = turn_spans(record, trace, self._prices, content)
        return [*spans, *(tool_spans(record, found, trace, content) if found else ())], tools

    def _prices(self, step: StepRecord, at_us: int) -> Mapping[str, Decimal] | None:
        rates = self._catalog.rates(step.model, datetime.fromtimestamp(at_us / 1e6, UTC))
        return None if rates is None or step.usage is None else rates.parts(step.usage)

    def _tell(self, seq: int, wait: float) -> None:
        behind = last_seq(self._store) - seq
        url = "" if self._sender is None else self._sender.url
        _log.warning("%s takes no telemetry; %d turns wait for it, next try in %.0f s", url, behind, wait)

    def _end(self) -> None:
        if self._sender is not None:
            self._sender.close()
        if self._meters is not None:
            self._meters.provider.shutdown(5_000)


def _named(record: TurnRecord, redactor: Redactor) -> TurnRecord:
    """Return a turn whose names are fit to be sent: what clients call a conversation or a model may be anybody's address."""
    return msgspec.structs.replace(
        record,
        conversation_id=redactor.name(record.conversation_id),
        requested_model=redactor.text(record.requested_model),
    )


def _token_key(store: Store) -> bytes:
    """Return the store's own key, so that its tokens are the receiver's too; where it has none, one for this process.

    None is made beside the store: its being there says that the words in the store are redacted.
    """
    if os.environ.get(KEY_VARIABLE) or Path(f"{store.path}.redaction-key").exists():
        return redaction_key(store.path)
    return secrets.token_bytes(32)


def _resource(own: Mapping[str, str]) -> Resource:
    """Return who sends: ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES``, and over them what the policy says."""
    found = Resource.create({"service.version": version("pointsman")})
    named = found.attributes.get("service.name", "")
    unnamed = not named or str(named).startswith("unknown_service")
    return found.merge(Resource({**({"service.name": "pointsman"} if unnamed else {}), **own}))
