"""Keeps the privacy promise of a policy: looks for personal data in everything that would travel with a turn.

The signal ``personal_data`` reads the customer's latest texts; a request carries far more. So where a policy has a privacy
section, every text of the conversation is searched: messages of both sides, tool results, the arguments of tool calls,
text documents, addresses of images, metadata and fields that are passed on. The system prompt is searched only for kinds with a
format of their own (card, IBAN, ...): it is the operator's text, with the shop's own address and telephone number in it. Images,
PDFs and sound cannot be searched.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from pointsman.domain.message import Document, Image, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from pointsman.domain.turn import Turn
from pointsman.routing.lexicon.folding import plain
from pointsman.routing.lexicon.match import Words
from pointsman.routing.lexicon.people import People
from pointsman.routing.lexicon.personal import HARD, SENSITIVE, kinds_in, may_hold
from pointsman.routing.reading import modality_of
from pointsman.routing.sections import Privacy, Residency

MOST: Final = 1_000_000
"""Characters searched. What is longer counts as holding sensitive data: a promise is not kept by looking away."""
_PIECE: Final = 4_000
_OVERLAP: Final = 120
"""No pattern spans more: an IBAN in groups has 42 characters, two words of a phrase stand at most 40 apart."""
_MOST_KEPT: Final = 512
_LONGEST_KEPT: Final = 16_000
_SIDES: Final = frozenset({"user", "assistant"})
_ESCAPES: Final = {r"\n": "\n", r"\t": "\t", r"\r": "\r", r"\/": "/", r"\"": '"'}


class Confinement(msgspec.Struct, frozen=True):
    """Where the turn must stay, and why: a clause with what was found and where, never the data itself."""

    why: str
    residency: Residency


class _Found(msgspec.Struct, frozen=True):
    kinds: frozenset[str]
    place: str

    def why(self, wanted: frozenset[str] | None) -> str:
        kinds = sorted(self.kinds if wanted is None else self.kinds & wanted)
        return f"{', '.join(kinds).replace('_', ' ')} in {self.place}"


class Searched:
    """What was found in texts that were searched before: clients send the whole conversation again with every turn.

    Bounded; safe to share between threads. What is kept of a text is a pure function of it.
    """

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}
        self._door = threading.Lock()

    def kinds(self, text: str) -> frozenset[str]:
        """Return the kinds of personal data in a text of any length."""
        found = self._known.get(text)
        if found is None:
            found = _kinds(text)
            if len(text) <= _LONGEST_KEPT:
                with self._door:
                    if len(self._known) >= _MOST_KEPT:
                        del self._known[next(iter(self._known))]
                    self._known[text] = found
        return found


def confinements(
    privacy: Privacy, turn: Turn, signal: Mapping[str, Any], searched: Searched
) -> tuple[Confinement, ...]:
    """Return what the policy demands of this turn. ``signal`` is personal_data as plain data: what it found needs no search.

    A policy without a privacy section pays nothing.
    """
    if privacy.sensitive is None and privacy.personal is None:
        return ()
    sensitive = _first(turn, signal, SENSITIVE, searched) if privacy.sensitive is not None else None
    personal = _first(turn, signal, None, searched, _people(privacy)) if privacy.personal is not None else None
    found: list[Confinement] = []
    if sensitive is not None and privacy.sensitive is not None:
        found.append(Confinement(f"sensitive data ({sensitive.why(SENSITIVE)})", privacy.sensitive))
    if personal is not None and privacy.personal is not None:
        found.append(Confinement(f"personal data ({personal.why(None)})", privacy.personal))
    return tuple(found)


def _people(privacy: Privacy) -> People | None:
    return None if privacy.presidio is None else privacy.presidio.people


def _first(
    turn: Turn,
    signal: Mapping[str, Any],
    wanted: frozenset[str] | None,
    searched: Searched,
    people: People | None = None,
) -> _Found | None:
    """Return the find nearest to the end of the conversation; None when there is none. ``wanted`` None: any kind."""
    known = frozenset(signal["kinds"])
    if known if wanted is None else known & wanted:
        return _Found(known, "the customer's latest messages")
    left = MOST
    for place, text, hard_only in _texts(turn):
        left -= len(text)
        if left < 0:
            return _Found(wanted or SENSITIVE, f"what could not be searched: more than {MOST:,} characters")
        kinds = searched.kinds(text)
        if hard_only:
            kinds &= HARD
        if people is not None and not kinds and not hard_only:
            kinds = frozenset(span.kind for span in people.find(text))
        if kinds if wanted is None else kinds & wanted:
            return _Found(kinds, place)
    found = _told_apart(turn)
    return found if found is not None and (wanted is None or found.kinds & wanted) else None


def _kinds(text: str) -> frozenset[str]:
    """Return the kinds in a text of any length, a piece at a time: the patterns run only on pieces that may hold some."""
    from pointsman.routing.lexicon.identifiers import Finder  # compiled only where a policy asks for the search

    found: set[str] = set()
    finder = Finder()
    text = plain(text)
    # Looked at as a whole first: of a long text, most holds nothing with a format of its own.
    formats = finder.may_have_formats(text)
    for start in range(0, len(text), _PIECE):
        piece = text[max(0, start - _OVERLAP) : start + _PIECE]
        if formats:
            found |= finder.formats(piece)
        if may_hold(piece):
            found |= kinds_in(Words.of(piece), found, formats=False)
    return frozenset(found)


def _told_apart(turn: Turn) -> _Found | None:
    """Return what shows only when messages are read together: a number in two of them, an answer with its question."""
    from pointsman.routing.lexicon.across import ASKED, SPLIT, across
    from pointsman.routing.lexicon.identifiers import Finder

    said = [(message.role, text) for message in turn.messages if message.role in _SIDES for text in _said(message)]
    finder = Finder()
    for texts, kinds in (([text for role, text in said if role == "user"], SPLIT), ([text for _, text in said], ASKED)):
        spans = [span for found in across(finder, texts, kinds).values() for span in found]
        if spans:
            return _Found(frozenset(span.kind for span in spans), "several messages read together")
    return None


def _texts(turn: Turn) -> Iterator[tuple[str, str, bool]]:
    """Yield (place, text, formats only) from the end of the conversation to its start.

    The texts of one message, and of user messages that stand side by side, are read as one: a number may be split over them.
    """
    names = {part.id: part.name for message in turn.messages for part in message.parts if type(part) is ToolCall}
    run: list[str] = []
    for position in range(len(turn.messages) - 1, -1, -1):
        message = turn.messages[position]
        if message.role == "user":
            run[:0] = _said(message)
            continue
        if run:
            yield f"the customer's message {position + 2}", " ".join(run), False
            run = []
        yield from _of_others(message, position + 1, names)
    if run:
        yield "the customer's message 1", " ".join(run), False
    yield from _beside(turn)


def _beside(turn: Turn) -> Iterator[tuple[str, str, bool]]:
    """Yield what travels with the messages: metadata, addresses of images and files, fields that are passed on as they are."""
    if turn.metadata:
        said = ", ".join(f"{name}: {value}" for name, value in turn.metadata.items())
        yield "the request's metadata", said, False
    if turn.extras or turn.stop:
        fields = msgspec.json.encode((turn.extras, turn.stop), enc_hook=str).decode()
        yield "other fields of the request", _unescaped(fields), False
    addresses = [address for message in turn.messages for part in message.parts for address in _addresses(part)]
    if addresses:
        yield "the address or name of an attachment", " ".join(addresses), False


def _addresses(part: Part) -> Iterator[str]:
    if type(part) is ToolResult:
        for inner in part.content:
            yield from _addresses(inner)
    elif type(part) is Image or type(part) is Document:
        if part.url is not None and not part.url.startswith("data:"):
            yield part.url
        if type(part) is Document and part.name:
            yield part.name


def _of_others(message: Message, number: int, names: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    if message.role == "system":
        yield f"the system prompt (message {number})", " ".join(_said(message)), True
        return
    for part in message.parts:
        if type(part) is ToolResult:
            name = part.name or names.get(part.call_id, "a tool")
            texts = [text for inner in part.content if (text := _text(inner))]
            yield f"the result of {name[:80]} (message {number})", _unescaped(" ".join(texts)), False
        elif type(part) is ToolCall:
            yield f"the arguments for {part.name[:80]} (message {number})", _unescaped(part.arguments), False
    if said := " ".join(_said(message)):
        yield f"the agent's message {number}", said, False


def _said(message: Message) -> list[str]:
    return [text for part in message.parts if (text := _text(part))]


def _text(part: Part) -> str:
    if type(part) is Text or type(part) is Reasoning or type(part) is Refusal:
        return part.text
    if type(part) is Document and part.data and modality_of(part) == "text":
        return _decoded(part.data)
    return ""


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return data


def _unescaped(text: str) -> str:
    r"""Return JSON text with its escapes resolved as far as patterns care: "\n4111" is a number, not a word."""
    if "\\" in text:
        for escape, mark in _ESCAPES.items():
            text = text.replace(escape, mark)
    return text
