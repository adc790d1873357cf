"""Texts as patterns want them: digits, dashes and signs of any script as ASCII, invisible marks left out, places kept."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that show nothing."""
_UNSEEN: Final = frozenset({"Cf", "Mn", "Me", "Cc"})
"""Categories of marks that stand for no character of their own: joiners, directions, accents and frames put on another."""
_LINES: Final = frozenset("\x85")
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|nbsp|commat|period);")
_CODE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
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
    if mark in _BLANK or unicodedata.category(mark) in _UNSEEN:
        return "\n" if mark in _LINES else _GONE
    digit = unicodedata.digit(mark, None)
    if digit is not None:
        return str(digit)
    if mark in _DASHES:
        return "-"
    if mark in _DOTS:
        return "."
    plain = unicodedata.normalize("NFKC", mark)
    return plain if len(plain) == 1 else mark


def plain(text: str) -> str:
    r"""Return the text with what stands for another character resolved: ``%34``, ``&#52;``, ``\u0034``."""
    if "%" in text and _PERCENT.search(text):
        text = unquote(text)
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if "\\u" in text:
        text = _CODE.sub(lambda found: chr(int(found[1], 16)), text)
    return text
