"""What OpenAI refuses in a strict JSON schema."""

from __future__ import annotations

from typing import Any

_FORBIDDEN = ("default", "oneOf", "allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else")


def check_strict(schema: Any) -> str | None:
    """Return what is wrong with a strict schema, None if nothing is."""
    if not isinstance(schema, dict):
        return "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."
    if schema.get("type") != "object" and "$ref" not in schema:
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
    return _wrong(schema, ())


def _wrong(schema: Any, path: tuple[str, ...]) -> str | None:
    if not isinstance(schema, dict):
        return None
    for word in _FORBIDDEN:
        if word in schema:
            return f"In context={path}, '{word}' is not permitted."
    if "$ref" in schema and len(schema) > 1:
        extra = ", ".join(sorted(set(schema) - {"$ref"}))
        return f"In context={path}, $ref cannot have keywords {{{extra}}}."
    if (problem := _wrong_object(schema, path)) is not None:
        return problem
    for name, inner in _inner(schema):
        if (problem := _wrong(inner, (*path, name))) is not None:
            return problem
    return None


def _wrong_object(schema: dict[str, Any], path: tuple[str, ...]) -> str | None:
    kind = schema.get("type")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        return None
    if schema.get("additionalProperties") is not False:
        return f"In context={path}, 'additionalProperties' is required to be supplied and to be false."
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    missing = next((name for name in properties if name not in required), None)
    if missing is not None:
        return (
            f"In context={path}, 'required' is required to be supplied and to be an array including every key in "
            f"properties. Missing '{missing}'."
        )
    extra = next((name for name in required if name not in properties), None)
    return f"In context={path}, extra required key '{extra}' supplied." if extra is not None else None


def _inner(schema: dict[str, Any]) -> list[tuple[str, Any]]:
    inner: list[tuple[str, Any]] = []
    for key in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(key), dict):
            inner += [(f"{key}.{name}", value) for name, value in schema[key].items()]
    if isinstance(schema.get("items"), dict):
        inner.append(("items", schema["items"]))
    inner += [(f"anyOf.{index}", value) for index, value in enumerate(schema.get("anyOf") or ())]
    return inner
