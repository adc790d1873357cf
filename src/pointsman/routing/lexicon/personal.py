"""Patterns of personal data, with checksums where the format has one.

``kinds_in`` reads one text of a page or so; what it costs depends on what stands there: each pattern has a precondition that
is one pass in C.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from pointsman.routing.lexicon.match import Lexicon, Words, digits_of, wordset

SENSITIVE: Final = frozenset({"card", "iban", "ssn", "national_id", "health", "password", "secret", "passport"})
HARD: Final = frozenset({"card", "iban", "ssn", "national_id", "secret", "passport"})
"""Kinds with a format of their own; the others are told by everyday words."""

_AROUND: Final = 80
_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_DIGITS: Final = re.compile(r"\d[\d ().\-/]{5,30}\d(?!\w)")
_SSN: Final = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])")
# Begins with a digit, which is looked for fast; the two letters before are asked for behind it.
_IBAN: Final = re.compile(r"\d\d(?<=[A-Za-z]{2}\d\d)(?: ?[A-Za-z0-9]){11,30}")
_CARD: Final = re.compile(r"\d{4}(?<!\d\d{4})(?:([ .-]?)\d{4}\1\d{4}\1\d{4}|([ .-]?)\d{6}\2\d{4,5}|\d{9,15})(?!\d)")
_DATE: Final = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?[^\W\d]{3,10}\.?,? \d{4}\b"
    r"|\b[A-Za-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
)
_SECRET: Final = re.compile(
    r"\b(?:password|passwort|passcode|contraseña|mot de passe|wachtwoord|senha|pwd|pin(?: code| number)?|cvv|cvc"
    r"|security code)\b[\"'”]?(?: for [\w ]{1,30}?)?\s*(?:is|was|:|=|ist|es|est|è|é)\s*[\"'“]?(?!not\b|n't|wrong\b|incorrect"
    r"|expired|invalid|blocked|locked|too\b|required|falsch|the\b|a\b|being\b|no\b|asked|never\b|still\b|always\b"
    r"|correct\b|reset\b|gone\b|lost\b|rejected|refused|unknown|weak\b|old\b|different\b|nicht\b|and\b|but\b)\S{3,}"
    r"|\b(?:cvv|cvc|pin)(?: code| number)? \d{3,6}\b",
    re.IGNORECASE,
)
_PASSPORT: Final = re.compile(
    r"\bpassport(?: number| no\.?| nr\.?)?\s*(?:is|:|#)?\s*[A-Z]{0,2}\d{6,9}\b", re.IGNORECASE
)
_KEY: Final = re.compile(r"\b(?:sk|pk|ghp|xox[bp])[-_][A-Za-z0-9_-]{16,}")
_SECRET_WORDS: Final = wordset(
    """password passwort passcode contraseña passe wachtwoord senha pwd pin cvv cvc security"""
)
_KEY_WORDS: Final = frozenset(["sk", "pk", "ghp", "xoxb", "xoxp"])
_PHONE_WORDS: Final = wordset(
    """phone mobile cell call number tel telephone whatsapp reach sms telefon teléfono téléphone telefono handy móvil"""
)
_NOT_PHONE_WORDS: Final = wordset(
    """order tracking booking reference invoice ticket reservation confirmation case account serial imei policy case
    transaction sku"""
)
_PHONE_NAMES: Final = ("phone", "mobile", "whatsapp")
_SSN_NAMES: Final = ("ssn", "social security", "social_security")
_SSN_LENGTH: Final = 9
_SSN_LENGTHS: Final = range(9, 13)
"""Up to three digits of something else may stand beside it."""
_BIRTH_WORDS: Final = wordset(
    """born birth birthday dob geboren geburtsdatum nacimiento nacido nací née né naissance nato nata nascita"""
)
_STREETS: Final = wordset(
    """street avenue ave road rd boulevard blvd lane ln terrace highway hwy parkway crescent drive court square st dr ct"""
)
_STREETS_BEFORE: Final = wordset("""rue chemin calle avenida via viale piazza rua avenue boulevard""")
_ANY_STREET: Final = _STREETS | _STREETS_BEFORE
_STREET_ENDINGS: Final = ("straße", "strasse", "gasse", "allee", "straat", "laan")
_IN_STREET_ENDINGS: Final = ("aße", "asse", "llee", "aa")
"""What stands in every one of them."""
_NOT_IN_STREET: Final = wordset("""the a an of in at on to for and or my your is was i it me days hours weeks""")
_STREET_WORDS: Final = 4
_HEALTH: Final = Lexicon(
    {
        "health": """diagnosed, diagnosis, diabetes, diabetic, cancer, hiv, aids, chemotherapy, chemo,
        insulin, asthma, epilepsy, pregnant, pregnancy, miscarriage, depression, depressed, anxiety disorder,
        bipolar, schizophrenia, adhd, autism, dementia, my
        medication/medications/meds/prescription/surgery/disability/condition/symptoms/therapist/psychiatrist/doctor,
        his/her medication/prescription/surgery, medical condition/record/records/history/reasons, allergic to,
        allergic reaction, side effects, blood pressure, blood test, test results, heart attack/condition/disease,
        stroke, chest pain, antidepressant, antidepressants, surgery, biopsy, tumor, tumour, disabled, wheelchair,
        overdose, suicidal, kill myself, self harm, mental health, hospitalized, hospitalised, im sick with,
        schwanger, krebs, diabetiker, embarazada, enceinte, incinta, diabète"""
    }
)
_CARD_LENGTHS: Final = range(13, 20)
_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
_PHONE_LENGTHS: Final = range(7, 16)
_NAMED_WITHIN: Final = 24
_ENOUGH_DIGITS: Final = 6
_LONG_NUMBER: Final = b"0" * 7
_ACCOUNT_NUMBER: Final = b"0" * 8
_CARD_NUMBER: Final = b"0" * 13
"""Digits that stand side by side in every phone, account (as IBAN) and card number, separators aside."""
_MASK: Final = bytes(ord("0" if chr(code).isdigit() else "x") for code in range(128)) + b"x" * 128
_SEPARATORS: Final = b" ().-/+"
_ENDS: Final = frozenset(".!?;")


_TELLING: Final = frozenset().union(
    _SECRET_WORDS, _KEY_WORDS, _BIRTH_WORDS, _STREETS, _STREETS_BEFORE, _HEALTH.keys, ["passport"]
)
_BREAKS: Final[dict[int, str]] = {ord(mark): " " for mark in "\"'`,:;.!?()[]{}<>/\\|_-+*=&%$#@^~"}


def may_hold(text: str) -> bool:
    """Return whether ``kinds_in`` may find something in a text: a few passes in C, without splitting it into ``Words``."""
    if "@" in text or _LONG_NUMBER in _masked(text):
        return True
    return not _TELLING.isdisjoint(text.lower().translate(_BREAKS).split())


def kinds_in(words: Words, known: AbstractSet[str] = frozenset()) -> set[str]:
    """Return the kinds of personal data in a text; the costly ones among ``known`` are not looked for again."""
    text = words.text
    kinds: set[str] = set()
    if "@" in text and _has_email(text):
        kinds.add("email")
    if _has_secret(words):
        kinds.add("password")
    if _HEALTH.any(words.vocabulary, words.padded):
        kinds.add("health")
    if words.digits:
        kinds |= _numbers(words, known)
    return kinds


def _has_email(text: str) -> bool:
    """Look around each @ only: the pattern would otherwise be tried at every letter."""
    at = text.find("@")
    while at >= 0:
        if _EMAIL.search(text, max(0, at - _AROUND), at + _AROUND):
            return True
        at = text.find("@", at + 1)
    return False


def _has_secret(words: Words) -> bool:
    if not words.vocabulary.isdisjoint(_SECRET_WORDS) and _SECRET.search(words.text):
        return True
    return not words.vocabulary.isdisjoint(_KEY_WORDS) and bool(_KEY.search(words.text))


def _numbers(words: Words, known: AbstractSet[str]) -> set[str]:
    text = words.text
    kinds: set[str] = set()
    if "address" not in known and _has_address(words):
        kinds.add("address")
    if len(words.digits) < _ENOUGH_DIGITS:
        return kinds
    if not words.vocabulary.isdisjoint(_BIRTH_WORDS) and _DATE.search(text):
        kinds.add("dob")
    if "passport" in words.vocabulary and _PASSPORT.search(text):
        kinds.add("passport")
    masked = _masked(text)
    if _LONG_NUMBER not in masked:
        return kinds
    text = text if text.isascii() else _plain(text)
    if _CARD_NUMBER in masked and any(map(_luhn_ok, {digits_of(found[0]) for found in _CARD.finditer(text)})):
        kinds.add("card")
    if _ACCOUNT_NUMBER in masked and any(
        _iban_ok(text[found.start() - 2 : found.end()]) for found in _IBAN.finditer(text)
    ):
        kinds.add("iban")
    return kinds | _spoken_numbers(text, words.vocabulary, kinds | known)


def _spoken_numbers(text: str, vocabulary: frozenset[str], known: AbstractSet[str]) -> set[str]:
    """Return the kinds that a number is by its length and what stands around it."""
    kinds: set[str] = set()
    spoken = not vocabulary.isdisjoint(_PHONE_WORDS) and vocabulary.isdisjoint(_NOT_PHONE_WORDS)
    for found in _DIGITS.finditer(text):
        before = text[max(0, found.start() - _NAMED_WITHIN) : found.start()]
        kind = _number_kind(
            found[0], before.lower(), spoken=spoken, phone=known.isdisjoint(("phone", "iban")) and "phone" not in kinds
        )
        if kind:
            kinds.add(kind)
    return kinds


def _masked(text: str) -> bytes:
    """Return the text with every digit as 0, separators left out: one pass in C tells whether a long number is there."""
    plain = text if text.isascii() else _plain(text)
    return plain.encode("utf-8", "surrogatepass").translate(_MASK, _SEPARATORS)


def _plain(text: str) -> str:
    """Return digits, spaces and hyphens of other widths as ASCII has them."""
    text = unicodedata.normalize("NFKC", text)
    for mark in "\u2010\u2013":
        text = text.replace(mark, "-")
    return text


def _has_address(words: Words) -> bool:
    """A house number with a street word close by: "12 Elm Street", "Hauptstraße 5", "rue de Lille 8"."""
    tokens = words.tokens
    if words.vocabulary.isdisjoint(_ANY_STREET) and not any(part in words.padded for part in _IN_STREET_ENDINGS):
        return False
    for position, token in enumerate(tokens):
        if not token[0].isdigit() or len(token) > 5:  # noqa: PLR2004 - longer is no house number
            continue
        before = tokens[max(0, position - _STREET_WORDS) : position]
        if not _STREETS_BEFORE.isdisjoint(before) or (before and before[-1].endswith(_STREET_ENDINGS)):
            return True
        after = tokens[position + 1 : position + 1 + _STREET_WORDS]
        if after and after[0] in _STREETS_BEFORE:
            return True
        street = next((place for place, word in enumerate(after) if word in _STREETS), 0)
        if street and _NOT_IN_STREET.isdisjoint(after[:street]) and _ENDS.isdisjoint(after[:street]):
            return True
    return False


def _number_kind(found: str, named: str, *, spoken: bool, phone: bool) -> str:
    """Return card, ssn, phone or "".

    ``named`` is what stands before it, in lower case. A bare run of digits is a phone number only where the text speaks of
    one. ``phone`` False: phones are of no interest.
    """
    if named and (named[-1].isalnum() or named[-1] in "._#"):
        return ""
    digits = digits_of(found)
    length = len(digits)
    if length in _CARD_LENGTHS and _luhn_ok(digits):
        return "card"
    if length in _SSN_LENGTHS and (_SSN.search(found) or (length == _SSN_LENGTH and _names(named, _SSN_NAMES))):
        return "ssn"
    if not phone or length not in _PHONE_LENGTHS or _DATE.search(found):
        return ""
    grouped = sum(found.count(mark) for mark in " -().") >= 2  # noqa: PLR2004 - 555-123-4567 has two
    if not (grouped or spoken or "+" in named[-2:] or found.startswith("00") or _names(named, _PHONE_NAMES)):
        return ""
    return "" if _names(named, _NOT_PHONE_WORDS) else "phone"


def _names(before: str, words: Iterable[str]) -> bool:
    return any(word in before for word in words)


def _luhn_ok(digits: str) -> bool:
    """ISO/IEC 7812: every second digit from the right doubled, the digit sum a multiple of ten; cards begin with 2 to 6."""
    if digits[0] not in "23456":
        return False
    values = digits.encode()
    doubled = values[-2::-2].translate(_DOUBLED)
    return (sum(values[::-2]) + sum(doubled) - 48 * len(values)) % 10 == 0  # 48 is the code of "0"


def _iban_ok(found: str) -> bool:
    """ISO 13616: country and check digits to the end, letters to numbers, remainder 1 modulo 97."""
    compact = found.replace(" ", "").upper()
    if not (compact.isascii() and compact.isalnum() and compact[:2].isalpha() and compact[2:4].isdigit()):
        return False
    # Words may follow an IBAN after a space; the checksum decides how much of the match belongs to it.
    return any(
        int("".join(str(int(mark, 36)) for mark in compact[4:end] + compact[:4])) % 97 == 1
        for end in range(15, min(34, len(compact)) + 1)
    )
