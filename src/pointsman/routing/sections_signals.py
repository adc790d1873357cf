"""The policy's section ``signals``: what signals of your own measure, so that rules may ask for it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

_TYPES: Final[dict[str, Any]] = {"text": str, "integer": int, "number": float, "boolean": bool, "list": list[str]}
_WORD_LIMIT: Final = 100


def _kind(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, str) and value in _TYPES:
        return value
    words = value if isinstance(value, list | tuple) else ()
    if words and all(isinstance(word, str) and 0 < len(word) <= _WORD_LIMIT for word in words):
        return tuple(words)
    raise ValueError(f"must be {', '.join(_TYPES)}, or the list of the only words it may hold, such as [gold, silver]")


FieldKind = Annotated[
    str | tuple[str, ...],
    PlainValidator(_kind),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": list(_TYPES)},
                {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1, "maxLength": _WORD_LIMIT}},
            ]
        }
    ),
]
"""What a field holds: one of five kinds (``list``: of texts), or the only words it may hold."""

OwnFields = Annotated[
    dict[str, FieldKind],
    Field(min_length=1, max_length=30, description="What it measures: text, integer, number, boolean, list, or words."),
]


def python_type(kind: str | tuple[str, ...]) -> Any:
    """Return the type that stands for ``kind`` where conditions are checked."""
    return _TYPES[kind] if isinstance(kind, str) else Literal[kind]
