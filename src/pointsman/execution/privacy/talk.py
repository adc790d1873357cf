"""The texts of a conversation's recorded messages, read together: what is split over two of them is taken out of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from pointsman.routing.lexicon.across import ASKED, SPLIT, across
from pointsman.routing.lexicon.identifiers import Finder
from pointsman.routing.lexicon.kinds import Kind
from pointsman.routing.lexicon.numbers import Span

_SIDES: Final = frozenset({"user", "assistant"})
Parts = tuple[tuple[str, bytes], ...]


class _Said(msgspec.Struct):
    """One text of a message: where it stands in the decoded parts, and who said it."""

    part: int
    holder: Any
    key: Any
    text: str
    role: str


def without_split(finder: Finder, parts: Parts, kinds: frozenset[Kind], token: Callable[[Kind, str], str]) -> Parts:
    """Return the parts of a request without what shows only when its messages are read together.

    ``parts`` are redacted one by one already. ``token`` makes what stands for a value.
    """
    said, decoded = _texts(parts)
    changed = _take_out(finder, [one for one in said if one.role == "user"], kinds, token, asked=False)
    changed |= _take_out(finder, said, kinds, token, asked=True)
    if not changed:
        return parts
    return tuple(
        (name, msgspec.json.encode(decoded[place]) if place in changed else raw)
        for place, (name, raw) in enumerate(parts)
    )


def _take_out(
    finder: Finder, said: list[_Said], kinds: frozenset[Kind], token: Callable[[Kind, str], str], *, asked: bool
) -> set[int]:
    found = across(finder, [one.text for one in said], ASKED if asked else SPLIT)
    found = {place: wanted for place, all_ in found.items() if (wanted := [one for one in all_ if one.kind in kinds])}
    for place, spans in found.items():
        one = said[place]
        one.text = _without(one.text, spans, token)
        one.holder[one.key] = one.text
    return {said[place].part for place in found}


def _without(text: str, spans: list[Span], token: Callable[[Kind, str], str]) -> str:
    pieces, at = [], 0
    for span in sorted(spans):
        pieces += [text[at : span.start], token(span.kind, text[span.start : span.end])]
        at = span.end
    return "".join((*pieces, text[at:]))


def _texts(parts: Parts) -> tuple[list[_Said], dict[int, Any]]:
    said: list[_Said] = []
    decoded: dict[int, Any] = {}
    for place, (_, raw) in enumerate(parts):
        try:
            message = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            continue
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _SIDES:
            continue
        decoded[place] = message
        for holder, key in _places(message):
            if isinstance(text := holder.get(key), str) and text:
                said.append(_Said(place, holder, key, text, role))
    return said, decoded


def _places(message: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    places: list[tuple[dict[str, Any], str]] = []
    for name in ("content", "parts"):
        inner = message.get(name)
        if isinstance(inner, str):
            places.append((message, name))
        elif isinstance(inner, list):
            places += [(block, "text") for block in inner if isinstance(block, dict)]
    return places
