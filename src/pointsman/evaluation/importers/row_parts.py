"""Takes rows apart that hold many calls or runs: what is wrong with one of them costs no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pointsman.errors import RequestError
from pointsman.evaluation.importers.seam import Row


def parts_of(format_name: str, row: Row) -> list[tuple[str, Any]] | None:
    """Return the parts of ``row`` with their places in it ("results[3]"); None where the row is one thing.

    A part is a row of the same format. It is as it stood there, also where it is no object at all.

    Raises:
        RequestError: what should hold the parts is no list.
    """
    match format_name:
        case "promptfoo" if isinstance(outer := row.get("results"), Mapping):
            return list(_numbered("results", outer.get("results")))
        case "langfuse" if isinstance(inner := row.get("observations"), list):
            session = row.get("sessionId") or row.get("id")
            return [(place, _with_session(one, session)) for place, one in _numbered("observations", inner)]
        case "tau" if isinstance(row.get("simulations"), list):
            head = {name: value for name, value in row.items() if name not in ("simulations", "tasks")}
            return [
                (place, {**head, "simulations": [one]}) for place, one in _numbered("simulations", row["simulations"])
            ]
        case "otlp" if "resourceSpans" in row or "resource_spans" in row:
            return list(_spans(row))
    return None


def _numbered(name: str, items: Any) -> Iterator[tuple[str, Any]]:
    if items is not None and not isinstance(items, list):
        raise RequestError(f"{name} is not a list", param=name)
    for number, one in enumerate(items or ()):
        yield f"{name}[{number}]", one


def _with_session(one: Any, session: Any) -> Any:
    return {"traceId": None, "sessionId": session, **one} if isinstance(one, Mapping) else one


def _spans(row: Row) -> Iterator[tuple[str, Any]]:
    for place, resource in _numbered("resourceSpans", row.get("resourceSpans", row.get("resource_spans"))):
        scopes = _field(resource, place, "scopeSpans", "scope_spans")
        for inner, scope in _numbered(f"{place}.scopeSpans", scopes):
            yield from _numbered(f"{inner}.spans", _field(scope, inner, "spans", "spans"))


def _field(holder: Any, place: str, name: str, other: str) -> Any:
    if not isinstance(holder, Mapping):
        raise RequestError(f"{place} is not an object", param=place)
    return holder.get(name, holder.get(other))
