"""Turns what is wrong with a policy into lines a person can act on: file:line, field, problem, what to write."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec
from pydantic import BaseModel, ValidationError

from pointsman.catalog.located_yaml import LocatedYaml, Place
from pointsman.errors import PolicyError
from pointsman.routing.conditions import near
from pointsman.routing.sections import looks_like_a_key

MAX_SHOWN = 10
# Keys that stand where they do not belong, a model's name for example: messages end up in logs.
_SECRET = re.compile(r"\b(?:sk[-_]|AIza|gsk_|tgp_|xai-|ya29\.)[\w.-]{12,}")

_PLAIN = {
    "missing": "is missing",
    "string_type": "must be text; put quotes around it",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "dict_type": "must be a mapping (indented key: value lines)",
    "model_type": "must be a mapping (indented key: value lines)",
    "model_attributes_type": "must be a mapping (indented key: value lines)",
    "tuple_type": "must be a list, such as [a, b]",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong: the path of the field and the sentence about it."""

    path: Place
    text: str


def raise_problems(source: str, document: LocatedYaml, problems: Iterable[Problem]) -> NoReturn:
    """Raise all problems as one error, in the order of the file, the first ten in full.

    Raises:
        PolicyError: always.
    """
    lines = sorted(((document.line(problem.path), problem) for problem in problems), key=lambda pair: pair[0])
    shown = [
        f"{source}:{line}: {_printable(spell(problem.path) + problem.text)}" for line, problem in lines[:MAX_SHOWN]
    ]
    if len(lines) > MAX_SHOWN:
        shown.append(f"... and {len(lines) - MAX_SHOWN} more")
    raise PolicyError(_SECRET.sub("(hidden)", "\n".join(shown)))


def _printable(text: str) -> str:
    """Return ``text`` on one line: names from the file may hold anything."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def spell(path: Place) -> str:
    """Return a path as people write it: ``rules[2].when: ``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return f"{text}: " if text else ""


def from_validation(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return Pydantic's findings in our words. No input value is repeated where it may be a secret."""
    return [_problem(item, model) for item in error.errors(include_url=False, include_context=True)]


def _problem(item: Any, model: type[BaseModel]) -> Problem:
    path: Place = tuple(item["loc"])
    kind = item["type"]
    if kind == "extra_forbidden":
        return Problem(path, _unknown_key(path, item["input"], model))
    if kind == "literal_error":
        return Problem(path, _not_one_of(item))
    if kind == "value_error":
        return Problem(path, str(item["ctx"]["error"]))
    return Problem(path, _PLAIN.get(kind, _lower(item["msg"])))


def _unknown_key(path: Place, value: Any, model: type[BaseModel]) -> str:
    key = str(path[-1])
    if isinstance(value, str) and (looks_like_a_key(value) or key in {"api_key", "key", "token", "secret"}):
        return "keys never stand in a policy; put the key into an environment variable and write api_key_env: ITS_NAME"
    section = _section(path[:-1], model)
    known = [info.alias or name for name, info in section.model_fields.items()] if section else []
    return f"unknown key{near(key, known)}" if known else "unknown key"


def _not_one_of(item: Any) -> str:
    expected = item["ctx"]["expected"]
    words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
    value = item["input"]
    if not isinstance(value, str):
        return f"must be {expected}"
    hint = near(value[:60], words)
    return f"must be {expected}{hint if hint.startswith('; did') else ''}"


def _lower(text: str) -> str:
    text = text.removeprefix("Input ").removeprefix("Value error, ")
    return text.replace("should", "must", 1)


def _section(path: Place, model: type[BaseModel]) -> type[BaseModel] | None:
    """Return the model whose keys stand at ``path``."""
    current: Any = model
    for step in path:
        current = _step(current, step)
        if current is None:
            return None
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _step(current: Any, step: str | int) -> Any:
    if isinstance(current, type) and issubclass(current, BaseModel):
        for name, info in current.model_fields.items():
            if step in {name, info.alias}:
                return _core(info.annotation)
        return None
    if typing.get_origin(current) in {dict, tuple, list}:
        inner = [arg for arg in typing.get_args(current) if arg is not Ellipsis]
        return _core(inner[-1]) if inner else None
    return None


def _core(annotation: Any) -> Any:
    """Look through ``Annotated`` and ``| None``."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        kept = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
        return _core(kept[0]) if len(kept) == 1 else None
    return annotation
