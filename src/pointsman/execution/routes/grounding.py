"""Whether the values of a tool call stand in the conversation, and whether two calls are the same.

Compared as values: 3 May 2026 is 2026-05-03, A-17 is a17. What a schema lists or gives as default needs no ground, nor do true,
false, nothing, nought and one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from pointsman.domain.message import JsonObject, Text, Tool, ToolCall, ToolResult
from pointsman.domain.turn import Turn
from pointsman.execution.routes.facts import facts, offered, plain, stands
from pointsman.execution.routes.phrases import content_words, folded, stems

_PROSE_WORDS: Final = 8
"""From so many words on a string is the model's own wording (a note, a reason): only the facts in it need ground."""
_DEEPEST: Final = 12
_NUMBERS: Final = {
    word: str(number)
    for number, word in enumerate(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 2)
}
_UNSAID: Final = (0, 1)


class Ground:
    """What a conversation offers as ground: read once, asked for each value."""

    def __init__(self, turn: Turn) -> None:
        texts = list(_texts(turn))
        spelled = [number for text in texts for word in folded(text).split() if (number := _NUMBERS.get(word))]
        self._known = offered([*texts, " ".join(spelled)])
        words = " ".join(folded(text) for text in texts)
        self._folded = f" {words} "
        self._stems = frozenset(stems(words))

    def lacking(self, call: ToolCall, tool: Tool | None) -> list[str]:
        """Return the arguments whose values stand nowhere, as ``path = value``."""
        schema = tool.parameters if tool is not None else {}
        return [
            f"{path} = {str(value)[:80]}"
            for path, value, sub in _leaves(arguments(call), schema, "", 0)
            if not self._holds(value, sub)
        ]

    def _holds(self, value: Any, schema: JsonObject) -> bool:
        if value is None or isinstance(value, bool) or value == "" or value in _UNSAID:
            return True
        if value in schema.get("enum", ()) or value == schema.get("default", ...) or value == schema.get("const", ...):
            return True
        return self._number(value) if isinstance(value, int | float) else self._string(str(value))

    def _number(self, value: float) -> bool:
        number = Decimal(str(value)).normalize() + 0
        return ("number", number) in self._known or any(key[0] == "percent" and key[1] == number for key in self._known)

    def _string(self, value: str) -> bool:
        said = folded(value)
        if f" {said} " in self._folded:
            return True
        found = facts(value)
        if not all(stands(fact, self._known) for fact in found):
            return False
        rest = plain(value)
        for fact in found:
            rest = rest.replace(fact.raw, " ", 1)
        words = content_words(rest)
        return len(words) >= _PROSE_WORDS or all(word in self._stems for word in words)


def arguments(call: ToolCall) -> JsonObject:
    """Return the arguments of a call; none where they are no JSON object."""
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return {}


def canonical(calls: Iterable[ToolCall], tools: Iterable[Tool]) -> list[str]:
    """Return calls as texts that are equal where the calls mean the same: order, spelling and defaults left aside."""
    by_name = {tool.name: tool.parameters for tool in tools}
    found = []
    for call in calls:
        properties = by_name.get(call.name, {}).get("properties")
        known = properties if isinstance(properties, dict) else {}
        kept = {
            name: _plain_value(value)
            for name, value in arguments(call).items()
            if value is not None and not _is_default(value, known.get(name))
        }
        found.append(call.name + msgspec.json.encode(kept, order="deterministic").decode())
    return sorted(found)


def _is_default(value: Any, schema: Any) -> bool:
    return isinstance(schema, dict) and "default" in schema and bool(schema["default"] == value)


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain_value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return str(Decimal(str(value)).normalize() + 0)
    said = folded(value)
    keys = sorted(str(sorted(map(str, fact.offers))) for fact in facts(value))
    words = content_words(value)
    # Two models word a note differently; what it is about must agree all the same.
    return keys if keys and (len(words) >= _PROSE_WORDS or len(keys) == len(words)) else said


def _leaves(value: Any, schema: Any, path: str, depth: int) -> Iterator[tuple[str, Any, JsonObject]]:
    sub = schema if isinstance(schema, dict) else {}
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        properties = sub.get("properties")
        known = properties if isinstance(properties, dict) else {}
        for name, item in value.items():
            yield from _leaves(item, known.get(name), f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, sub.get("items"), f"{path}[{index}]", depth + 1)
    else:
        yield path, value, sub


def _texts(turn: Turn) -> Iterator[str]:
    for message in turn.messages:
        for part in message.parts:
            if isinstance(part, Text):
                yield part.text
            elif isinstance(part, ToolResult):
                yield from (one.text for one in part.content if isinstance(one, Text))
            elif isinstance(part, ToolCall):
                yield part.arguments
