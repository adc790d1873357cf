"""Texts as patterns want them: digits, dashes and signs of any script as ASCII, invisible marks left out, places kept."""

from __future__ import annotations

import unicodedata
from typing import Final

INVISIBLE: Final = frozenset(
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
)
_GONE: Final = "\u200b"
_DASHES: Final = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_DOTS: Final = frozenset("\u3002\uff61\u2024\u00b7\u2027")


class Folding(dict[int, str]):
    """A translation table that learns: what each character is for a pattern, always one character."""

    def __missing__(self, code: int) -> str:
        """Work out one character, once."""
        mark = chr(code)
        folded = _fold_one(mark)
        if len(self) < 20_000:  # noqa: PLR2004 - more than any script in use has; a flood of odd ones is not kept
            self[code] = folded
        return folded

    def fold(self, text: str) -> tuple[str, list[int] | None]:
        """Return the folded text, and for each of its characters its place in ``text``; None where places are the same."""
        if text.isascii():
            return text, None
        folded = text.translate(self)
        if _GONE not in folded:
            return folded, None
        places = [place for place, mark in enumerate(folded) if mark != _GONE]
        return folded.replace(_GONE, ""), places


def _fold_one(mark: str) -> str:
    if mark.isascii():
        return mark
    if mark in INVISIBLE:
        return _GONE
    digit = unicodedata.digit(mark, None)
    if digit is not None:
        return str(digit)
    if mark in _DASHES:
        return "-"
    if mark in _DOTS:
        return "."
    plain = unicodedata.normalize("NFKC", mark)
    return plain if len(plain) == 1 else mark
