"""What Anthropic refuses in the schema of structured output: everything outside its subset of JSON Schema."""

from __future__ import annotations

from typing import Any

_KEYWORDS = frozenset(
    {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "anyOf",
        "allOf",
        "$ref",
        "$defs",
        "definitions",
    }
    | {"enum", "const", "description", "title", "format", "minItems", "$schema", "$id"}
)
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")


def check_output_schema(schema: Any) -> str | None:
    """Return what is wrong with a schema, None if nothing is."""
    return "Field required" if not isinstance(schema, dict) else _wrong(schema)


def _wrong(schema: Any) -> str | None:
    if not isinstance(schema, dict):
        return None
    kind = schema.get("type")
    for word in schema:
        if word not in _KEYWORDS:
            return f"For '{kind}' type, property '{word}' is not supported"
    if schema.get("minItems", 0) not in {0, 1}:
        return "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    if "format" in schema and schema["format"] not in _FORMATS:
        return f"For 'string' type, format '{schema['format']}' is not supported"
    if kind == "object" and schema.get("additionalProperties") is not False:
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    return next((problem for inner in _inner(schema) if (problem := _wrong(inner)) is not None), None)


def _inner(schema: dict[str, Any]) -> list[Any]:
    inner: list[Any] = []
    for key in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(key), dict):
            inner += schema[key].values()
    if isinstance(schema.get("items"), dict):
        inner.append(schema["items"])
    return [*inner, *(schema.get("anyOf") or ()), *(schema.get("allOf") or ())]
