"""Sends spans to a receiver over OTLP/HTTP, and tells a receiver that is away from one that refuses."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final, Literal

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SdkEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pointsman.monitoring.telemetry import conventions as names
from pointsman.monitoring.telemetry.spans import Span

_log = logging.getLogger(__name__)

Outcome = Literal["delivered", "refused", "away"]
_REFUSALS: Final = frozenset({400, 411, 413, 415, 422, 431})
"""Answers that blame this batch; after any other the same batch may be welcome later (a key renewed, a path mended)."""
_FLAGS: Final = TraceFlags(TraceFlags.SAMPLED)
_KINDS: Final = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_SCOPE: Final = InstrumentationScope(names.SCOPE, names.GEN_AI_VERSION)


class Sender:
    """Sends batches to ``url``; headers, time-outs, compression and certificates come from ``OTEL_EXPORTER_OTLP_*``."""

    def __init__(self, url: str, resource: Resource) -> None:
        self.url = url
        self._resource = resource
        self._status: int | None = None
        session = requests.Session()
        session.hooks["response"].append(self._seen)
        self._exporter = OTLPSpanExporter(url, session=session)

    def send(self, spans: Sequence[Span]) -> Outcome:
        """Send one batch, trying again for a while where the receiver asks for that; blocks."""
        self._status = None
        result = self._exporter.export([as_sdk(span, self._resource) for span in spans])
        if result is SpanExportResult.SUCCESS:
            return "delivered"
        return "refused" if self._status in _REFUSALS else "away"

    def close(self) -> None:
        """End; what waits between two tries is given up."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _seen(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._status = response.status_code
        if not response.ok or not response.content:
            return
        try:
            partial = ExportTraceServiceResponse.FromString(response.content).partial_success
        except Exception:  # noqa: BLE001 - a receiver may answer anything with its 200
            return
        if partial.rejected_spans:
            _log.warning("%s left out %d spans: %s", self.url, partial.rejected_spans, partial.error_message[:300])


def as_sdk(span: Span, resource: Resource) -> ReadableSpan:
    """Return a span as OpenTelemetry's exporters take it."""
    parent = (
        None
        if span.parent_id is None
        else SpanContext(span.trace_id, span.parent_id, is_remote=True, trace_flags=_FLAGS)
    )
    return ReadableSpan(
        name=span.name,
        context=SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=_FLAGS),
        parent=parent,
        resource=resource,
        attributes=span.attributes,
        events=[SdkEvent(event.name, event.attributes, event.at_ns) for event in span.events],
        kind=_KINDS[span.kind],
        instrumentation_scope=_SCOPE,
        status=Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, span.error),
        start_time=span.start_ns,
        end_time=max(span.end_ns, span.start_ns),
    )
