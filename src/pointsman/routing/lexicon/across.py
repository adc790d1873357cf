"""Personal data that shows only when texts are read together: a number in two messages, an answer that its question explains."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from pointsman.routing.lexicon.identifiers import Finder
from pointsman.routing.lexicon.kinds import Kind
from pointsman.routing.lexicon.numbers import Span

_EDGE: Final = 64
"""Characters of a long text's beginning and end that are read with its neighbours."""
_GAP: Final = " \u2026\u2026\u2026\u2026\u2026\u2026 x "
_DIGIT: Final = re.compile(r"\d")
_ANSWER: Final = 5
"""Digits that the shortest of ``ASKED`` has."""
SPLIT: Final[frozenset[Kind]] = frozenset({"card", "iban", "ssn", "national_id"})
"""Kinds that are found in the texts of one side, read as one."""
ASKED: Final[frozenset[Kind]] = frozenset({"ssn", "national_id", "dob", "passport"})
"""Kinds that an answer gives away when its question has named them."""


class _Piece(msgspec.Struct, frozen=True):
    text: int
    offset: int
    start: int
    length: int


def across(finder: Finder, texts: Sequence[str], kinds: frozenset[Kind]) -> dict[int, list[Span]]:
    """Return what is found of ``kinds`` in the edges of ``texts`` read as one: by the text's position, spans of it.

    What a text holds by itself is found again: ask with texts from which that is taken out, or do not mind.
    """
    if not any(_may_join(*pair, asked=kinds is ASKED) for pair in pairwise(texts)):
        return {}
    joined, pieces = _joined(texts)
    found: dict[int, list[Span]] = {}
    for span in finder.find(joined):
        for piece in pieces if span.kind in kinds else ():
            start, end = max(span.start, piece.start), min(span.end, piece.start + piece.length)
            if start < end:
                place = piece.offset - piece.start
                found.setdefault(piece.text, []).append(Span(start + place, end + place, span.kind))
    return found


def _may_join(before: str, after: str, *, asked: bool) -> bool:
    """Tell whether a number may go on over the border, or an answer hold one: few do."""
    if not _DIGIT.search(after[:_EDGE]):
        return False
    return len(_DIGIT.findall(after[:_EDGE])) >= _ANSWER if asked else _DIGIT.search(before[-_EDGE:]) is not None


def _joined(texts: Sequence[str]) -> tuple[str, list[_Piece]]:
    parts: list[str] = []
    pieces: list[_Piece] = []
    at = 0
    for position, text in enumerate(texts):
        edges = [(0, text)] if len(text) <= 2 * _EDGE else [(0, text[:_EDGE]), (len(text) - _EDGE, text[-_EDGE:])]
        for offset, edge in edges:
            gap = "" if not parts else " " if offset == 0 else _GAP
            at += len(gap)
            pieces.append(_Piece(position, offset, at, len(edge)))
            parts += [gap, edge]
            at += len(edge)
    return "".join(parts), pieces
