"""The last look at a request, the same for every dialect: schemas must be JSON Schema, counts must be counts."""

from __future__ import annotations

from typing import Any

from pointsman.emulator.exchange import Ask, RejectedError

_UNIONS = ("anyOf", "oneOf", "allOf")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SIZES = ("minItems", "maxItems", "minLength", "maxLength")
_DEEPEST = 64


def check_ask(ask: Ask) -> None:
    """Check what the persona relies on.

    Raises:
        RejectedError: a schema is none, or a value has a type no server takes.
    """
    for index, tool in enumerate(ask.tools):
        if not isinstance(tool.description, str):
            raise RejectedError(f"tools[{index}]: the description must be a string.")
        if not _is_schema(tool.schema):
            raise RejectedError(f"tools[{index}]: JSON schema is invalid. It must match JSON Schema draft 2020-12.")
    if ask.schema is not None and not _is_schema(ask.schema):
        raise RejectedError("The JSON schema of the output format is invalid.")
    if not all(isinstance(stop, str) for stop in ask.stops):
        raise RejectedError("Stop sequences must be strings.")
    for value in (ask.max_tokens, ask.n):
        if value is not None and type(value) is not int:
            raise RejectedError("Expected an integer.")


def _is_schema(schema: Any, depth: int = 0) -> bool:
    """Tell whether a value has the form of a JSON Schema; what it says is not judged."""
    if isinstance(schema, bool):
        return depth > 0
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return False
    return _has_plain_words(schema) and all(_is_schema(inner, depth + 1) for inner in _inner(schema))


def _has_plain_words(schema: dict[str, Any]) -> bool:
    kind, required = schema.get("type", ""), schema.get("required", [])
    kinds = kind if isinstance(kind, list) else [kind]
    return (
        all(isinstance(word, str) for word in kinds)
        and isinstance(required, list)
        and all(isinstance(name, str) for name in required)
        and ("enum" not in schema or (isinstance(schema["enum"], list) and bool(schema["enum"])))
        and all(_is_number(schema[word]) for word in _NUMBERS if word in schema)
        and all(_is_size(schema[word]) for word in _SIZES if word in schema)
    )


def _inner(schema: dict[str, Any]) -> list[Any]:
    """Return the schemas inside a schema; something that is none stands for a wrong form."""
    inner: list[Any] = []
    for word in ("properties", "$defs", "definitions"):
        if word in schema:
            inner += schema[word].values() if isinstance(schema[word], dict) else [None]
    for word in _UNIONS:
        if word in schema:
            inner += schema[word] if isinstance(schema[word], list) and schema[word] else [None]
    return [*inner, schema["items"]] if "items" in schema else inner


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_size(value: Any) -> bool:
    # Gemini's own schema type carries sizes as text (proto int64).
    return (isinstance(value, int) and value >= 0) or (isinstance(value, str) and value.isdigit())
