"""Personal data: what the customer's texts give away, by patterns with checksums where the format has one."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.match import Lexicon, Words, wordset
from pointsman.routing.reading import Reading

NAME: Final = "personal_data"
SENSITIVE: Final = frozenset({"card", "iban", "ssn", "health", "password", "passport"})

_AROUND: Final = 80
_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_DIGITS: Final = re.compile(r"\d[\d ().\-/]{5,30}\d(?!\w)")
_SSN: Final = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])")
_IBAN: Final = re.compile(r"\d\d(?: ?[A-Za-z0-9]){11,30}")
_DATE: Final = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?[^\W\d]{3,10}\.?,? \d{4}\b"
    r"|\b[A-Za-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
)
_SECRET: Final = re.compile(
    r"\b(?:password|passwort|passcode|contraseña|mot de passe|wachtwoord|senha|pwd|pin(?: code| number)?|cvv|cvc"
    r"|security code)\b(?: for [\w ]{1,30}?)?\s*(?:is|was|:|=|ist|es|est|è|é)\s*[\"'“]?(?!not\b|n't|wrong\b|incorrect"
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
_BIRTH_WORDS: Final = wordset(
    """born birth birthday dob geboren geburtsdatum nacimiento nacido nací née né naissance nato nata nascita"""
)
_STREETS: Final = wordset(
    """street avenue ave road rd boulevard blvd lane ln terrace highway hwy parkway crescent drive court square st dr ct"""
)
_STREETS_BEFORE: Final = wordset("""rue chemin calle avenida via viale piazza rua avenue boulevard""")
_ANY_STREET: Final = _STREETS | _STREETS_BEFORE
_STREET_ENDINGS: Final = ("straße", "strasse", "gasse", "allee", "straat", "laan")
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
_PHONE_LENGTHS: Final = range(7, 16)
_NAMED_WITHIN: Final = 24
_ENOUGH_DIGITS: Final = 6
_LONG_NUMBER: Final = "0" * 7
_MASK: Final[dict[int, str | None]] = {
    code: "0" if chr(code).isdigit() else None if chr(code) in " ().-/+" else "x" for code in range(128)
}
_ENDS: Final = frozenset(".!?;")


class PersonalData(msgspec.Struct, frozen=True):
    """``kinds`` found, sorted; ``sensitive`` when one of them is card, iban, ssn, health, password or passport.

    The last user text and up to three before it are read: they are all in the prompt. Tool results are not.
    """

    present: bool
    kinds: tuple[str, ...]
    sensitive: bool


def measure(reading: Reading, session: Session) -> PersonalData:  # noqa: ARG001 - every signal has this shape
    """Find personal data in the customer's texts."""
    kinds: set[str] = set()
    for words in (reading.user, *reading.earlier):
        kinds |= _kinds(words)
    return PersonalData(bool(kinds), tuple(sorted(kinds)), not kinds.isdisjoint(SENSITIVE))


def _kinds(words: Words) -> set[str]:
    """Run only the patterns whose cheap precondition holds."""
    text = words.text
    kinds: set[str] = set()
    if "@" in text and _has_email(text):
        kinds.add("email")
    if _has_secret(words):
        kinds.add("password")
    if _HEALTH.any(words.vocabulary, words.padded):
        kinds.add("health")
    if words.digits:
        kinds |= _numbers(words)
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


def _numbers(words: Words) -> set[str]:
    text = words.text
    kinds: set[str] = set()
    if _has_address(words):
        kinds.add("address")
    if len(words.digits) < _ENOUGH_DIGITS:
        return kinds
    if not words.vocabulary.isdisjoint(_BIRTH_WORDS) and _DATE.search(text):
        kinds.add("dob")
    if "passport" in words.vocabulary and _PASSPORT.search(text):
        kinds.add("passport")
    if not _has_long_number(text):
        return kinds
    if any(_iban_ok(text[max(0, found.start() - 2) : found.end()]) for found in _IBAN.finditer(text)):
        kinds.add("iban")
    spoken = not words.vocabulary.isdisjoint(_PHONE_WORDS) and words.vocabulary.isdisjoint(_NOT_PHONE_WORDS)
    for found in _DIGITS.finditer(text):
        kind = _number_kind(found[0], text[max(0, found.start() - _NAMED_WITHIN) : found.start()], spoken=spoken)
        if kind and not (kind == "phone" and "iban" in kinds):
            kinds.add(kind)
    return kinds


def _has_long_number(text: str) -> bool:
    """Return whether seven digits follow each other, separators aside: no phone, card or account number has fewer.

    One pass in C over the text, where the patterns would each be tried at every digit.
    """
    return not text.isascii() or _LONG_NUMBER in text.translate(_MASK)


def _has_address(words: Words) -> bool:
    """A house number with a street word close by: "12 Elm Street", "Hauptstraße 5", "rue de Lille 8"."""
    tokens = words.tokens
    if words.vocabulary.isdisjoint(_ANY_STREET) and not any(ending in words.padded for ending in _STREET_ENDINGS):
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


def _number_kind(found: str, before: str, *, spoken: bool) -> str:
    """Return card, ssn, phone or ""; a bare run of digits is a phone number only where the text speaks of one."""
    if before and (before[-1].isalnum() or before[-1] in "._#"):
        return ""
    digits = "".join(mark for mark in found if mark.isascii() and mark.isdigit())
    if len(digits) in _CARD_LENGTHS and digits[0] in "23456" and _luhn_ok(digits):
        return "card"
    if _SSN.search(found):
        return "ssn"
    if len(digits) not in _PHONE_LENGTHS or _DATE.search(found):
        return ""
    grouped = sum(found.count(mark) for mark in " -().") >= 2  # noqa: PLR2004 - 555-123-4567 has two
    if not (grouped or spoken or "+" in before[-2:] or found.startswith("00")):
        return ""
    return "" if any(word in before.lower() for word in _NOT_PHONE_WORDS) else "phone"


def _luhn_ok(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digit sum of a doubled digit
    return total % 10 == 0


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
