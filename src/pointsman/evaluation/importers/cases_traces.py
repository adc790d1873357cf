"""Traces as cases: OTLP in JSON and spans exported by Phoenix. Every model call among the spans is a case.

By which names they are read stands in ``trace_names``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pointsman.evaluation.importers.case_seam import Found, Wanted
from pointsman.evaluation.importers.cases_exports import request_found, time_between
from pointsman.evaluation.importers.seam import Row
from pointsman.evaluation.importers.trace_names import (
    SESSIONS,
    attributes_of,
    event_messages,
    said_in,
    token_count,
)

_NS_PER_MS = 1e6
_COLUMN = "attributes."
"""How Phoenix names the columns of its table of spans."""


class Traces:
    """Reads export requests (``resourceSpans``), single spans, and Phoenix's rows."""

    name = "otlp"

    def recognises(self, row: Row) -> bool:
        """Tell by the envelope, or by the parts of a span."""
        if "resourceSpans" in row or "resource_spans" in row:
            return True
        named = any(name in row for name in ("spanId", "span_id", "context", "span_kind", "context.span_id"))
        return named and ("attributes" in row or any(str(name).startswith(_COLUMN) for name in row))

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - traces bring everything
        """Name no other file."""
        return {}

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read the model calls of a row; spans of other kinds are passed over."""
        return [one for span in _spans(row) if (one := _call(span, wanted)) is not None]


def _spans(row: Row) -> Iterator[Mapping[str, Any]]:
    resources = row.get("resourceSpans", row.get("resource_spans"))
    if resources is None:
        yield row
        return
    for resource in resources or ():
        for scope in resource.get("scopeSpans", resource.get("scope_spans")) or ():
            yield from scope.get("spans") or ()


def _columns(span: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a row of a table, in which each is a column; empty cells are left out."""
    return {
        name[len(_COLUMN) :]: value for name, value in span.items() if name.startswith(_COLUMN) and value is not None
    }


def _call(span: Mapping[str, Any], wanted: Wanted) -> Found | None:
    flat = attributes_of(span.get("attributes") or _columns(span))
    for event in span.get("events") or ():
        flat = {**event_messages(event), **flat}
    asked, answered, tools = said_in(flat) or (None, None, None)
    if not asked:
        return None
    context = span.get("context")
    ids = {name.removeprefix("context."): value for name, value in span.items()}
    ids |= context if isinstance(context, Mapping) else {}
    session = next((str(flat[name]) for name in SESSIONS if flat.get(name)), None)
    model = flat.get("gen_ai.response.model") or flat.get("gen_ai.request.model") or flat.get("llm.model_name") or ""
    body = {"messages": asked, "model": str(model)} | ({"tools": tools} if tools else {})
    usage = {
        "prompt_tokens": token_count(flat, "input", "prompt"),
        "completion_tokens": token_count(flat, "output", "completion"),
    }
    row = {
        "id": ids.get("spanId") or ids.get("span_id"),
        "session_id": session or ids.get("traceId") or ids.get("trace_id"),
        "request": body,
        "response": {"model": str(model), "usage": usage, "choices": [{"message": answered}]} if answered else None,
    }
    seconds = flat.get("gen_ai.response.time_to_first_chunk")
    return request_found(
        "otlp",
        row,
        wanted,
        latency_ms=_duration(span),
        ttft_ms=seconds * 1000 if isinstance(seconds, int | float) else None,
    )


def _duration(span: Mapping[str, Any]) -> float | None:
    try:
        passed = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / _NS_PER_MS
    except (KeyError, TypeError, ValueError):
        return time_between(span.get("start_time"), span.get("end_time"))
    return passed if passed >= 0 else None
