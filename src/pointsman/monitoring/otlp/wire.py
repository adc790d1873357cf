"""The body of an OTLP/HTTP request as plain spans: protobuf or JSON, packed or not; and the answers to it.

OTLP 1.x: https://opentelemetry.io/docs/specs/otlp/ . Sizes are bounded before anything is unpacked or read.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from pointsman.errors import RequestError, RequestTooLarge, UsageError
from pointsman.evaluation.importers.trace_names import attributes_of

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
MOST_BYTES: Final = 64 * 1024 * 1024
MOST_SPANS: Final = 20_000
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")
_GZIP: Final = 31  # zlib's word for "with a gzip head"


class Happened(msgspec.Struct, frozen=True):
    """An event of a span, at a moment in Unix nanoseconds."""

    name: str
    at_ns: int
    attributes: dict[str, Any]


class Received(msgspec.Struct, frozen=True):
    """One span as it was sent. Ids are hex; ``failed`` is the status ERROR."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    events: tuple[Happened, ...] = ()
    failed: bool = False
    message: str = ""
    resource: Mapping[str, Any] = msgspec.field(default_factory=dict)
    scope: str = ""

    @property
    def sound(self) -> bool:
        """Whether its ids and times are such as the protocol asks for."""
        ids = _TRACE_ID.fullmatch(self.trace_id) and _SPAN_ID.fullmatch(self.span_id)
        zero = not self.trace_id.strip("0") or not self.span_id.strip("0")
        return bool(ids) and not zero and 0 < self.start_ns < 1 << 62 and 0 < self.end_ns < 1 << 62


def content_type_of(headers: Mapping[str, str]) -> str:
    """Return whether a request is protobuf or JSON.

    Raises:
        RequestError: it is neither.
    """
    said = headers.get("content-type", "").partition(";")[0].strip().lower()
    if said in (PROTOBUF, "application/protobuf"):
        return PROTOBUF
    if said == JSON:
        return JSON
    raise RequestError(f"content-type {said[:60]!r}: OTLP/HTTP is {PROTOBUF} or {JSON}", param="content-type")


def unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return the body as it was before it was packed.

    Raises:
        RequestTooLarge: it is larger than 64 MiB unpacked.
        RequestError: it is packed in an unknown way, or damaged.
    """
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding in ("identity", ""):
        return body
    if coding not in ("gzip", "deflate"):
        raise RequestError(
            f"content-encoding {coding[:40]!r}: gzip, deflate or none is taken", param="content-encoding"
        )
    unpacker = zlib.decompressobj(_GZIP if coding == "gzip" else zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise RequestError(f"the body is no {coding}: {error}") from None
    if unpacker.unconsumed_tail:
        raise RequestTooLarge(f"the body is larger than {MOST_BYTES} bytes when unpacked")
    if not unpacker.eof:
        raise RequestError(f"the body's {coding} is cut short")
    if unpacker.unused_data:
        raise RequestError(f"something stands behind the body's {coding}: send one member")  # dropped, it would be lost
    return plain


def spans_of(body: bytes, content_type: str) -> list[Received]:
    """Return the spans of an export request.

    Raises:
        RequestError: the body is not what its content type says, or holds too many spans.
        UsageError: protobuf, and the package that reads it is not installed.
    """
    found: list[Received] = []
    for span in _from_protobuf(body) if content_type == PROTOBUF else _from_json(body):
        found.append(span)
        if len(found) > MOST_SPANS:
            raise RequestTooLarge(f"more than {MOST_SPANS} spans in one request: send smaller batches")
    return found


def answer(content_type: str, rejected: int, why: str) -> bytes:
    """Return the answer to a request whose spans were taken, but for ``rejected`` ones."""
    if content_type == JSON:
        partial = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": why}} if rejected else {}
        return msgspec.json.encode(partial)
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    response = ExportTraceServiceResponse()
    if rejected:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = why
    return bytes(response.SerializeToString())


def _from_protobuf(body: bytes) -> Iterator[Received]:
    try:
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    except ImportError:
        raise UsageError(
            "reading protobuf takes a package: pip install 'pointsman[telemetry]', or send OTLP as JSON"
        ) from None
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise RequestError("the body is no OTLP export request in protobuf") from None
    for part in request.resource_spans:
        resource = _pairs(part.resource.attributes)
        for scoped in part.scope_spans:
            scope = scoped.scope.name
            for span in scoped.spans:
                yield Received(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex() or None,
                    name=span.name,
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    attributes=_pairs(span.attributes),
                    events=tuple(Happened(one.name, one.time_unix_nano, _pairs(one.attributes)) for one in span.events),
                    failed=span.status.code == 2,  # noqa: PLR2004 - STATUS_CODE_ERROR
                    message=span.status.message,
                    resource=resource,
                    scope=scope,
                )


def _pairs(pairs: Any) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return _pairs(value.kvlist_value.values)
    found = getattr(value, kind)
    return found.hex() if isinstance(found, bytes) else found


def _from_json(body: bytes) -> Iterator[Received]:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise RequestError("the body is no JSON") from None
    try:
        for part in _listed(data, "resourceSpans"):
            resource = attributes_of((part.get("resource") or {}).get("attributes"))
            for scoped in _listed(part, "scopeSpans"):
                scope = str((scoped.get("scope") or {}).get("name") or "")
                for span in _listed(scoped, "spans"):
                    yield _json_span(span, resource, scope)
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise RequestError(f"the body is no OTLP export request in JSON ({str(error)[:120]})") from None


def _listed(data: Any, name: str) -> list[Any]:
    if not isinstance(data, Mapping):
        raise TypeError(f"an object with {name} was expected")
    found = data.get(name) or []
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def _json_span(span: Any, resource: Mapping[str, Any], scope: str) -> Received:
    status = span.get("status") or {}
    return Received(
        trace_id=str(span.get("traceId") or "").lower(),
        span_id=str(span.get("spanId") or "").lower(),
        parent_id=str(span.get("parentSpanId") or "").lower() or None,
        name=str(span.get("name") or ""),
        start_ns=int(span.get("startTimeUnixNano") or 0),
        end_ns=int(span.get("endTimeUnixNano") or 0),
        attributes=attributes_of(span.get("attributes")),
        events=tuple(
            Happened(
                str(one.get("name") or ""), int(one.get("timeUnixNano") or 0), attributes_of(one.get("attributes"))
            )
            for one in span.get("events") or ()
        ),
        failed=status.get("code") in (2, "STATUS_CODE_ERROR"),
        message=str(status.get("message") or ""),
        resource=resource,
        scope=scope,
    )
