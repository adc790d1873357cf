"""Fills JSON schemas with plausible values: arguments for tools, instances for structured output.

Values come from the conversation where it has them (ids, amounts, addresses, dates), else they are the smallest that the schema
allows. Deterministic: the same schema and texts give the same value.
"""

from __future__ import annotations

import re
from typing import Any

_ID = re.compile(
    r"(?<![$€£.,\w])#?\b(?=[A-Za-z_-]*\d)[A-Za-z]{0,6}[-_]?\d[A-Za-z0-9_-]{2,}\b"
    r"(?![.,]\d|\s*(?:dollars?|euros?|usd|eur|percent|days?|hours?|minutes?|times)\b)"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+\b")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_NUMBER = re.compile(r"(?<![\w-])\d+(?:\.\d+)?(?![\w-])")
_ID_NAMES = re.compile(r"(^|_)(id|ids|number|no|code|reference|ref|order|ticket|reservation|account)($|_)|Id$|Number$")
_DEEPEST = 12
_LONGEST = 1000

_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:00:00Z",
    "time": "09:00:00",
    "email": "customer@example.com",
    "uri": "https://example.com/help",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "duration": "P1D",
}


def ids_in(text: str) -> list[str]:
    """Return what looks like an order number or another id, in order, without a leading ``#``."""
    dates = set(_DATE.findall(text))
    found = [match.lstrip("#") for match in _ID.findall(text)]
    return list(dict.fromkeys(item for item in found if item not in dates))


class Filler:
    """Fills schemas from the texts of one conversation, newest text first."""

    def __init__(self, texts: tuple[str, ...], prose: str = "") -> None:
        self._texts = tuple(reversed(texts))
        self._prose = prose or (self._texts[0] if self._texts else "")

    def arguments(self, schema: dict[str, Any], *, the_id: str | None = None) -> tuple[dict[str, Any], list[str]]:
        """Return arguments for a tool, and the required id-like properties the conversation gives no value for."""
        root = schema
        properties = schema.get("properties")
        required = set(schema.get("required") or ())
        values: dict[str, Any] = {}
        missing: list[str] = []
        for name, sub in (properties if isinstance(properties, dict) else {}).items():
            known = self._known(name, _resolved(sub, root), the_id)
            if known is not None:
                values[name] = known
            elif name in required:
                values[name] = self._made(name, sub, root, 0)
                if _ID_NAMES.search(name):
                    missing.append(name)
        return values, missing

    def instance(self, schema: dict[str, Any]) -> Any:
        """Return a small valid instance of ``schema``."""
        return self._made("", schema, schema, 0)

    def _known(self, name: str, schema: dict[str, Any], the_id: str | None) -> Any:
        """Return a value found in the conversation, or None."""
        kind = _kind(schema)
        if "enum" in schema or "const" in schema:
            return self._mentioned(schema)
        if kind == "array" and isinstance(schema.get("items"), dict):
            item = self._known(name.removesuffix("s"), schema["items"], the_id)
            return None if item is None else [item]
        found = self._found(name, schema, kind, the_id)
        if found is None or kind == "string" or not isinstance(found, str):
            return found
        return _number(found, kind)

    def _found(self, name: str, schema: dict[str, Any], kind: str, the_id: str | None) -> Any:
        if kind not in {"string", "integer", "number"}:
            return None
        if _ID_NAMES.search(name):
            return the_id or next((found for text in self._texts for found in ids_in(text)), None)
        for word, pattern in (("email", _EMAIL), ("date", _DATE)):
            if word in name.lower() or schema.get("format") == word:
                return self._first(pattern)
        return self._amount() if kind != "string" else None

    def _amount(self) -> str | None:
        """Return the newest number that is no id and no part of a date."""
        for text in self._texts:
            ids = set(ids_in(text))
            rest = _DATE.sub(" ", text)
            found = next((number for number in _NUMBER.findall(rest) if number not in ids), None)
            if found is not None:
                return str(found)
        return None

    def _mentioned(self, schema: dict[str, Any]) -> Any:
        if "const" in schema:
            return schema["const"]
        for text in self._texts:
            for option in schema["enum"]:
                if isinstance(option, str) and option and option.lower().replace("_", " ") in text.lower():
                    return option
        return None

    def _first(self, pattern: re.Pattern[str]) -> str | None:
        return next((found.group() for text in self._texts if (found := pattern.search(text))), None)

    def _made(self, name: str, schema: Any, root: dict[str, Any], depth: int) -> Any:
        schema = _resolved(schema, root)
        if depth > _DEEPEST:
            return None
        if "const" in schema or "enum" in schema:
            mentioned = self._mentioned(schema)
            return schema["enum"][0] if mentioned is None else mentioned
        kind = _kind(schema)
        if kind == "object":
            properties = schema.get("properties") or {}
            required = schema.get("required") or ()
            return {key: self._made(key, properties.get(key, {}), root, depth + 1) for key in required}
        if kind == "array":
            size = min(int(schema.get("minItems") or 0), _LONGEST)
            return [self._made(name, schema.get("items") or {}, root, depth + 1) for _ in range(size)]
        return self._scalar(name, schema, kind)

    def _scalar(self, name: str, schema: dict[str, Any], kind: str) -> Any:
        if kind in {"integer", "number"}:
            return self._numeric(name, schema, kind)
        if kind == "boolean":
            return True
        return None if kind == "null" else self._words(name, schema)

    def _numeric(self, name: str, schema: dict[str, Any], kind: str) -> int | float:
        known = self._known(name, schema, None)
        if isinstance(known, int | float) and _within(known, schema):
            return known
        step = schema.get("multipleOf") or 1
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        value: float = 1 if low is None else low
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            value += step
        if high is not None and value > high:
            value = high
        if value % step:
            value += step - value % step
        return int(value) if kind == "integer" else value

    def _words(self, name: str, schema: dict[str, Any]) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        known = self._known(name, schema, None)
        text = str(known) if known is not None else self._prose or f"sample {name}".strip()
        text = text[: int(schema.get("maxLength", 200))]
        return text.ljust(min(int(schema.get("minLength") or 0), _LONGEST), "x")


def _kind(schema: dict[str, Any]) -> str:
    """Return the JSON type to produce, in lower case (Gemini writes upper case)."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    """Follow references and choose the first branch of a union."""
    for _ in range(_DEEPEST):
        if not isinstance(schema, dict):
            return {}
        if isinstance(schema.get("$ref"), str):
            schema = _pointed(schema["$ref"], root)
            continue
        union = schema.get("anyOf") or schema.get("oneOf")
        if union:
            schema = next((item for item in union if item.get("type") != "null"), union[0])
            continue
        if schema.get("allOf"):
            schema = _merged([_resolved(item, root) for item in schema["allOf"]])
            continue
        return schema
    return {}


def _pointed(reference: str, root: dict[str, Any]) -> Any:
    target: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            target = target.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, dict) else {}
    return target


def _merged(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for schema in schemas:
        merged |= schema | {
            "properties": (merged.get("properties") or {}) | (schema.get("properties") or {}),
            "required": [*(merged.get("required") or ()), *(schema.get("required") or ())],
        }
    return merged


def _number(text: str, kind: str) -> int | float | None:
    digits = _NUMBER.search(re.sub(r"^[A-Za-z_-]+", "", text))
    if digits is None:
        return None
    return int(float(digits.group())) if kind == "integer" else float(digits.group())


def _within(value: float, schema: dict[str, Any]) -> bool:
    return (
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and value > schema.get("exclusiveMinimum", value - 1)
        and value < schema.get("exclusiveMaximum", value + 1)
        and not value % (schema.get("multipleOf") or 1)
    )
