"""Whether a value given to a tool is one of the right ones, by type and by what it means.

Types are those of JSON and of the tool's schema: true is not 1, "5" is not 5, and 5.0 is 5 only where the schema says number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from pointsman.domain.message import JsonObject
from pointsman.evaluation.grading_texts import same_text

ValueFault = Literal["wrong_type", "wrong_value"]

_TYPES: Final = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
_SCALARS: Final = frozenset({str, int, float, bool})
_KINDS: Final = frozenset(_TYPES.values())
_WORDS: Final = {
    "float": "number",
    "double": "number",
    "int": "integer",
    "bool": "boolean",
    "str": "string",
    "dict": "object",
}
"""How people write types that are not JSON Schema's; other words say nothing."""
_HOPS: Final = 8


def value_fault(given: Any, allowed: Sequence[Any], name: str, schema: Any, root: JsonObject) -> ValueFault | None:
    """Return what is wrong with a value; None where it is one of ``allowed``. ``root`` is where references lead to."""
    kind = type(given)
    if kind in _SCALARS:
        for right in allowed:
            if type(right) is kind and right == given:
                return None
    given = plain(given)
    allowed = [plain(right) if isinstance(right, list | dict | tuple) else right for right in allowed]
    if any(identical(right, given) for right in allowed):
        return None
    resolved = resolve(schema, root)
    types = types_of(resolved, root) or frozenset(_type(right) for right in allowed)
    if not _fits(_type(given), types):
        return "wrong_type"
    return None if any(_same(right, given, name, resolved, root) for right in allowed) else "wrong_value"


def identical(one: Any, other: Any) -> bool:
    """Tell whether two decoded JSON values are the same, types included at every depth. Order counts in lists only."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(identical(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(identical, one, other))
    return bool(one == other)


def plain(value: Any) -> Any:
    """Return a value with lists for tuples: calls written as Python text have tuples, JSON has none."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def properties_of(schema: Any, root: JsonObject) -> JsonObject:
    """Return the properties an object's schema declares; {} where it declares none."""
    found = resolve(schema, root).get("properties")
    return found if isinstance(found, dict) else {}


def resolve(schema: Any, root: JsonObject) -> JsonObject:
    """Return a schema as an object, local references followed; {} where there is nothing to know."""
    for _ in range(_HOPS):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        schema = _at(root, reference)
    return {}


def types_of(schema: JsonObject, root: JsonObject, depth: int = 0) -> frozenset[str]:
    """Return the JSON types a schema allows; empty where it does not say."""
    said = schema.get("type")
    if isinstance(said, str | list):
        words = [said] if isinstance(said, str) else [word for word in said if isinstance(word, str)]
        kinds = frozenset(_WORDS.get(word, word) for word in words)
        return kinds if kinds <= _KINDS else frozenset()
    options = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(options, list) and depth < _HOPS:
        each = [types_of(resolve(option, root), root, depth + 1) for option in options]
        return frozenset().union(*each) if all(each) else frozenset()
    return frozenset(map(_type, schema["enum"])) if isinstance(schema.get("enum"), list) else frozenset()


def _at(root: JsonObject, reference: str) -> Any:
    here: Any = root
    for step in reference[2:].split("/"):
        here = here.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(here, dict) else None
    return here


def _type(value: Any) -> str:
    return _TYPES.get(type(value), "unknown")


def _fits(kind: str, types: Iterable[str]) -> bool:
    return kind in types or (kind == "integer" and "number" in types)


def _same(right: Any, given: Any, name: str, schema: JsonObject, root: JsonObject) -> bool:
    if isinstance(right, bool) or isinstance(given, bool):
        return right is given
    if isinstance(right, int | float) and isinstance(given, int | float):
        # The schema has let a whole number stand for a number; a fraction never stands for a whole number.
        return right == given and math.isfinite(given)
    if isinstance(right, str) and isinstance(given, str):
        return same_text(right, given, name, _text_schema(schema, root))
    if isinstance(right, list) and isinstance(given, list):
        items = schema.get("items", {})
        return len(right) == len(given) and all(
            value_fault(item, (one,), name, items, root) is None for one, item in zip(right, given, strict=True)
        )
    if isinstance(right, dict) and isinstance(given, dict):
        inner = properties_of(schema, root)
        return right.keys() == given.keys() and all(
            value_fault(given[key], (one,), key, inner.get(key, {}), root) is None for key, one in right.items()
        )
    return False


def _text_schema(schema: JsonObject, root: JsonObject) -> JsonObject:
    """Return the part of a union that speaks of text, so that its enum, format and pattern are seen."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if not isinstance(options, list):
        return schema
    texts = [one for option in options if "string" in types_of(one := resolve(option, root), root)]
    return texts[0] if len(texts) == 1 else {"enum": []} if texts else schema
