"""A value that fails its schema, told in our kinds: what is wrong and where, in words a model can act on.

A value that fits none of several alternatives (``anyOf``, ``oneOf``) is told by the one it comes closest to: the alternative
whose literal fields (a discriminator) it matches, then the one with the fewest things wrong.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pointsman.contracts.verdict import Failure, Kind

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

MOST = 50
"""How many failures of one reply are told."""

_ENUM = ("enum", "const")
_SHOWN = 120
_UNEXPECTED = ("additionalProperties", "unevaluatedProperties")


def faults(errors: Iterable[ValidationError], declared: frozenset[str] = frozenset()) -> tuple[Failure, ...]:
    """Return what is wrong, ordered by place, each once. ``declared``: the names of all fields the schema knows anywhere."""
    found: dict[tuple[Kind, str], Failure] = {}
    other_type: set[str] = set()
    knock_on: set[tuple[Kind, str]] = set()
    for error in itertools.islice(errors, MOST):
        if error.kind.name == "unevaluatedProperties":
            # Where one part of a merged schema fails, its fields count as unknown too.
            knock_on.update(
                (one.kind, one.pointer) for one in _unexpected(error) if one.pointer.rpartition("/")[2] in declared
            )
        if error.kind.name == "type":
            other_type.add(pointer(error.instance_path))
        for failure in _of(error):
            found.setdefault((failure.kind, failure.pointer), failure)
    # A number where a word is wanted is no bad choice of word.
    told = [one for one in found.values() if not (one.kind == "bad_enum" and one.pointer in other_type)]
    told = [one for one in told if (one.kind, one.pointer) not in knock_on] or told
    return tuple(sorted(told, key=lambda failure: failure.pointer.split("/"))[:MOST])


def pointer(path: Sequence[str | int]) -> str:
    """Return a path as a JSON pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _of(error: ValidationError) -> list[Failure]:
    word = error.kind.name
    told = _TELLERS.get(word)
    if told is not None:
        return told(error)
    place = pointer(error.instance_path)
    if error.instance_path and isinstance(error.instance_path[-1], int) and word == "falseSchema":
        return [Failure("wrong_type", place, "there are more items than the schema has")]
    if word not in _KINDS and error.schema_path and error.schema_path[-1] in _UNEXPECTED:
        return [Failure("extra_field", place, "this field is not in the schema")]
    return [Failure(_KINDS.get(word, "wrong_type"), place, _sentence(error))]


def _missing(error: ValidationError) -> list[Failure]:
    name = str(getattr(error.kind, "property", ""))
    return [Failure("missing_field", pointer([*error.instance_path, name]), f"the required field {name!r} is missing")]


def _unexpected(error: ValidationError) -> list[Failure]:
    return [
        Failure("extra_field", pointer([*error.instance_path, name]), f"the field {name!r:.80} is not in the schema")
        for name in list(getattr(error.kind, "unexpected", ()))[:MOST]
    ]


def _bad_name(error: ValidationError) -> list[Failure]:
    name = getattr(error.kind, "error", error).instance
    place = pointer([*error.instance_path, str(name)])
    return [Failure("extra_field", place, f"the name {name!r:.80} is not allowed here")]


_KINDS: dict[str, Kind] = {
    "minProperties": "missing_field",
    "dependentRequired": "missing_field",
    "dependencies": "missing_field",
    "maxProperties": "extra_field",
    "falseSchema": "extra_field",
}


def _sentence(error: ValidationError) -> str:
    return error.message if len(error.message) <= 2 * _SHOWN else error.message[: 2 * _SHOWN] + "…"


def _literal(error: ValidationError) -> list[Failure]:
    options = getattr(error.kind, "options", None)
    allowed = options if options is not None else [getattr(error.kind, "expected_value", None)]
    listed = ", ".join(_shown(one) for one in allowed[:MOST])
    said = f"{_shown(error.instance)} is not one of the allowed values: {listed[:400]}"
    if isinstance(error.instance, str) and not error.instance.isascii():
        # Look-alike letters and invisible characters: the two would read the same.
        said += f" (its characters are {ascii(error.instance)[:_SHOWN]})"
    return [Failure("bad_enum", pointer(error.instance_path), said)]


def _alternatives(error: ValidationError) -> list[Failure]:
    branches: list[list[Any]] = list(getattr(error.kind, "context", ()))
    wrong = [branch for branch in branches if branch]
    if len(wrong) < len(branches) or not wrong:
        fits = len(branches) - len(wrong)
        return [
            Failure("wrong_type", pointer(error.instance_path), f"it fits {fits} of the alternatives, not exactly one")
        ]
    here = len(error.instance_path)
    best = min(wrong, key=lambda branch: _distance(branch, here))
    types = _types(wrong, here)
    if types is not None:
        said = " or ".join(types)
        return [Failure("wrong_type", pointer(error.instance_path), f"{_shown(error.instance)} is not of type {said}")]
    literals = _literals(wrong, here)
    if literals is not None:
        return [Failure("bad_enum", pointer(literals[0]), literals[1])]
    return [failure for one in best[:MOST] for failure in _of(one)]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _types(branches: list[list[Any]], here: int) -> list[str] | None:
    """Return the types wanted, where every alternative fails by the type of the value itself."""
    said: dict[str, None] = {}
    for branch in branches:
        first = next((one for one in branch if len(one.instance_path) == here and one.kind.name == "type"), None)
        if first is None:
            return None
        said.update(dict.fromkeys(str(kind) for kind in getattr(first.kind, "types", ())))
    return list(said)


def _literals(branches: list[list[Any]], here: int) -> tuple[list[str | int], str] | None:
    """Return place and message where every alternative fails by a literal of one and the same field (a discriminator)."""
    place: list[str | int] | None = None
    allowed: list[str] = []
    for branch in branches:
        found = next((one for one in branch if one.kind.name in _ENUM and len(one.instance_path) <= here + 1), None)
        if found is None or (place is not None and found.instance_path != place):
            # An alternative of another type altogether (null beside an enum) does not speak about literals.
            if found is None and any(one.kind.name == "type" and len(one.instance_path) == here for one in branch):
                continue
            return None
        place = found.instance_path
        options = getattr(found.kind, "options", None)
        allowed += [
            json.dumps(one, ensure_ascii=False)
            for one in (options if options is not None else [getattr(found.kind, "expected_value", None)])
        ]
    if place is None:
        return None
    return place, f"not one of the allowed values: {', '.join(dict.fromkeys(allowed))[:400]}"


def _distance(branch: list[Any], here: int) -> tuple[int, int, int]:
    """Return how far a value is from an alternative: another type, another discriminator, then the number of faults."""
    other_type = any(one.kind.name == "type" and len(one.instance_path) == here for one in branch)
    other_literal = any(one.kind.name in _ENUM and len(one.instance_path) == here + 1 for one in branch)
    return (2 * other_type + other_literal, len(branch), -max(len(one.instance_path) for one in branch))


_TELLERS: dict[str, Callable[[ValidationError], list[Failure]]] = {
    "required": _missing,
    "additionalProperties": _unexpected,
    "unevaluatedProperties": _unexpected,
    "anyOf": _alternatives,
    "oneOf": _alternatives,
    "enum": _literal,
    "const": _literal,
    "propertyNames": _bad_name,
}
