"""JSON Schema as providers take it.

Anthropic's structured output takes a subset and refuses the rest with a 400: what it lacks is moved into ``description``, where
the model may still follow it (the same transformation as Anthropic's own SDK). OpenAI's strict mode wants closed objects with
every property required: a looser schema is not rewritten, since nulls in place of absent values would be another answer,
but sent without ``strict``.
"""

from __future__ import annotations

from typing import Any

from pointsman.domain.message import JsonObject
from pointsman.errors import RequestError
from pointsman.providers.schema_bounds import kinds_of
from pointsman.providers.schema_flat import flat

_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
)
_SIMPLE = ("string", "number", "boolean", "null")
_PRIMITIVE = (str, int, float, bool, type(None))
_MAX_DEPTH = 64


def for_anthropic(schema: JsonObject) -> JsonObject:
    """Return ``schema`` in Anthropic's subset.

    A node that names no type is given those its keywords speak of, or every simple one: closed objects have no "any".

    Raises:
        RequestError: the schema is recursive, nested too deep, or no schema at all.
    """
    return _subset(flat(schema), "response_format.schema", 0)


def _subset(schema: object, where: str, depth: int) -> JsonObject:
    if schema is True:
        schema = {}
    if not isinstance(schema, dict):
        raise RequestError(f"{where}: a JSON Schema must be an object for this provider", param="response_format")
    if depth > _MAX_DEPTH:
        raise RequestError(f"{where}: the schema is nested deeper than {_MAX_DEPTH}", param="response_format")
    rest = dict(schema)
    kept: JsonObject = {}
    for word in ("$defs", "definitions"):
        defs = rest.pop(word, None)
        if isinstance(defs, dict):
            kept[word] = {name: _subset(node, f"{where}.{word}.{name}", depth + 1) for name, node in defs.items()}
    if "$ref" in rest:
        kept["$ref"] = rest.pop("$ref")
        return kept
    kind = _literals_or_type(rest, kept, where, depth)
    kept.update({word: rest.pop(word) for word in ("description", "title") if rest.get(word) is not None})
    _typed_keywords(kind, rest, kept, where, depth)
    if rest:
        _describe(rest, kept)
    return kept


def _typed_keywords(kind: object, rest: JsonObject, kept: JsonObject, where: str, depth: int) -> None:
    if kind == "object":
        _object(rest, kept, where, depth)
    elif kind == "array":
        _array(rest, kept, where, depth)
    elif kind == "string" and rest.get("format") in _FORMATS:
        kept["format"] = rest.pop("format")


def _literals_or_type(rest: JsonObject, kept: JsonObject, where: str, depth: int) -> object:
    """Move enum, const, combinations or the type from ``rest`` to ``kept``; return the type where it was kept."""
    kind = rest.pop("type", None)
    enum = rest.get("enum")
    if isinstance(enum, list) and enum and all(isinstance(value, _PRIMITIVE) for value in enum):
        kept["enum"] = list(rest.pop("enum"))
    if "const" in rest and isinstance(rest["const"], _PRIMITIVE):
        kept["const"] = rest.pop("const")
    literal = "enum" in kept or "const" in kept
    for word, target in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
        variants = rest.pop(word, None)
        if isinstance(variants, list) and "anyOf" not in kept and "allOf" not in kept:
            kept[target] = [_subset(node, f"{where}.{word}", depth + 1) for node in variants]
    if literal or "anyOf" in kept or "allOf" in kept:
        return None if literal else kind
    kind = _spoken_of(rest) if kind is None else kind
    if isinstance(kind, list) and kind:
        # A type union is written as alternatives; each keeps the keywords meant for it.
        kept["anyOf"] = [_subset({"type": one, **_of_type(one, rest)}, where, depth + 1) for one in kind]
        for one in kind:
            for word in _of_type(one, rest):
                rest.pop(word)
        return None
    if not isinstance(kind, str):
        raise RequestError(f"{where}: this provider needs a type (or anyOf, enum, const) here", param="response_format")
    kept["type"] = kind
    return kind


def _spoken_of(rest: JsonObject) -> object:
    """Return the type that the keywords of a node without one speak of, or all simple ones."""
    found = kinds_of(rest)
    return found[0] if found else list(_SIMPLE)


_KEYWORDS = {
    "object": ("properties", "required", "additionalProperties"),
    "array": ("items", "minItems", "maxItems"),
    "string": ("format", "minLength", "maxLength", "pattern"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
}


def _of_type(kind: object, rest: JsonObject) -> JsonObject:
    return {word: rest[word] for word in _KEYWORDS.get(str(kind), ()) if word in rest}


def _object(rest: JsonObject, kept: JsonObject, where: str, depth: int) -> None:
    properties = rest.pop("properties", None) or {}
    kept["properties"] = {name: _subset(node, f"{where}.{name}", depth + 1) for name, node in properties.items()}
    rest.pop("additionalProperties", None)
    kept["additionalProperties"] = False
    required = rest.pop("required", None)
    if required is not None:
        kept["required"] = required


def _array(rest: JsonObject, kept: JsonObject, where: str, depth: int) -> None:
    items = rest.get("items")
    first = rest.get("prefixItems")
    if isinstance(first, list) and first:
        # Item by item cannot be said: each may be any of them, and the description tells the order.
        items = {"anyOf": [*first, items] if isinstance(items, dict) else first}
    if items is not None and items is not False:
        rest.pop("items", None)
        kept["items"] = _subset(items, f"{where}[]", depth + 1)
    if rest.get("minItems") in {0, 1}:
        kept["minItems"] = rest.pop("minItems")


def _describe(rest: JsonObject, kept: JsonObject) -> None:
    said = "{" + ", ".join(f"{word}: {value}" for word, value in rest.items()) + "}"
    before = kept.get("description")
    kept["description"] = said if before is None else f"{before}\n\n{said}"


_OPENAI_REFUSES = frozenset({
    "default", "allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas",
    "patternProperties", "unevaluatedProperties", "propertyNames", "minProperties", "maxProperties", "uniqueItems",
    "contains", "minContains", "maxContains", "unevaluatedItems",
})  # fmt: skip


def is_strict(schema: Any, depth: int = 0) -> bool:
    """True where OpenAI's strict mode takes ``schema`` as it is."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH or _OPENAI_REFUSES & schema.keys():
        return False
    if depth == 0 and (schema.get("type") != "object" or "anyOf" in schema):
        return False
    if "$ref" in schema:
        return len(schema.keys() - {"$defs", "definitions", "description"}) == 1
    if _is_object(schema):
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
            return False
    below = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    below += [node for word in ("$defs", "definitions") for node in schema.get(word, {}).values()]
    if "items" in schema:
        below.append(schema["items"])
    return all(is_strict(node, depth + 1) for node in below)


def _is_object(schema: JsonObject) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)
