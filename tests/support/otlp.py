"""Model calls as other programs report them over OTLP, in JSON and protobuf; and a receiver that keeps what it is sent."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

START_NS = 1_795_000_000_000_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def value(plain: Any) -> dict[str, Any]:
    """Return plain data as an OTLP value."""
    match plain:
        case bool():
            return {"boolValue": plain}
        case int():
            return {"intValue": str(plain)}
        case float():
            return {"doubleValue": plain}
        case list():
            return {"arrayValue": {"values": [value(one) for one in plain]}}
        case dict():
            return {"kvlistValue": {"values": pairs(plain)}}
    return {"stringValue": str(plain)}


def pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": value(plain)} for name, plain in attributes.items()]


def a_span(attributes: Mapping[str, Any], n: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a span that took 1.5 s; ``changes`` are its fields in OTLP's JSON."""
    return {
        "traceId": TRACE,
        "spanId": f"{n:016x}",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(START_NS + n),
        "endTimeUnixNano": str(START_NS + n + 1_500_000_000),
        "attributes": pairs(attributes),
        **changes,
    }


def request(*spans: dict[str, Any], scope: str = "opentelemetry.instrumentation.openai") -> dict[str, Any]:
    """Return an export request."""
    resource = {"attributes": pairs({"service.name": "helpdesk"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}]}]}


def as_json(data: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    return json.dumps(data).encode(), {"content-type": "application/json"}


def as_protobuf(data: dict[str, Any], *, packed: bool = False) -> tuple[bytes, dict[str, str]]:
    plain = json.loads(json.dumps(data))
    for resource in plain["resourceSpans"]:
        for scoped in resource["scopeSpans"]:
            for span in scoped["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:  # protobuf's own JSON writes bytes in base64, OTLP's in hex
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    body = ParseDict(plain, ExportTraceServiceRequest()).SerializeToString()
    headers = {"content-type": "application/x-protobuf"}
    return (gzip.compress(body), headers | {"content-encoding": "gzip"}) if packed else (body, headers)


class Receiver:
    """What a loopback collector was sent. ``answers`` are the statuses of the next requests; after them 200."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.metrics: dict[str, dict[str, Any]] = {}
        self.headers: dict[str, str] = {}
        self.answers: list[int] = []
        self.asked = 0
        self.refuse: str | None = None
        self.base_url = ""

    def take(self, path: str, body: bytes) -> int:
        self.asked += 1
        if path.endswith("/metrics"):
            found = MessageToDict(ExportMetricsServiceRequest.FromString(body))
            for resource in found["resourceMetrics"]:
                for scope in resource["scopeMetrics"]:
                    self.metrics |= {one["name"]: one for one in scope["metrics"]}
            return 200
        status = self.answers.pop(0) if self.answers else 200
        if self.refuse is not None and self.refuse.encode() in body:
            return 400
        if status == 200:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        told = MessageToDict(span)
                        told["ids"] = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                        told["resource"] = flat(MessageToDict(resource.resource)["attributes"])
                        told["flat"] = flat(told.get("attributes", []))
                        self.spans.append(told)
        return status

    def named(self, name: str) -> list[dict[str, Any]]:
        return [span for span in self.spans if span["name"].startswith(name)]


def flat(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["key"]: _plain(one["value"]) for one in found}


def _plain(found: dict[str, Any]) -> Any:
    (kind, held), *_ = found.items()
    if kind == "intValue":
        return int(held)
    return [_plain(one) for one in held.get("values", [])] if kind == "arrayValue" else held


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a collector on a loopback port."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            kept.headers = {name.lower(): held for name, held in self.headers.items()}
            status = kept.take(self.path, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.base_url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
