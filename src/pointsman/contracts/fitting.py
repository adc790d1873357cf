"""Tells whether a value fits one of a schema's own subschemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pointsman.contracts.faults import pointer
from pointsman.domain.message import JsonObject

if TYPE_CHECKING:
    from jsonschema_rs import ValidatorMap


class Fitting:
    """All subschemas of a document, compiled when first asked for. A subschema is known by identity, not by content."""

    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self._places: dict[int, str] | None = None
        self._validators: ValidatorMap | None = None

    def __call__(self, part: JsonObject, value: Any) -> bool:
        """Return whether ``value`` fits ``part``."""
        if self._places is None or self._validators is None:
            import jsonschema_rs

            self._validators = jsonschema_rs.validator_map_for(self._document, validate_formats=True, offline=True)
            self._places = _places(self._document)
        validator = self._validators.get(self._places.get(id(part), ""))
        return validator is not None and validator.is_valid(value)


def _places(document: JsonObject) -> dict[int, str]:
    from urllib.parse import quote

    found: dict[int, str] = {}
    stack: list[tuple[Any, tuple[str | int, ...]]] = [(document, ())]
    while stack:
        node, path = stack.pop()
        if isinstance(node, dict):
            found[id(node)] = "#" + quote(pointer(path), safe="/~$!&'()*+,;=:@")
            stack += [(one, (*path, key)) for key, one in node.items()]
        elif isinstance(node, list):
            stack += [(one, (*path, number)) for number, one in enumerate(node)]
    return found
