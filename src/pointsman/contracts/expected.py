"""Fields that may be left out but are expected: marked ``"x-expected": true`` in the schema, or all optional ones.

A model that silently drops optional fields still gives valid JSON; only the contract's owner knows that the field was wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pointsman.contracts.faults import pointer
from pointsman.contracts.schema_bounds import pointed
from pointsman.contracts.verdict import Failure
from pointsman.domain.message import JsonObject

MARK = "x-expected"
_MOST_STEPS = 10_000

Path = tuple[str | int, ...]


def marked(schema: Any) -> bool:
    """Return whether any field of the schema carries the mark."""
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if node.get(MARK) is True:
                return True
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    return False


def unmarked(schema: Any) -> Any:
    """Return the schema without the mark: providers that hold a model to a schema may refuse words they do not know."""
    if isinstance(schema, dict):
        return {word: unmarked(value) for word, value in schema.items() if word != MARK or value is not True}
    return [unmarked(value) for value in schema] if isinstance(schema, list) else schema


class Expected:
    """Finds expected fields that a value left out. ``fits`` tells whether a value fits a subschema."""

    def __init__(self, document: JsonObject, *, every: bool, fits: Callable[[JsonObject, Any], bool]) -> None:
        self._document = document
        self._every = every
        self._fits = fits

    def dropped(self, value: Any) -> tuple[Failure, ...]:
        """Return one failure for each expected field that is not there."""
        walk = _Walk(self._document, self._every, self._fits)
        found = {
            path: Failure("dropped_optional", pointer(path), f"the field {path[-1]!r} is optional, but expected here")
            for path in walk.missing(self._document, value, ())
        }
        return tuple(found.values())


class _Walk:
    """One walk over a value and its schema side by side, of bounded length."""

    def __init__(self, document: JsonObject, every: bool, fits: Callable[[JsonObject, Any], bool]) -> None:
        self._document = document
        self._every = every
        self._fits = fits
        self._steps = 0

    def missing(self, schema: Any, value: Any, path: Path) -> Iterator[Path]:
        """Yield the place of each expected field that is not there."""
        self._steps += 1
        if not isinstance(schema, dict) or self._steps > _MOST_STEPS:
            return
        for part in self._here(schema, value):
            yield from self.missing(part, value, path)
        properties = schema.get("properties")
        if isinstance(value, dict) and isinstance(properties, dict):
            yield from self._fields(schema, properties, value, path)
        if isinstance(value, list):
            yield from self._items(schema, value, path)

    def _here(self, schema: JsonObject, value: Any) -> Iterator[Any]:
        """Yield the subschemas that speak of the same value: references, all of ``allOf``, the alternative that fits."""
        ref = schema.get("$ref")
        if isinstance(ref, str):
            yield pointed(self._document, ref)
        yield from schema.get("allOf") or ()
        for word in ("anyOf", "oneOf"):
            fitting = (one for one in schema.get(word) or () if isinstance(one, dict) and self._fits(one, value))
            yield next(fitting, None)

    def _fields(self, schema: JsonObject, properties: JsonObject, value: JsonObject, path: Path) -> Iterator[Path]:
        required = schema.get("required") or ()
        for name, part in properties.items():
            if name in value:
                yield from self.missing(part, value[name], (*path, name))
            elif name not in required and (self._every or (isinstance(part, dict) and part.get(MARK) is True)):
                yield (*path, name)

    def _items(self, schema: JsonObject, value: list[Any], path: Path) -> Iterator[Path]:
        first = schema.get("prefixItems") or ()
        for number, one in enumerate(value):
            part = first[number] if number < len(first) else schema.get("items")
            yield from self.missing(part, one, (*path, number))
