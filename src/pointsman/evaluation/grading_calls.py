"""The tool calls of an answer, decoded: asked for natively, or written as text in Python's call syntax."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from pointsman.evaluation.answers import Answer
from pointsman.evaluation.grading_text_calls import NotCalls, TextCall, text_calls

NATIVE_LIMIT = 4_000_000
"""Longer argument texts are not read, in characters: no tool takes them, and a grader must stay quick."""


class WrittenCall(msgspec.Struct, frozen=True):
    """One call as the model wrote it. ``problem`` says why ``arguments`` is not what it should be; None: it is an object."""

    name: str
    arguments: Any
    problem: str | None = None


class WrittenCalls(msgspec.Struct, frozen=True):
    """All calls of an answer. ``native`` False: they were written as text. ``problem``: the text could not be read as calls."""

    calls: tuple[WrittenCall, ...]
    native: bool = True
    problem: str | None = None


def calls_of(answer: Answer) -> WrittenCalls | None:
    """Return the calls of an answer; None where there is no answer at all (the provider failed)."""
    if answer.text_calls is not None:
        return _from_text(answer.text_calls)
    if answer.reply is None:
        return None
    return WrittenCalls(tuple(_native(call.name, call.arguments) for call in answer.reply.tool_calls))


def _native(name: str, arguments: str) -> WrittenCall:
    if len(arguments) > NATIVE_LIMIT:
        return WrittenCall(name, None, "the arguments are longer than any tool takes")
    if not arguments.strip():
        return WrittenCall(name, {})  # how some dialects write a call without arguments
    try:
        value = json.loads(arguments)
        twice = _may_repeat(arguments, value) and _repeats(arguments)
    except (ValueError, RecursionError) as error:
        return WrittenCall(name, None, f"the arguments are not JSON: {error}"[:200])
    if not isinstance(value, dict):
        return WrittenCall(name, value, "the arguments are not an object")
    return WrittenCall(name, value, "a key stands twice" if twice else None)


def _may_repeat(text: str, value: Any) -> bool:
    """Tell whether a key might stand twice. Where every colon ends a key, and there are as many as keys, none does."""
    colons = text.count(":")
    return not isinstance(value, dict) or colons != len(value) or colons != text.count('":')


def _repeats(text: str) -> bool:
    found: list[bool] = []

    def once(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        found.append(len(made) < len(items))
        return made

    json.loads(text, object_pairs_hook=once)
    return any(found)


def _from_text(text: str) -> WrittenCalls:
    try:
        read = text_calls(text)
    except NotCalls as problem:
        return WrittenCalls((), native=False, problem=str(problem))
    return WrittenCalls(tuple(map(_written, read)), native=False)


def _written(call: TextCall) -> WrittenCall:
    problem = "values stand without a name" if call.positional else "a name stands twice" if call.repeated else None
    return WrittenCall(call.name, call.arguments, problem)
