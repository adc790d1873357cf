"""Bounds on a schema before it is compiled: what a hostile or mistaken one could do to whoever checks replies against it.

A schema may come with a request, so it is untrusted. Refused are schemas too large or too deep, references to anything outside
the schema (never fetched), references that lead back to themselves without going deeper into the reply, and references that
multiply (each definition naming the next one twice: thirty of them are a thousand million checks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pointsman.domain.message import JsonObject
from pointsman.errors import UsageError

MAX_NODES = 20_000
"""How many values (objects, lists, scalars) a schema may hold."""

MAX_DEPTH = 64
"""How deep a schema may be nested."""

MAX_WEIGHT = 50_000
"""How many schema objects may apply, references followed, before a reply is looked at."""

MAX_REPEATS = 30_000
"""How often the patterns of a schema may repeat their parts, in sum: ``(a{3}b){4}`` repeats 16 times.

Compiling takes about 10 microseconds and some kilobytes for each.
"""

_REPEAT = re.compile(r"(\)?)\{\s*([0-9]{1,9})\s*(?:,\s*([0-9]{0,9})\s*)?\}")
_REFS = ("$ref", "$dynamicRef", "$recursiveRef")
IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
IN_PLACE = ("not", "if", "then", "else")
MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
CHILDREN = (
    "items",
    "additionalItems",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contains",
    "propertyNames",
)


def check_bounds(schema: JsonObject, name: str) -> bool:
    """Return whether the schema is recursive.

    Raises:
        UsageError: it is refused; the message names the contract and the JSON pointer.
    """
    _check_size(schema, name)
    walk = _Walk(schema, name)
    walk.weigh(schema, "", in_place=())
    return walk.recursive


def _check_size(schema: Any, name: str) -> None:
    seen = repeats = 0
    stack: list[tuple[Any, int]] = [(schema, 0)]
    while stack:
        node, depth = stack.pop()
        seen += 1
        if depth > MAX_DEPTH:
            raise UsageError(f"contract {name!r}: the schema is nested deeper than {MAX_DEPTH} levels")
        if seen > MAX_NODES:
            raise UsageError(f"contract {name!r}: the schema holds more than {MAX_NODES:,} values")
        repeats += _repeats(node) if isinstance(node, dict) else 0
        if repeats > MAX_REPEATS:
            raise UsageError(
                f"contract {name!r}: the schema's patterns repeat their parts more than {MAX_REPEATS:,} times in sum. "
                "Use maxLength for lengths."
            )
        below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        stack += [(value, depth + 1) for value in below]


def _repeats(node: JsonObject) -> int:
    named = node.get("patternProperties")
    patterns = [node.get("pattern"), *(named if isinstance(named, dict) else ())]
    return sum(_repeats_of(one) for one in patterns if isinstance(one, str))


def _repeats_of(pattern: str) -> int:
    single, groups = 1, 1
    for group, least, most in _REPEAT.findall(pattern):
        times = max(int(least), int(most or 0), 1)
        groups = min(groups * times, MAX_REPEATS + 1) if group else groups
        single += 0 if group else times
    return single * groups


def pointed(document: Any, ref: str) -> Any:
    """Return what a local reference (``#``, ``#/$defs/x``, ``#anchor``) names; None where it names nothing."""
    from urllib.parse import unquote

    node = document
    for step in unquote(ref.removeprefix("#")).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(key)
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node


def parts(schema: JsonObject) -> Iterator[tuple[str, Any, bool]]:
    """Yield pointer, subschema and whether it applies to the same value, for each subschema in use (not ``$defs``)."""
    for word in IN_PLACE_LISTS:
        found = schema.get(word)
        yield from ((f"/{word}/{n}", node, True) for n, node in enumerate(found if isinstance(found, list) else ()))
    for word in IN_PLACE:
        if word in schema:
            yield f"/{word}", schema[word], True
    for word in MAPS[:3]:
        found = schema.get(word)
        if isinstance(found, dict):
            yield from ((f"/{word}/{key}", node, word == "dependentSchemas") for key, node in found.items())
    for word in (*CHILDREN, "prefixItems"):
        found = schema.get(word)
        if isinstance(found, list):
            yield from ((f"/{word}/{n}", node, False) for n, node in enumerate(found))
        elif isinstance(found, dict):
            yield f"/{word}", found, False


class _Walk:
    """One walk over a schema with its references followed."""

    def __init__(self, document: JsonObject, name: str) -> None:
        self._document = document
        self._name = name
        self._weights: dict[int, int] = {}
        self._open: set[int] = set()
        self.recursive = False

    def weigh(self, node: Any, where: str, in_place: tuple[int, ...]) -> int:
        """Return how many schema objects ``node`` stands for. ``in_place``: those above it that look at the same value."""
        if not isinstance(node, dict):
            return 1
        if id(node) in in_place:
            raise UsageError(f"contract {self._name!r}: the reference at {where or '/'} leads back to itself")
        if id(node) in self._open:
            self.recursive = True
            return 1
        if id(node) in self._weights:
            return self._weights[id(node)]
        self._open.add(id(node))
        weight = 1
        for ref in _REFS:
            if isinstance(node.get(ref), str):
                weight += self.weigh(self._target(node[ref], f"{where}/{ref}"), f"{where}/{ref}", (*in_place, id(node)))
        for below, part, same_value in parts(node):
            weight += self.weigh(part, where + below, (*in_place, id(node)) if same_value else ())
        if weight > MAX_WEIGHT:
            raise UsageError(
                f"contract {self._name!r}: the references at {where or '/'} multiply to more than {MAX_WEIGHT:,} checks"
            )
        self._open.discard(id(node))
        self._weights[id(node)] = weight
        return weight

    def _target(self, ref: str, where: str) -> Any:
        if not ref.startswith("#"):
            raise UsageError(
                f"contract {self._name!r}: {where} refers to {ref[:200]!r}, outside the schema. Nothing is fetched: "
                "put the definition under $defs and refer to it as #/$defs/NAME."
            )
        if ref != "#" and not ref.startswith("#/"):
            return None  # an anchor: resolved, and checked to exist, by the validator
        found = pointed(self._document, ref)
        if found is None:
            raise UsageError(f"contract {self._name!r}: {where} refers to {ref[:200]!r}, which is not there")
        return found


def load(schema: JsonObject, depth: int) -> int | None:
    """Return how many checks one value ``depth`` levels deep can cause at most, alternatives explained; None: too many to count.

    Telling why a value fits none of several alternatives explores them all, and in a recursive schema again at each level.
    """
    nodes = _objects(schema)
    if len(nodes) * (depth + 1) > _MOST_COUNTED:
        return None
    below: dict[int, int] = dict.fromkeys(nodes, 1)
    for _ in range(depth + 1):
        here: dict[int, int] = {}
        for node in nodes.values():
            _load_of(schema, node, below, here)
        below = here
        if below[id(schema)] > _MOST_COUNTED:
            return None
    return below[id(schema)]


_MOST_COUNTED = 200_000


def _objects(schema: JsonObject) -> dict[int, JsonObject]:
    found: dict[int, JsonObject] = {}
    stack: list[Any] = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            found[id(node)] = node
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    return found


def _load_of(document: JsonObject, node: Any, below: dict[int, int], here: dict[int, int]) -> int:
    if not isinstance(node, dict):
        return 1
    if id(node) not in here:
        total, widest = 1, 0
        for ref in _REFS:
            if isinstance(node.get(ref), str):
                total += _load_of(document, pointed(document, node[ref]), below, here)
        for where, part, same_value in parts(node):
            if same_value:
                total += _load_of(document, part, below, here)
            elif isinstance(part, dict) and where.startswith(("/properties/", "/prefixItems/")):
                # One value meets one of these; the other sorts may meet it together.
                widest = max(widest, below.get(id(part), 1))
            elif isinstance(part, dict):
                total += below.get(id(part), 1)
        here[id(node)] = min(total + widest, _MOST_COUNTED + 1)
    return here[id(node)]
