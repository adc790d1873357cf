"""What a JSON Schema says about sizes, and whether the compact grammar can hold a reply to all of it."""

from __future__ import annotations

from typing import Any

from pointsman.domain.message import JsonObject

_MOST = 500
_SPAN = 256
_DEPTH = 32
_KINDS = ("object", "array", "string", "integer", "number", "boolean", "null")
_NOTES = frozenset(
    {"title", "description", "default", "examples", "format", "$schema", "$id", "$comment", "deprecated"}
)
_SAID = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"minLength", "maxLength"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "number": {"minimum"},
}


class Bounds:
    """Sizes that a schema sets, as far as a grammar can keep them.

    ``numbers``: all integers allowed, where both ends are given and lie close together; else ``integer_rule`` names the rule.
    """

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema
        low, high = self._whole("minimum"), self._whole("maximum")
        above, below = self._whole("exclusiveMinimum"), self._whole("exclusiveMaximum")
        ends = [end for end in (low, None if above is None else above + 1) if end is not None]
        tops = [top for top in (high, None if below is None else below - 1) if top is not None]
        self.low = max(ends, default=None)
        self.high = min(tops, default=None)
        close = self.low is not None and self.high is not None and 0 <= self.high - self.low <= _SPAN
        self.numbers = range(self.low or 0, (self.high or 0) + 1) if close else range(0)
        self.integer_rule = "integer" if self.low is None or self.low < 0 else "positive" if self.low > 0 else "natural"

    def _whole(self, word: str) -> int | None:
        found = self._schema.get(word)
        if isinstance(found, float) and found.is_integer():
            return int(found)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def limited(self, *words: str) -> bool:
        """Return whether one of these words is there."""
        return any(self._whole(word) is not None for word in words)

    def size(self, least: str, most: str, usual: int) -> tuple[int, int]:
        """Return the smallest and largest size; ``usual`` keeps a small model from running on where nothing does."""
        low = min(max(0, self._whole(least) or 0), _MOST)
        said = self._whole(most)
        high = max(usual, low) if said is None else min(max(0, said), max(usual, low))
        return min(low, high), high

    def _sized(self, least: str, most: str) -> bool:
        low, high = self._whole(least) or 0, self._whole(most)
        return low <= _MOST and (high is None or low <= high)

    @property
    def kept(self) -> bool:
        """True where the rules keep every number given here."""
        if any(word in self._schema and self._whole(word) is None for word in _WORDS):
            return False
        if not all(self._sized(f"min{what}", f"max{what}") for what in ("Length", "Items")):
            return False
        if self.low is None and self.high is None:
            return True
        return bool(self.numbers) or (self.high is None and self.low in (0, 1))


_WORDS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)


def kinds_of(schema: JsonObject) -> list[str]:
    """Return the types a schema names, or those its keywords speak of; empty: any type."""
    kind = schema.get("type")
    named_kinds = [kind] if isinstance(kind, str) else kind if isinstance(kind, list) else []
    kinds = [word for word in named_kinds if isinstance(word, str) and word in _KINDS]
    if kinds or named_kinds:
        return kinds
    if "properties" in schema or "required" in schema:
        return ["object"]
    return ["array"] if "items" in schema else []


def named(document: Any, ref: str) -> Any:
    """Return what a local reference (``#``, ``#/$defs/name``) points to, or None."""
    if not ref.startswith("#"):
        return None
    node = document
    for step in ref.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or key not in node:
            return None
        node = node[key]
    return node


def covered(schema: Any, document: Any = None, depth: int = 0) -> bool:
    """Return True where the compact grammar allows only replies that are valid under ``schema``."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return schema is True and depth <= _DEPTH
    document = schema if document is None else document
    rest = schema.keys() - _NOTES - {"$defs", "definitions"}
    if not all(covered(node, document, depth + 1) for node in _dicts(schema, "$defs") + _dicts(schema, "definitions")):
        return False
    if "$ref" in rest:
        ref = schema["$ref"]
        return rest == {"$ref"} and isinstance(ref, str) and named(document, ref) is not None and ref != "#"
    for word in ("const", "enum"):
        if word in rest:
            values = schema["enum"] if word == "enum" else [schema[word]]
            return rest <= {word, "type"} and isinstance(values, list) and bool(values)
    for word in ("anyOf", "allOf"):
        if word in rest:
            nodes = schema[word] if isinstance(schema[word], list) else []
            fits = bool(nodes) if word == "anyOf" else len(nodes) == 1
            return fits and rest == {word} and all(covered(node, document, depth + 1) for node in nodes)
    return _covered_kinds(schema, rest, document, depth)


def _covered_kinds(schema: JsonObject, rest: set[str], document: Any, depth: int) -> bool:
    kinds = kinds_of(schema)
    said = {"type"}.union(*(_SAID.get(kind, set()) for kind in kinds))
    if not rest <= said or ("type" in rest and not kinds) or not Bounds(schema).kept:
        return False
    number = "number" in kinds and schema.get("minimum") not in (None, 0)
    below = _dicts(schema, "properties")
    below += [schema[word] for word in ("items", "additionalProperties") if isinstance(schema.get(word), dict)]
    return not number and all(covered(node, document, depth + 1) for node in below)


def _dicts(schema: JsonObject, word: str) -> list[Any]:
    found = schema.get(word)
    return list(found.values()) if isinstance(found, dict) else []
