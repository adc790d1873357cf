"""Numbers with a format of their own: cards, accounts, ids of people, telephones. Spans with their kind, in folded text.

A find too many is preferred to one too few where a checksum is sure; where bare digits could be an order or a parcel, a word
beside the number ("tax id", "call") is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from pointsman.routing.lexicon import checksums
from pointsman.routing.lexicon.kinds import Kind


class Span(msgspec.Struct, frozen=True, order=True):
    """``text[start:end]`` is of ``kind``."""

    start: int
    end: int
    kind: Kind


_Group = tuple[int, int, str]
_AROUND: Final = 48
_I: Final = re.IGNORECASE
# A number as people write it: groups of digits with up to three separators between them. Patterns begin with a digit where
# they can, since that is looked for fast; what may not stand before it is asked for behind it.
_NUMBER: Final = re.compile(r"[0-9](?<![^\W_][0-9])(?<![0-9][.,][0-9])(?:[ \u00a0.\-/()]{0,3}[0-9]){5,33}(?![^\W_]|%)")
_GROUP: Final = re.compile(r"\d+")
_DECIMAL: Final = re.compile(r"\d{1,3}[.,]\d{9,}")
_DECIMAL_BEFORE: Final = re.compile(r"(?<![\d.])\d{1,3}[.,]$")
# With line breaks, tabs, commas or quotes between its groups, or with letters before or behind it, a number is a card only where
# its groups and its first digits are those of a card.
_RUN: Final = re.compile(r"[0-9](?<![0-9][0-9])(?:[\W_]{0,5}[0-9]){12,33}(?![0-9])")
_CARD_GROUPS: Final = frozenset(
    {(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (8, 8), *((1,) * n for n in range(13, 20))}
)
_DIGIT_BEFORE: Final = re.compile(r"[0-9][\W_]{0,5}\Z")
_DIGIT_AFTER: Final = re.compile(r"[\W_]{0,5}[0-9]")
_GLUED: Final = 15
_COUNTS: Final = {1: range(13, 20), 4: (4, 5, 3), 8: (2,)}
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
_IBAN_HEAD: Final = re.compile(
    r"[0-9]{2}(?:(?<=[A-Z]{2}[0-9]{2})|(?<=[A-Z]{2}[\s.-][0-9]{2}))(?=[\s.-]{0,2}[A-Z0-9])", _I
)
_IBAN_BODY: Final = re.compile(r"[A-Z]{2}[\s.-]?[0-9]{2}(?:[\s.-]{0,2}[A-Z0-9]){11,30}", _I)
_BETWEEN: Final = re.compile(r"[\s.-]+")
_SSN: Final = re.compile(
    r"[0-9](?<![0-9-][0-9])(?<!9)[0-9]{2}([ .-]\n?|\r?\n)(?!00)[0-9]{2}(?:\1|[ .-]\n?)(?!0000)[0-9]{4}(?![0-9-])"
)
_BARE_SSN: Final = re.compile(r"(?!000|666|9\d\d)\d{3}(?!00)\d{2}(?!0000)\d{4}")
DATE: Final = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?[^\W\d]{3,10}\.?,? \d{4}\b"
    r"|\b[^\W\d]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
)
_PHONE_BEFORE: Final = re.compile(
    r"(?:phone|mobile|my number|cell|call|tel|whatsapp|reach|sms|telefon|teléfono|téléphone|telefono|handy|móvil|fax)"
    r"\w*\W{0,3}(?:\w+\W+){0,3}$",
    _I,
)
_PHONE_CUES: Final = (
    *("phone", "mobile", "my num", "cell", "call", "tel", "whatsapp", "reach", "sms", "tél", "handy", "móvil", "fax"),
)
_NOT_PHONE_BEFORE: Final = re.compile(
    r"(?:order|tracking|booking|reference|ref|invoice|ticket|reservation|confirmation|case|account|serial|imei|policy|transaction"
    r"|sku|isbn|id|part|parcel|shipment|version|claim|flight|po)\W{0,3}(?:(?:number|no|nr|num|id|is|code)\W{1,3}){0,2}#?$",
    _I,
)
_ARITHMETIC: Final = re.compile(r"\d [-/] \d")
_NAMES: Final[dict[str, re.Pattern[str]]] = {
    "ssn": re.compile(r"\b(?:ssn|social[ _-]?security)", _I),
    "steuer": re.compile(r"steuer|\btax|\btin\b|\bidnr\b|tax_id", _I),
    "bsn": re.compile(r"\bbsn\b|burgerservice|\bsofi", _I),
    "cpf": re.compile(r"\bcpf\b", _I),
    "aadhaar": re.compile(r"aadh?aa?r|\buidai\b|आधार", _I),
    "dni": re.compile(r"\b(?:dni|nif|nie)\b", _I),
}
_PHONE: Final = range(7, 16)
_LONG: Final = 9
_CARD_SHORT: Final = 13
_MONTHS: Final = 12
_MASK: Final = bytes.maketrans(b"123456789", b"000000000")
_SEPARATORS: Final = bytes(code for code in range(128) if not chr(code).isalnum())
SIX: Final = b"000000"
_CARD_LONG: Final = b"0" * 13


def masked(text: str) -> bytes:
    """Return the text with every digit as 0, separators left out: a pass in C that tells whether a long number is there."""
    return text.encode("ascii", "replace").translate(_MASK, _SEPARATORS)


def lettered(text: str) -> Iterator[Span]:
    """Yield accounts and ids that have letters in them."""
    for head in _IBAN_HEAD.finditer(text):
        found = _iban(text, head)
        if found is not None:
            yield found
    for match in _LETTERED.finditer(text):
        begin = _start(text, match)
        if begin is not None:
            yield Span(begin, match.end(), "national_id")


def numbers(text: str, *, phones: bool = True) -> Iterator[Span]:
    """Yield cards, social security and other national numbers, and telephones where they are asked for."""
    for found in _SSN.finditer(text):
        if not found[0].startswith(("000", "666")):
            yield Span(found.start(), found.end(), "ssn")
    for found in _NUMBER.finditer(text):
        yield from _in_number(text, found, phones=phones)
    if _CARD_LONG in masked(text):
        for found in _RUN.finditer(text):
            yield from _in_run(text, found)


def _iban(text: str, head: re.Match[str]) -> Span | None:
    # Words look like the head of one too ("is 12 ..."): only the head is skipped, never what follows it.
    start = head.start() - (2 if text[head.start() - 1].isalpha() else 3)
    if text[start : start + 2].upper() not in checksums.IBAN_LENGTHS:
        return None
    if text[start - 1 : start].isalnum() and text[max(0, start - 4) : start].upper() != "IBAN":
        return None
    found = _IBAN_BODY.match(text, start)
    if found is None:
        return None
    compact, ends = _compact(found)
    length = checksums.IBAN_LENGTHS.get(compact[:2], 99)
    if len(compact) < length or not checksums.iban(compact[:length]):
        return None
    # One text in 97 of the right length passes: with letters in it, it must be grouped as an IBAN is, not as words are.
    end = ends[length - 1]
    groups = _BETWEEN.split(text[start:end])
    if not compact[2:length].isdigit() and len(groups) > 1 and any(len(group) != 4 for group in groups[:-1]):  # noqa: PLR2004
        return None
    return Span(start, end, "iban")


def _start(text: str, found: re.Match[str]) -> int | None:
    """Return where an id with letters begins; None when its letters or its check do not fit."""
    start, kind = found.start(), found.lastgroup
    before = text[max(0, start - 4) : start]
    compact, _ = _compact(found)
    if found[0][-2].isspace() and found[0][:-2].isdigit() and found[0][-1].islower():
        return None  # "44112233 a" is a number and a word
    if kind in ("nino", "nie"):
        head = (_NINO_HEAD if kind == "nino" else _NIE_HEAD).search(before)
        if head is None or (kind == "nie" and not checksums.dni(head[0][0].upper() + compact)):
            return None
        return start - len(head[0])
    if before[-1:].isalpha() or not (checksums.dni(compact) if kind == "dni" else _nir(compact)):
        return None
    if kind == "dni" and found[0][-2].isspace() and not _NAMES["dni"].search(text[max(0, start - _AROUND) : start]):
        return None
    return start


def _nir(compact: str) -> bool:
    month = int(compact[3:5])
    return (1 <= month <= _MONTHS or month >= 20) and checksums.nir(compact)  # noqa: PLR2004 - 20 on: month not known


def _compact(found: re.Match[str]) -> tuple[str, list[int]]:
    """Return a match without separators, in capitals, and where each of its characters ends in the text."""
    marks = [(mark, found.start() + place + 1) for place, mark in enumerate(found[0]) if mark.isalnum()]
    return "".join(mark for mark, _ in marks).upper(), [end for _, end in marks]


def _groups(text: str, start: int, end: int) -> list[_Group]:
    return [(group.start(), group.end(), group[0]) for group in _GROUP.finditer(text, start, end)]


def _in_run(text: str, found: re.Match[str]) -> Iterator[Span]:
    """Yield the cards of a run of digits with anything but letters between them."""
    groups = _groups(text, *found.span())
    for group in groups:
        glued = text[group[0] - 1 : group[0]].isalpha() or text[group[1] : group[1] + 1].isalpha()
        if glued and len(group[2]) < _GLUED:
            continue  # parcels and articles have such numbers
        if checksums.known_card(group[2]) and not _DECIMAL_BEFORE.search(text[max(0, group[0] - 5) : group[0]]):
            yield Span(group[0], group[1], "card")
    if len(groups) == 2 and "\n" in text[groups[0][1] : groups[1][0]]:  # noqa: PLR2004 - one number over two lines
        if checksums.known_card(groups[0][2] + groups[1][2]):
            yield Span(groups[0][0], groups[1][1], "card")
        return
    sizes = [len(group[2]) for group in groups]
    # A run is cut after so many digits: what goes on on either side is a row of numbers, not one.
    before = [sizes[0]] if _DIGIT_BEFORE.search(text, max(0, found.start() - 6), found.start()) else []
    sizes += [sizes[-1]] if _DIGIT_AFTER.match(text, found.end()) else []
    for first, size in enumerate(sizes[: len(groups)]):
        if (sizes[first - 1 : first] if first else before) == [size]:
            continue  # the middle of a row of like groups
        for count in _COUNTS.get(size, ()):
            part = groups[first : first + count]
            if (
                len(part) == count
                and tuple(sizes[first : first + count]) in _CARD_GROUPS
                and sizes[first + count : first + count + 1] != [size]
                and checksums.known_card("".join(group[2] for group in part))
            ):
                yield Span(part[0][0], part[-1][1], "card")


def _in_number(text: str, found: re.Match[str], *, phones: bool) -> Iterator[Span]:
    start, end = found.span()
    short = len("".join(_GROUP.findall(found[0]))) < _LONG
    if (short and not phones) or _DECIMAL.fullmatch(found[0]):
        return
    groups = _groups(text, start, end)
    cards = list(_cards(groups)) if end - start >= _CARD_SHORT else ()
    if cards:
        yield from cards
        return
    whole = _named(text, start, end, groups, phones=phones)
    if whole is not None:
        yield whole
        return
    # Two numbers may stand side by side: each word of the run by itself.
    for word in re.finditer(r"[^ \u00a0]+", found[0]) if " " in found[0] or "\u00a0" in found[0] else ():
        part = _named(text, start + word.start(), start + word.end(), _groups(word[0], 0, len(word[0])), phones=phones)
        if part is not None:
            yield part


def _named(text: str, start: int, end: int, groups: list[_Group], *, phones: bool) -> Span | None:
    """Return what a number is by its digits, its groups and the words before it."""
    lead = len(text[max(0, start - 2) : start]) - len(text[max(0, start - 2) : start].rstrip("+("))
    digits = "".join(group for _, _, group in groups)
    before = text[max(0, start - lead - _AROUND) : start - lead]
    sizes = [len(group) for _, _, group in groups]
    kind = _national(digits, sizes, before, dashed="-" in text[start:end])
    if kind is not None:
        return Span(start, end, kind)
    if phones and len(digits) in _PHONE and _is_phone(text[start - lead : end], digits, sizes, before):
        return Span(start - lead, end, "phone")
    return None


def _cards(groups: list[_Group]) -> Iterator[Span]:
    """Yield the groups that together are card numbers: a date, an amount or another card may stand beside one."""
    first = 0
    while first < len(groups):
        digits, after = "", 0
        for place, (_, _, group) in enumerate(groups[first:], first + 1):
            digits += group
            if len(digits) > 19:  # noqa: PLR2004 - the longest card number
                break
            usual = place == first + 1 or all(len(one) == 4 for _, _, one in groups[first:place])  # noqa: PLR2004
            if checksums.card(digits) if usual else checksums.known_card(digits):
                after = place
        if after:
            yield Span(groups[first][0], groups[after - 1][1], "card")
        first = after or first + 1


def _national(digits: str, sizes: list[int], before: str, *, dashed: bool) -> Kind | None:
    length = len(digits)
    if not 9 <= length <= 12:  # noqa: PLR2004
        return None
    if length == 9:  # noqa: PLR2004 - so long is an SSN, and a BSN
        if _NAMES["ssn"].search(before) and _BARE_SSN.fullmatch(digits):
            return "ssn"
        return "national_id" if _NAMES["bsn"].search(before) and checksums.bsn(digits) else None
    if length == 11:  # noqa: PLR2004
        if checksums.cpf(digits) and (sizes == [3, 3, 3, 2] or _NAMES["cpf"].search(before)):
            return "national_id"
        if checksums.steuer_id(digits) and (sizes == [2, 3, 3, 3] or _NAMES["steuer"].search(before)):
            return "national_id"
    named = (sizes == [4, 4, 4] and not dashed) or _NAMES["aadhaar"].search(before)
    return "national_id" if length == 12 and named and checksums.verhoeff(digits) else None  # noqa: PLR2004


def _is_phone(found: str, digits: str, sizes: list[int], before: str) -> bool:
    if DATE.match(found.lstrip("+(")) or _NOT_PHONE_BEFORE.search(before):
        return False
    if "+" in found[:2] or (found.startswith("00") and len(digits) >= _LONG):
        return True
    low = before.lower()
    if any(cue in low for cue in _PHONE_CUES) and _PHONE_BEFORE.search(before):
        return True
    if _ARITHMETIC.search(found):
        return False
    # 555-123-4567 has three groups, and the first is short or begins with 0: 4411-2233-5566 is an order.
    usual = len(sizes) > 2 and max(sizes) <= 5 and (sizes[0] < 4 or digits[0] == "0" or found[0] == "(")  # noqa: PLR2004
    return usual and len(digits) >= _LONG and not DATE.search(found)
