"""A payload one step too deep: under a key of its own, in a list of one, or as JSON text inside a string.

It is taken out only where that loses nothing and cannot mean anything else: exactly one inner value satisfies the schema, the
key is no field of the schema, and nothing stands beside it but a tool call's own words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from pointsman.contracts.faults import pointer
from pointsman.contracts.reading import Node, Reading
from pointsman.contracts.schema_bounds import pointed
from pointsman.contracts.strict_json import NotJson, decode
from pointsman.contracts.verdict import Repair
from pointsman.domain.message import JsonObject

_DEEPEST = 6
_MOST = 10
"""How many inner values that satisfy the schema are told; one is too many to choose from already at two."""
_CALL_WORDS = frozenset({"name", "type", "id"})
_CALL_PAYLOADS = frozenset({"arguments", "parameters", "input", "properties", "args", "function"})

Step = str | int | None
"""A key, an index, or None: the JSON text inside a string."""


class Inner(msgspec.Struct, frozen=True):
    """A value found inside another. ``certain``: nothing stands beside it on the way that would be lost."""

    steps: tuple[Step, ...]
    value: Any
    certain: bool

    @property
    def pointer(self) -> str:
        """Where it stands, as far as a JSON pointer can say (JSON text inside a string has no steps of its own)."""
        return pointer([step for step in self.steps if step is not None])

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """What taking it out does."""
        done = []
        for number, step in enumerate(self.steps):
            where = pointer([one for one in self.steps[:number] if one is not None])
            if step is None:
                done.append(Repair("JSON text inside a string decoded", where))
            elif isinstance(step, int):
                done.append(Repair("list of one opened", where))
            else:
                done.append(Repair(f"unwrapped key {step!r:.80}", where))
        return tuple(done)


def inside(value: Any, declared: frozenset[str]) -> Iterator[Inner]:
    """Yield the values inside ``value`` that could be a wrapped payload, outermost first."""
    level = [Inner((), value, certain=True)]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _one_step(outer, declared)]
        yield from level


def _one_step(outer: Inner, declared: frozenset[str]) -> Iterator[Inner]:
    value = outer.value
    if isinstance(value, str):
        decoded = _decoded(value)
        if decoded is not None:
            yield Inner((*outer.steps, None), decoded, outer.certain)
    elif isinstance(value, list) and len(value) == 1:
        yield Inner((*outer.steps, 0), value[0], outer.certain)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key not in declared and isinstance(one, dict | list | str):
                yield Inner((*outer.steps, key), one, outer.certain and _alone(value, key))


def _alone(value: JsonObject, key: str) -> bool:
    if len(value) == 1:
        return True
    if len(value) > 1 + len(_CALL_WORDS):
        return False
    beside = value.keys() - {key}
    return key in _CALL_PAYLOADS and beside <= _CALL_WORDS and all(isinstance(value[one], str) for one in beside)


def _decoded(text: str) -> Any:
    if not text.strip().startswith(("{", "[", '"')):
        return None
    try:
        return decode(text)
    except NotJson:
        return None


def text_of(text: str, steps: tuple[Step, ...]) -> str:
    """Return the JSON text that stands at ``steps`` in the JSON ``text``, character for character."""
    reading = Reading(text)
    node = reading.root
    for step in steps:
        if step is None:
            reading = Reading(str(json.loads(reading.spelled(node))))
            node = reading.root
        else:
            node = _child(node, step)
    return reading.spelled(node).strip()


def _child(node: Node, step: str | int) -> Node:
    if isinstance(step, int):
        return node.children[step][1]
    return next(child for key, child in node.children if key == step)


def valid_inside(
    value: Any, declared: frozenset[str], valid: Callable[[Any], bool]
) -> tuple[Inner | None, tuple[Inner, ...]]:
    """Return the one value that is certainly the payload (None: there is none), and all that could be."""
    found: list[Inner] = []
    for inner in inside(value, declared):
        covered = any(inner.steps[: len(one.steps)] == one.steps for one in found)
        if isinstance(inner.value, dict | list) and inner.value and not covered and valid(inner.value):
            found.append(inner)
        if len(found) >= _MOST:
            break
    certain = found[0] if len(found) == 1 and found[0].certain else None
    return certain, tuple(found)


def nearly_inside(value: Any, declared: frozenset[str]) -> Inner | None:
    """Return the inner object that is meant as the payload though it is not valid: it alone speaks the schema's words."""
    if isinstance(value, dict) and value.keys() & declared:
        return None
    meant = [
        inner
        for inner in inside(value, declared)
        if inner.certain
        and isinstance(inner.value, dict)
        and 2 * len(inner.value.keys() & declared) >= len(inner.value) > 0
    ]
    return meant[0] if meant else None


def declared_names(document: JsonObject) -> frozenset[str]:
    """Return the names of the fields that the schema's own objects declare at the top."""
    found: set[str] = set()
    stack: list[Any] = [document]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        properties = node.get("properties")
        found |= properties.keys() if isinstance(properties, dict) else set()
        if isinstance(node.get("$ref"), str):
            stack.append(pointed(document, node["$ref"]))
        for word in ("allOf", "anyOf", "oneOf"):
            stack += node.get(word) or ()
    return frozenset(found)


def all_names(document: JsonObject) -> frozenset[str]:
    """Return the names of all fields that a schema declares, at any depth."""
    found: set[str] = set()
    stack: list[Any] = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            properties = node.get("properties")
            found |= properties.keys() if isinstance(properties, dict) else set()
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    return frozenset(found)
