"""JSON Schemas without ``allOf``, for providers that cannot close an object made of several.

Anthropic wants every object closed, and takes no ``allOf`` over references. Closed apart, the parts of a merged object would each
refuse the fields of the others; written as one object they say the same.
"""

from __future__ import annotations

from typing import Any

from pointsman.domain.message import JsonObject
from pointsman.errors import RequestError
from pointsman.providers.schema_bounds import named

_MOST_STEPS = 20_000
_MAX_DEPTH = 64
_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MERGED = frozenset(
    {"type", "properties", "required", "additionalProperties", "unevaluatedProperties", "description", "title"}
)


def flat(schema: JsonObject) -> JsonObject:
    """Return ``schema`` with merged objects written as one; whatever cannot be merged stays as it is.

    Raises:
        RequestError: the schema refers to itself, which the provider refuses, or it is out of bounds.
    """
    whole: JsonObject = _Flattening(schema).run(schema, 0)
    return whole


class _Flattening:
    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self._steps = 0
        self._refs: list[str] = []
        self._clean: set[str] = set()

    def run(self, schema: Any, depth: int) -> Any:
        """Return one node without ``allOf``, and check that its references come to an end."""
        self._steps += 1
        if depth > _MAX_DEPTH or self._steps > _MOST_STEPS:
            raise RequestError(
                "response_format.schema: the schema is nested too deep or too large", param="response_format"
            )
        if not isinstance(schema, dict):
            return schema
        self._follow(schema, depth)
        node = {word: self._below(word, value, depth) for word, value in schema.items()}
        branches = node.get("allOf")
        return self._merged(node, branches, depth) if isinstance(branches, list) else node

    def _below(self, word: str, value: Any, depth: int) -> Any:
        if word in _MAPS and isinstance(value, dict):
            return {name: self.run(node, depth + 1) for name, node in value.items()}
        if word in _LISTS and isinstance(value, list):
            return [self.run(node, depth + 1) for node in value]
        return self.run(value, depth + 1) if word in {"items", "additionalProperties"} else value

    def _follow(self, schema: JsonObject, depth: int) -> None:
        ref = schema.get("$ref")
        if not isinstance(ref, str) or ref in self._clean:
            return
        if ref == "#" or ref in self._refs:
            raise RequestError(
                f"response_format.schema: {ref} refers to itself, and this provider takes no recursive schema",
                param="response_format",
            )
        self._refs.append(ref)
        self.run(named(self._document, ref), depth + 1)
        self._refs.pop()
        self._clean.add(ref)

    def _merged(self, node: JsonObject, branches: list[Any], depth: int) -> JsonObject:
        rest = {word: value for word, value in node.items() if word != "allOf"}
        parts = [self._resolved(branch, depth) for branch in branches]
        if (
            len(parts) == 1
            and isinstance(parts[0], dict)
            and not parts[0].keys() & rest.keys() - {"description", "title"}
        ):
            return {**parts[0], **rest}
        objects = [{word: value for word, value in rest.items() if word not in {"$defs", "definitions"}}, *parts]
        if not all(_is_plain_object(part) for part in objects if part):
            return node
        whole = {word: value for word, value in rest.items() if word not in {"unevaluatedProperties", "required"}}
        properties: JsonObject = {}
        required: dict[str, None] = {}
        for part in objects:
            for name, field in part.get("properties", {}).items():
                if properties.setdefault(name, field) != field:
                    return node
            required.update(dict.fromkeys(part.get("required", ())))
        return {**whole, "type": "object", "properties": properties, "required": list(required)}

    def _resolved(self, branch: Any, depth: int) -> Any:
        if isinstance(branch, dict) and set(branch) == {"$ref"} and isinstance(branch["$ref"], str):
            return self.run(named(self._document, branch["$ref"]), depth + 1)
        return branch


def _is_plain_object(part: Any) -> bool:
    if not isinstance(part, dict) or not part.keys() <= _MERGED:
        return False
    return part.get("type", "object") == "object" and isinstance(part.get("properties", {}), dict)
