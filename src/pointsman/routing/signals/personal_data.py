"""Personal data: what the customer's texts give away, by patterns with checksums where the format has one."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.match import Lexicon
from pointsman.routing.reading import Reading, Words

NAME: Final = "personal_data"
SENSITIVE: Final = frozenset({"card", "iban", "ssn", "health", "password", "passport"})

_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_DIGITS: Final = re.compile(r"(?<![\w.])(?:\+|00)?\(?\d[\d ().\-/]{5,30}\d(?!\w)")
_SSN: Final = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])")
_IBAN: Final = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE)
_DATE: Final = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?[A-Za-z]{3,9}\.?,? \d{4}\b|\b[A-Za-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
)
_ADDRESS: Final = re.compile(
    r"\b\d{1,5}[a-z]?,? (?:[A-Z][\w'.]*,? ){1,4}(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|way|place|pl|terrace|square|sq|highway|hwy|parkway|crescent|close)\b"
    r"|\b[A-ZÄÖÜ]?[\wäöüß]*(?:straße|strasse|str\.|gasse|weg|platz|allee) ?\d{1,4}\b|\b\d{1,4},? (?:rue|avenue|boulevard|place|chemin) \w+|\b(?:calle|avenida|via|viale|piazza|rua) (?:\w+ ){1,4}\d{1,4}\b",
    re.IGNORECASE,
)
_SECRET: Final = re.compile(
    r"\b(?:password|passwort|passcode|contraseña|mot de passe|wachtwoord|senha|pwd|pin(?: code| number)?|cvv|cvc|security code)\b(?: for [\w ]{1,30}?)?\s*(?:is|was|:|=|ist|es|est|è|é)\s*[\"'“]?(?!not\b|n't|wrong|incorrect|expired|invalid|blocked|locked|too\b|required|falsch|the\b|a\b|being\b|no\b|asked|never\b|still\b|always\b|correct\b|reset\b|gone\b|lost\b)\S{3,}",
    re.IGNORECASE,
)
_PASSPORT: Final = re.compile(
    r"\bpassport(?: number| no\.?| nr\.?)?\s*(?:is|:|#)?\s*[A-Z]{0,2}\d{6,9}\b", re.IGNORECASE
)
_KEY: Final = re.compile(r"\b(?:sk|pk|ghp|xox[bp])[-_][A-Za-z0-9_-]{16,}")
_PHONE_WORDS: Final = frozenset(
    "phone mobile cell call number tel telephone whatsapp reach text sms telefon teléfono téléphone telefono handy móvil".split()
)
_BIRTH_WORDS: Final = frozenset(
    "born birth birthday dob geboren geburtsdatum nacimiento nacido nací née né naissance nato nata nascita".split()
)
_ADDRESS_WORDS: Final = frozenset(
    """street st avenue ave road rd boulevard blvd lane ln drive dr court ct way place pl terrace square sq
    highway hwy parkway crescent close
    rue chemin calle avenida via viale piazza rua""".split()
)
_HEALTH: Final = Lexicon(
    {
        "health": """diagnosed, diagnosis, diabetes, diabetic, cancer, hiv, aids, chemotherapy, chemo, insulin, asthma,
            epilepsy, pregnant, pregnancy, miscarriage, depression, depressed, anxiety disorder,
            bipolar, schizophrenia, adhd, autism, dementia, my
            medication/medications/meds/prescription/surgery/disability/condition/symptoms/therapist/psychiatrist/doctor,
            his/her medication/prescription/surgery, medical
            condition/record/records/history/reasons, allergic to, allergic reaction, side effects,
            blood pressure, blood test, test results, heart attack/condition/disease, stroke, chest
            pain, antidepressant, antidepressants, surgery, biopsy, tumor, tumour, disabled,
            wheelchair, overdose, suicidal, kill myself, self harm, mental health, hospitalized,
            hospitalised, im sick with, schwanger, krebs, diabetiker, embarazada, enceinte, incinta,
            diabète"""
    }
)
_CARD_LENGTHS: Final = range(13, 20)
_PHONE_LENGTHS: Final = range(7, 16)
_ENOUGH_DIGITS: Final = 6


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
    if "@" in text and _EMAIL.search(text):
        kinds.add("email")
    if _SECRET.search(text) or _KEY.search(text):
        kinds.add("password")
    if _HEALTH.any(words.vocabulary, words.padded):
        kinds.add("health")
    if sum(1 for token in words.vocabulary if token[0].isdigit()):
        kinds |= _numbers(words)
    return kinds


def _numbers(words: Words) -> set[str]:
    text = words.text
    kinds: set[str] = set()
    if _SSN.search(text):
        kinds.add("ssn")
    if _PASSPORT.search(text):
        kinds.add("passport")
    if any(_iban_ok(found) for found in _IBAN.findall(text)):
        kinds.add("iban")
    if not words.vocabulary.isdisjoint(_BIRTH_WORDS) and _DATE.search(text):
        kinds.add("dob")
    if _ADDRESS.search(text):
        kinds.add("address")
    called = not words.vocabulary.isdisjoint(_PHONE_WORDS)
    for found in _DIGITS.findall(text):
        kind = _number_kind(found, called=called)
        if kind and not (kind == "phone" and "iban" in kinds):
            kinds.add(kind)
    return kinds


def _number_kind(found: str, *, called: bool) -> str:
    """Return "card", "phone" or "" for a run of digits; a bare run is a phone number only where the text
    speaks of one."""
    digits = "".join(mark for mark in found if mark.isascii() and mark.isdigit())
    if len(digits) in _CARD_LENGTHS and digits[0] in "23456" and _luhn_ok(digits):
        return "card"
    if len(digits) not in _PHONE_LENGTHS or _SSN.search(found) or _DATE.search(found):
        return ""
    grouped = sum(found.count(mark) for mark in " -().") >= 2  # noqa: PLR2004 - 555-123-4567 has two
    return "phone" if found.startswith(("+", "00")) or grouped or called else ""


def _luhn_ok(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digit sum of a doubled digit
    return total % 10 == 0


def _iban_ok(found: str) -> bool:
    """ISO 13616: country and check digits to the end, letters to numbers, remainder 1 modulo 97."""
    compact = found.replace(" ", "").upper()
    if not compact.isascii():
        return False
    # Words may follow an IBAN after a space; the checksum decides how much of the match belongs to it.
    return any(
        int("".join(str(int(mark, 36)) for mark in compact[4:end] + compact[:4])) % 97 == 1
        for end in range(15, min(34, len(compact)) + 1)
    )
