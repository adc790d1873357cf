"""Two texts side by side: where they differ, by words for replies and by lines for prompts."""

from __future__ import annotations

import difflib
import re
from typing import Final, Literal

import msgspec

Kind = Literal["same", "add", "del"]
_WORDS: Final = re.compile(r"\s+|[^\s\w]|\w+")
_MOST: Final = 4_000
"""Words or lines compared; finding the difference takes the square of it."""


class Piece(msgspec.Struct, frozen=True):
    """A stretch of text: in both (``same``), only in the new one (``add``), only in the old one (``del``)."""

    kind: Kind
    text: str


def by_words(old: str, new: str) -> tuple[list[Piece], list[Piece]]:
    """Return the old text with what is gone marked, and the new text with what is new marked."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    if len(before) > _MOST or len(after) > _MOST:
        return [Piece("same", old)], [Piece("same", new)]
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if i < j:
            left.append(Piece("same" if tag == "equal" else "del", "".join(before[i:j])))
        if k < m:
            right.append(Piece("same" if tag == "equal" else "add", "".join(after[k:m])))
    return left, right


def by_lines(old: str, new: str) -> list[Piece]:
    """Return both texts as one list of lines."""
    before, after = old.splitlines()[:_MOST], new.splitlines()[:_MOST]
    pieces: list[Piece] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces += [Piece("same", line) for line in before[i:j]]
        else:
            pieces += [Piece("del", line) for line in before[i:j]]
            pieces += [Piece("add", line) for line in after[k:m]]
    return pieces
