"""Where personal data stands in a text: spans with their kind, by patterns with checksums where the format has one.

``personal`` answers quickly whether a turn holds such data; this module says exactly where, for redaction and for the search that
keeps a privacy promise. It prefers a find too many to one too few where a format is sure, and asks for a word beside the
number ("tax id", "born") where bare digits could be an order or a telephone number.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import msgspec

from pointsman.routing.lexicon import checksums
from pointsman.routing.lexicon.folding import Folding
from pointsman.routing.lexicon.kinds import KINDS, Kind


class Span(msgspec.Struct, frozen=True, order=True):
    """``text[start:end]`` is of ``kind``."""

    start: int
    end: int
    kind: Kind


_AROUND: Final = 48
_AT: Final = re.compile("@|%40")
_I: Final = re.IGNORECASE
_LOCAL: Final = re.compile(r"[\w.+'-]{1,64}")
_DOMAIN: Final = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}")
# A number as people write it: groups of digits with up to three separators between them. Patterns begin with a digit where
# they can, since that is looked for fast; what may not stand before it is asked for behind it.
_NUMBER: Final = re.compile(r"[0-9](?<![^\W_][0-9])(?<![0-9][.,][0-9])(?:[ \u00a0.\-/()]{0,3}[0-9]){5,33}(?![^\W_]|%)")
_GROUP: Final = re.compile(r"\d+")
_LETTERED: Final = re.compile(
    r"[0-9](?<![0-9][0-9])(?:"
    r"(?P<nino>[0-9][ .-]?[0-9]{2}[ .-]?[0-9]{2}[ .-]?[A-D])|(?P<dni>[0-9][. ]?[0-9]{3}[. ]?[0-9]{3}[ .-]?[A-Z])"
    r"|(?P<nie>[0-9]{6}[ .-]?[A-Z])"
    r"|(?P<nir>(?<=[12])[ .-]?[0-9]{2}[ .-]?[0-9]{2}[ .-]?(?:[0-9]{2}|2[AB])[ .-]?[0-9]{3}[ .-]?[0-9]{3}[ .-]?[0-9]{2})"
    r")(?![A-Za-z0-9])",
    _I,
)
_NINO_HEAD: Final = re.compile(r"(?<![A-Z0-9])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ .-]?$", _I)
_NIE_HEAD: Final = re.compile(r"(?<![A-Z0-9])[XYZ][ .-]?$", _I)
_IBAN_HEAD: Final = re.compile(r"[0-9]{2}(?:(?<=[A-Z]{2}[0-9]{2})|(?<=[A-Z]{2}[ .-][0-9]{2}))(?=[ .-]?[A-Z0-9])", _I)
_IBAN_BODY: Final = re.compile(r"[A-Z]{2}[ .-]?[0-9]{2}(?:[ .-]?[A-Z0-9]){11,30}", _I)
_SSN: Final = re.compile(r"[0-9](?<![0-9-][0-9])(?<!9)[0-9]{2}([ .-])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![0-9-])")
_BARE_SSN: Final = re.compile(r"(?!000|666|9\d\d)\d{3}(?!00)\d{2}(?!0000)\d{4}")
_DATE: Final = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?[^\W\d]{3,10}\.?,? \d{4}\b"
    r"|\b[^\W\d]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
)
_BIRTH: Final = re.compile(
    r"\b(?:born|birth\w*|d\.?o\.?b\.?|date_of_birth|geboren|geburts\w*|naci\w+|née?|naissance|nat[oa]|nascita|geboorte\w*)\b",
    _I,
)
_PASSPORT: Final = re.compile(
    r"\b(?:passport|reisepass|pasaporte|passeport|paspoort|passaporto)\w*\W{1,3}(?:(?:number|no|nr|num|n[uú]mero|is|id|ist|es)\W{1,3}){0,3}"
    r"(?P<value>[A-Z]{0,3}\d{6,9}|[A-Z]\d[A-Z0-9]{7})\b",
    _I,
)
_PASSWORD: Final = re.compile(
    r"\b(?:password|passwort|passcode|passwd|contraseña|mot de passe|wachtwoord|senha|pwd|pin(?: code| number)?|cvv2?|cvc2?"
    r"|security code)\b[\"'”]?(?: for [\w ]{1,30}?)?\s*(?:is|was|:|=|ist|es|est|è|é)\s*[\"'“]?"
    r"(?P<value>(?!\[[A-Z_]+_[b-t]{8}]|not\b|n't|wrong\b"
    r"|incorrect|expired|invalid|blocked|locked|too\b|required|falsch|the\b|a\b|being\b|no\b|asked|never\b|still\b|always\b"
    r"|correct\b|reset\b|gone\b|lost\b|rejected|refused|unknown|weak\b|old\b|different\b|nicht\b|and\b|but\b|my\b|in\b)"
    r"[^\s\"'”,;]{3,})|\b(?:cvv2?|cvc2?|pin)(?: code| number)? (?P<short>\d{3,6})\b",
    _I,
)
_SECRET: Final = re.compile(
    r"\b(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|ant[-_]|proj[-_])?[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bgithub_pat_\w{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bglpat-[\w-]{16,}"
    r"|\bpm_live_[a-z0-9]{10}_[\w-]{20,}|(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
)
_IPV4: Final = re.compile(r"[0-9](?<![\w.][0-9])[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![\w.]*[0-9])")
_VERSION: Final = re.compile(r"(?:version|release|v)\W?$", _I)
_IPV6: Final = re.compile(r"(?<![\w:])(?:[0-9A-F]{0,4}:){2,7}[0-9A-F]{0,4}(?![\w:])", _I)
_STREET: Final = re.compile(
    r"[0-9](?<![\w][0-9])[0-9]{0,4}[a-z]?,? (?:[^\W\d_][\w'.-]{0,20} ){1,3}(?:street|avenue|ave|road|rd|boulevard|blvd|lane|ln"
    r"|terrace|highway|hwy|parkway|crescent|drive|court|square|st|dr|ct)\b\.?",
    _I,
)
_STRASSE: Final = re.compile(
    r"\b[^\W\d_][\w-]{1,30}(?:straße|strasse|gasse|allee|straat|laan|weg|platz)\s\d{1,4} ?[a-z]?\b", _I
)
_RUE: Final = re.compile(
    r"\b(?:\d{1,4},? )?(?:rue|calle|avenida|viale|piazza|rua|chemin)\s(?:[^\W\d_][\w'’-]{0,20}[ ,]{1,2}){1,4}\d{1,4}\b"
    r"|\b\d{1,4},? (?:bis |ter )?(?:rue|chemin|avenue|boulevard)\s(?:d[eu]s? |l[ae] |d'|l'){0,2}[^\W\d_][\w'’-]{1,20}",
    _I,
)
_NOT_IN_ADDRESS: Final = re.compile(
    r"\b(?:the|an|of|in|at|on|to|for|and|or|my|your|is|was|it|me|days?|hours?|weeks?|minutes?)\b", _I
)
_PHONE_BEFORE: Final = re.compile(
    r"(?:phone|mobile|my number|cell|call|tel|whatsapp|reach|sms|telefon|teléfono|téléphone|telefono|handy|móvil|fax)"
    r"\w*\W{0,3}(?:\w+\W+){0,3}$",
    _I,
)
_NOT_PHONE_BEFORE: Final = re.compile(
    r"(?:order|tracking|booking|reference|ref|invoice|ticket|reservation|confirmation|case|account|serial|imei|policy|transaction"
    r"|sku|isbn|id|part|parcel|shipment|version|claim|flight|po)\W{0,3}(?:(?:number|no|nr|num|id|is|code)\W{1,3}){0,2}#?$",
    _I,
)
_NAMES: Final[dict[str, re.Pattern[str]]] = {
    "ssn": re.compile(r"\b(?:ssn|social[ _-]?security)", _I),
    "steuer": re.compile(r"steuer|\btax|\btin\b|\bidnr\b|tax_id", _I),
    "bsn": re.compile(r"\bbsn\b|burgerservice|\bsofi", _I),
    "cpf": re.compile(r"\bcpf\b", _I),
    "aadhaar": re.compile(r"aadh?aa?r|\buidai\b|आधार", _I),
}
_PHONE: Final = range(7, 16)
_LONG: Final = 9
_MONTHS: Final = 12


class Finder:
    """Finds personal data. Holds a table of characters it has met; used from one thread or many alike."""

    def __init__(self) -> None:
        self._folding = Folding()

    def find(self, text: str) -> list[Span]:
        """Return the finds in the order of their places; none overlaps another."""
        folded, places = self._folding.fold(text)
        found = _without_overlaps([span for part in _finders(folded) for span in part(folded)])
        if places is None:
            return found
        return [Span(places[span.start], places[span.end - 1] + 1, span.kind) for span in found]

    def fold(self, text: str) -> tuple[str, list[int] | None]:
        """Return the text as patterns see it, and where its characters stand; see ``Folding.fold``."""
        return self._folding.fold(text)

    def formats(self, text: str) -> set[str]:
        """Return the kinds in a text that have a format of their own, and with odd letters or digits in it all kinds.

        What everyday words tell of plain ASCII (addresses, passwords), ``personal.kinds_in`` sees faster.
        """
        folded, _ = self._folding.fold(text)
        parts = list(_sure_finders(text, _masked(text)) if folded is text else _finders(folded))
        return {span.kind for span in _without_overlaps([span for part in parts for span in part(folded)])}


_Part = Callable[[str], Iterator[Span]]

# What a text must hold, in small letters, for a pattern to be worth its time.
_PASSWORD_CUES: Final = (
    "passw",
    "passc",
    "contras",
    "mot de",
    "wachtw",
    "senha",
    "pwd",
    "pin",
    "cvv",
    "cvc",
    "security",
)
_SECRET_CUES: Final = ("AKIA", "AIza", "eyJ", "PRIVATE KEY")
# The other keys have a prefix that ends in a dash or a line: one pass looks for those, and behind them.
_SECRET_PREFIX: Final = re.compile(
    r"[-_](?:(?<=[spr]k[-_])|(?<=gh[pousr]_)|(?<=github_pat_)|(?<=pm_live_)|(?<=glpat-)|(?<=xox[abprs]-))"
)
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
_STRASSE_CUES: Final = ("straße", "strasse", "gasse", "allee", "straat", "laan", "weg", "platz")
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
_MASK: Final = bytes.maketrans(b"123456789", b"000000000")
_SEPARATORS: Final = b" ().-/+"
_SIX: Final = b"000000"


def _finders(text: str) -> Iterator[_Part]:
    """Yield what is worth running: each has a precondition that is a pass or a few in C."""
    masked = _masked(text)
    yield from _sure_finders(text, masked)
    if b"0" in masked and (text.count(".") > 2 or text.count(":") > 1):  # noqa: PLR2004 - what an address has at least
        yield _ips
    low = text.lower()
    for cues, part in _CUED if b"0" in masked else _CUED[:1]:
        if any(cue in low for cue in cues):
            yield part


def _sure_finders(text: str, masked: bytes) -> Iterator[_Part]:
    """Yield those of them whose finds have a format of their own."""
    if "@" in text or "%40" in text:
        yield _emails
    if _SIX in masked:
        yield _lettered
        yield _numbers
    if _SECRET_PREFIX.search(text) or any(cue in text for cue in _SECRET_CUES):
        yield _secrets


def _masked(text: str) -> bytes:
    return text.encode("ascii", "replace").translate(_MASK, _SEPARATORS)


def _emails(text: str) -> Iterator[Span]:
    for mark in _AT.finditer(text):
        # Read backwards from the sign: a pattern for the whole would be tried at every letter before it.
        local = _LOCAL.match(text[max(0, mark.start() - 64) : mark.start()][::-1])
        domain = _DOMAIN.match(text, mark.end())
        if local and domain:
            yield Span(mark.start() - local.end(), domain.end(), "email")


def _passwords(text: str) -> Iterator[Span]:
    for found in _PASSWORD.finditer(text):
        name = "value" if found["value"] else "short"
        yield Span(found.start(name), found.end(name), "password")


def _secrets(text: str) -> Iterator[Span]:
    for found in _SECRET.finditer(text):
        yield Span(found.start(), found.end(), "secret")


def _lettered(text: str) -> Iterator[Span]:
    for head in _IBAN_HEAD.finditer(text):
        # Words look like the head of one too ("is 12 ..."): only the head is skipped, never what follows it.
        start = head.start() - (2 if text[head.start() - 1].isalpha() else 3)
        found = None if text[start - 1 : start].isalnum() else _IBAN_BODY.match(text, start)
        if found is None:
            continue
        compact, ends = _compact(found)
        length = checksums.IBAN_LENGTHS.get(compact[:2], 99)
        if len(compact) >= length and checksums.iban(compact[:length]):
            yield Span(start, ends[length - 1], "iban")
    for found in _LETTERED.finditer(text):
        begin = _start(text, found)
        if begin is not None:
            yield Span(begin, found.end(), "national_id")


def _start(text: str, found: re.Match[str]) -> int | None:
    """Return where an id with letters begins; None when its letters or its check do not fit."""
    start, kind = found.start(), found.lastgroup
    before = text[max(0, start - 4) : start]
    compact, _ = _compact(found)
    if kind in ("nino", "nie"):
        head = (_NINO_HEAD if kind == "nino" else _NIE_HEAD).search(before)
        if head is None or (kind == "nie" and not checksums.dni(head[0][0].upper() + compact)):
            return None
        return start - len(head[0])
    if before[-1:].isalpha() or not (checksums.dni(compact) if kind == "dni" else _nir(compact)):
        return None
    return start


def _nir(compact: str) -> bool:
    month = int(compact[3:5])
    return (1 <= month <= _MONTHS or month >= 20) and checksums.nir(compact)  # noqa: PLR2004 - 20 on: month not known


def _compact(found: re.Match[str]) -> tuple[str, list[int]]:
    """Return a match without separators, in capitals, and where each of its characters ends in the text."""
    marks = [(mark, found.start() + place + 1) for place, mark in enumerate(found[0]) if mark.isalnum()]
    return "".join(mark for mark, _ in marks).upper(), [end for _, end in marks]


def _numbers(text: str) -> Iterator[Span]:
    for found in _SSN.finditer(text):
        if not found[0].startswith(("000", "666")):
            yield Span(found.start(), found.end(), "ssn")
    for found in _NUMBER.finditer(text):
        yield from _in_number(text, found)


def _in_number(text: str, found: re.Match[str]) -> Iterator[Span]:
    start, end = found.span()
    lead = len(text[max(0, start - 2) : start]) - len(text[max(0, start - 2) : start].rstrip("+("))
    groups = [(start + group.start(), start + group.end(), group[0]) for group in _GROUP.finditer(found[0])]
    cards = list(_cards(groups))
    if cards:
        yield from cards
        return
    digits = "".join(group for _, _, group in groups)
    before = text[max(0, start - lead - _AROUND) : start - lead]
    kind = _national(digits, [len(group) for _, _, group in groups], before)
    if kind is None and _is_phone(text[start - lead : end], digits, len(groups), before):
        kind, start = "phone", start - lead
    if kind is not None:
        yield Span(start, end, kind)


def _cards(groups: list[tuple[int, int, str]]) -> Iterator[Span]:
    """Yield the groups that together are card numbers: a date, an amount or another card may stand beside one."""
    first = 0
    while first < len(groups):
        digits, after = "", 0
        for place, (_, _, group) in enumerate(groups[first:], first + 1):
            digits += group
            if len(digits) > 19:  # noqa: PLR2004 - the longest card number
                break
            if checksums.card(digits):
                after = place
        if after:
            yield Span(groups[first][0], groups[after - 1][1], "card")
        first = after or first + 1


def _national(digits: str, sizes: list[int], before: str) -> Kind | None:
    length = len(digits)
    if length == 9:  # noqa: PLR2004 - so long is an SSN, and a BSN
        if _NAMES["ssn"].search(before) and _BARE_SSN.fullmatch(digits):
            return "ssn"
        return "national_id" if _NAMES["bsn"].search(before) and checksums.bsn(digits) else None
    if length == 11:  # noqa: PLR2004
        if checksums.cpf(digits) and (sizes == [3, 3, 3, 2] or _NAMES["cpf"].search(before)):
            return "national_id"
        if checksums.steuer_id(digits) and (sizes == [2, 3, 3, 3] or _NAMES["steuer"].search(before)):
            return "national_id"
    named = sizes == [4, 4, 4] or _NAMES["aadhaar"].search(before)
    return "national_id" if length == 12 and named and checksums.verhoeff(digits) else None  # noqa: PLR2004


def _is_phone(found: str, digits: str, groups: int, before: str) -> bool:
    if len(digits) not in _PHONE or _DATE.match(found.lstrip("+(")) or _NOT_PHONE_BEFORE.search(before):
        return False
    if "+" in found[:2] or (found.startswith("00") and len(digits) >= _LONG):
        return True
    if _PHONE_BEFORE.search(before):
        return True
    return groups > 2 and len(digits) >= _LONG and not _DATE.search(found)  # noqa: PLR2004 - 555-123-4567 has three


def _births(text: str) -> Iterator[Span]:
    for born in _BIRTH.finditer(text):
        found = _DATE.search(text, born.end(), born.end() + _AROUND)
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
    (_PASSWORD_CUES, _passwords),
    (_BIRTH_CUES, _births),
    (_PASSPORT_CUES, _passports),
    (_STREET_CUES, partial(_addresses, _STREET)),
    (_STRASSE_CUES, partial(_addresses, _STRASSE)),
    (_RUE_CUES, partial(_addresses, _RUE)),
)


def _ips(text: str) -> Iterator[Span]:
    for found in _IPV4.finditer(text):
        octets = max(map(int, found[0].split("."))) < 256  # noqa: PLR2004 - a byte
        if octets and not _VERSION.search(text[max(0, found.start() - 9) : found.start()]):
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
