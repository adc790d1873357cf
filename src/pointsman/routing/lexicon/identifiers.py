"""Where personal data stands in a text: spans with their kind, by patterns with checksums where the format has one.

``personal`` answers quickly whether a turn holds such data; this module says exactly where, for redaction and for the search that
keeps a privacy promise.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from pointsman.routing.lexicon import credentials
from pointsman.routing.lexicon.folding import Folding
from pointsman.routing.lexicon.kinds import KINDS
from pointsman.routing.lexicon.numbers import DATE, SIX, Span, lettered, masked, numbers
from pointsman.routing.lexicon.people import People

_AROUND: Final = 48
_AT: Final = re.compile("@|%40")
_I: Final = re.IGNORECASE
_LOCAL: Final = re.compile(r"[\w.+'%-]{1,64}")
_DOMAIN: Final = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}")
_BIRTH: Final = re.compile(
    r"\b(?:born|birth\w*|d\.?o\.?b\.?|date_of_birth|geboren|geburts\w*|naci\w+|née?|naissance|nat[oa]|nascita|geboorte\w*)\b",
    _I,
)
_PASSPORT: Final = re.compile(
    r"\b(?:passport|reisepass|pasaporte|passeport|paspoort|passaporto)\w*\W{1,3}(?:(?:number|no|nr|num|n[uú]mero|is|id|ist|es)\W{1,3}){0,3}"
    r"(?P<value>[A-Z]{0,3}\d{6,9}|[A-Z]\d[A-Z0-9]{7})\b",
    _I,
)
_IPV4: Final = re.compile(r"[0-9](?<![\w.][0-9])[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![\w.]*[0-9])")
_VERSION: Final = re.compile(r"(?:version|release|firmware|build|driver|update|v)\W?$", _I)
_IPV6: Final = re.compile(r"(?<![\w:])(?:[0-9A-F]{0,4}:){2,7}[0-9A-F]{0,4}(?![\w:])", _I)
_STREET: Final = re.compile(
    r"[0-9](?<![\w][0-9])[0-9]{0,4}[a-z]?,? (?:[^\W\d_][\w'.-]{0,20} ){1,3}(?:street|avenue|ave|road|rd|boulevard|blvd|lane|ln"
    r"|terrace|highway|hwy|parkway|crescent|drive|court|square|st|dr|ct)\b\.?",
    _I,
)
_STRASSE: Final = re.compile(
    r"\b[^\W\d_][\w-]{1,30}(?:straße|strasse|gasse|allee|straat|laan|weg|platz|str\.)\s\d{1,4} ?[a-z]?\b", _I
)
_RUE: Final = re.compile(
    r"\b(?:\d{1,4},? )?(?:rue|calle|avenida|viale|piazza|rua|chemin)\s(?:[^\W\d_][\w'’-]{0,20}[ ,]{1,2}){1,4}\d{1,4}\b"
    r"|\b\d{1,4},? (?:bis |ter )?(?:rue|chemin|avenue|boulevard)\s(?:d[eu]s? |l[ae] |d'|l'){0,2}[^\W\d_][\w'’-]{1,20}",
    _I,
)
_NOT_IN_ADDRESS: Final = re.compile(
    r"\b(?:the|an|of|in|at|on|to|for|and|or|my|your|is|was|it|me|days?|hours?|weeks?|minutes?)\b", _I
)


class Finder:
    """Finds personal data; with ``people`` names too. Holds a table of characters it has met; used from one thread or many."""

    def __init__(self, people: People | None = None) -> None:
        self._folding = Folding()
        self._people = people

    def find(self, text: str) -> list[Span]:
        """Return the finds in the order of their places; none overlaps another."""
        folded, places = self._folding.fold(text)
        found = _without_overlaps([span for part in _finders(folded) for span in part(folded)])
        if places is not None:
            found = [Span(places[span.start], places[span.end - 1] + 1, span.kind) for span in found]
        if self._people is None:
            return found
        return _without_overlaps([*found, *self._people.find(text)])

    def fold(self, text: str) -> tuple[str, list[int] | None]:
        """Return the text as patterns see it, and where its characters stand; see ``Folding.fold``."""
        return self._folding.fold(text)

    def may_have_formats(self, text: str) -> bool:
        """Return whether ``formats`` may find something in a text: a few passes in C."""
        return not text.isascii() or next(_sure_finders(text, masked(text)), None) is not None

    def formats(self, text: str) -> set[str]:
        """Return the kinds in a text that have a format of their own, and with odd letters or digits in it all kinds.

        What everyday words tell of plain ASCII (addresses, passwords), ``personal.kinds_in`` sees faster.
        """
        folded, _ = self._folding.fold(text)
        parts = list(_sure_finders(text, masked(text)) if folded is text else _finders(folded))
        return {span.kind for span in _without_overlaps([span for part in parts for span in part(folded)])}


_Part = Callable[[str], Iterator[Span]]

# What a text must hold, in small letters, for a pattern to be worth its time.
_BIRTH_CUES: Final = (
    "born",
    "birth",
    "dob",
    "d.o.b",
    "gebor",
    "geburt",
    "naci",
    "né",
    "naiss",
    "nat",
    "nasc",
    "geboor",
)
_PASSPORT_CUES: Final = ("passp", "pasap", "paspo", "reisep", "passa")
_STRASSE_CUES: Final = ("straße", "strasse", "gasse", "allee", "straat", "laan", "weg", "platz", "str.")
_RUE_CUES: Final = ("rue ", "calle ", "avenida ", "viale ", "piazza ", "rua ", "chemin ", "avenue ", "boulevard ")
_STREET_CUES: Final = (
    *(
        "street",
        "avenue",
        " ave",
        "road",
        " rd",
        "boulevard",
        "blvd",
        "lane",
        " ln",
        "terrace",
        "highway",
        "hwy",
        "parkway",
    ),
    *("crescent", "drive", "court", "square", " st", " dr", " ct"),
)


def _finders(text: str) -> Iterator[_Part]:
    """Yield what is worth running: each has a precondition that is a pass or a few in C."""
    digits = masked(text)
    yield from _sure_finders(text, digits)
    if b"0" in digits and (text.count(".") > 2 or text.count(":") > 1):  # noqa: PLR2004 - what an address has at least
        yield _ips
    low = text.lower()
    for cues, part in _CUED if b"0" in digits else _CUED[:1]:
        if any(cue in low for cue in cues):
            yield part


def _sure_finders(text: str, digits: bytes) -> Iterator[_Part]:
    """Yield those of them whose finds have a format of their own."""
    if "@" in text or ("%" in text and "%40" in text):
        yield _emails
    if SIX in digits:
        yield lettered
        yield numbers
    if credentials.may_hold_secret(text):
        yield _secrets


def _emails(text: str) -> Iterator[Span]:
    for mark in _AT.finditer(text):
        # Read backwards from the sign: a pattern for the whole would be tried at every letter before it.
        local = _LOCAL.match(text[max(0, mark.start() - 64) : mark.start()][::-1])
        domain = _DOMAIN.match(text, mark.end())
        if local and domain:
            yield Span(mark.start() - local.end(), domain.end(), "email")


def _passwords(text: str) -> Iterator[Span]:
    for start, end in credentials.passwords(text):
        yield Span(start, end, "password")


def _secrets(text: str) -> Iterator[Span]:
    for start, end in credentials.secrets(text):
        yield Span(start, end, "secret")


def _named_secrets(text: str) -> Iterator[Span]:
    for start, end in credentials.named_secrets(text):
        yield Span(start, end, "secret")


def _births(text: str) -> Iterator[Span]:
    for born in _BIRTH.finditer(text):
        found = DATE.search(text, born.end(), born.end() + _AROUND)
        if found is not None:
            yield Span(found.start(), found.end(), "dob")


def _passports(text: str) -> Iterator[Span]:
    for found in _PASSPORT.finditer(text):
        yield Span(found.start("value"), found.end("value"), "passport")


def _addresses(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for found in pattern.finditer(text):
        if not _NOT_IN_ADDRESS.search(found[0]):
            yield Span(found.start(), found.end(), "address")


_CUED: Final[tuple[tuple[tuple[str, ...], _Part], ...]] = (
    (credentials.PASSWORD_CUES, _passwords),
    (credentials.NAMED_CUES, _named_secrets),
    (_BIRTH_CUES, _births),
    (_PASSPORT_CUES, _passports),
    (_STREET_CUES, partial(_addresses, _STREET)),
    (_STRASSE_CUES, partial(_addresses, _STRASSE)),
    (_RUE_CUES, partial(_addresses, _RUE)),
)


def _ips(text: str) -> Iterator[Span]:
    for found in _IPV4.finditer(text):
        octets = max(map(int, found[0].split("."))) < 256  # noqa: PLR2004 - a byte
        if octets and not _VERSION.search(text[max(0, found.start() - 10) : found.start()]):
            yield Span(found.start(), found.end(), "ip")
    for found in _IPV6.finditer(text):
        if len(found[0]) > 3 and _is_ipv6(found[0]):  # noqa: PLR2004 - "::1" names nobody
            yield Span(found.start(), found.end(), "ip")


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _without_overlaps(found: list[Span]) -> list[Span]:
    """Keep the longest of those that overlap; of two as long, the one that stands first in ``KINDS``."""
    kept: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start - span.end, KINDS.index(span.kind))):
        place = bisect_left(kept, span)
        before, after = kept[place - 1 : place] if place else [], kept[place : place + 1]
        if all(span.end <= other.start or span.start >= other.end for other in (*before, *after)):
            kept.insert(place, span)
    return kept
