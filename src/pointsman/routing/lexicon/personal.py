"""Patterns of personal data, with checksums where the format has one.

``kinds_in`` reads one text of a page or so; what it costs depends on what stands there: each pattern has a precondition that
is one pass in C.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final

from pointsman.routing.lexicon.credentials import may_hold_secret, named_secrets, passwords, secrets
from pointsman.routing.lexicon.folding import Folding
from pointsman.routing.lexicon.match import Lexicon, Words, digits_of, wordset
from pointsman.routing.lexicon.numbers import SIX, lettered, masked, numbers

SENSITIVE: Final = frozenset({"card", "iban", "ssn", "national_id", "health", "password", "secret", "passport"})
HARD: Final = frozenset({"card", "iban", "ssn", "national_id", "secret", "passport"})
"""Kinds with a format of their own; the others are told by everyday words."""

_AROUND: Final = 80
_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_DIGITS: Final = re.compile(r"\d[\d ().\-/]{5,30}\d(?!\w)")
_DATE: Final = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?[^\W\d]{3,10}\.?,? \d{4}\b"
    r"|\b[A-Za-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
)
_PASSPORT: Final = re.compile(
    r"\bpassport(?: number| no\.?| nr\.?)?\s*(?:is|:|#)?\s*[A-Z]{0,2}\d{6,9}\b", re.IGNORECASE
)
_SECRET_WORDS: Final = wordset(
    """password passwort passcode contraseña passe wachtwoord senha pwd pin cvv cvc security passwd
    passphrase cvv2 cvc2 otp verification"""
)
_KEY_WORDS: Final = frozenset(
    [
        *(
            "sk",
            "pk",
            "rk",
            "ghp",
            "gho",
            "ghu",
            "ghs",
            "ghr",
            "github",
            "xoxa",
            "xoxb",
            "xoxp",
            "xoxr",
            "xoxs",
            "glpat",
            "gsk",
        ),
        *("hf", "npm", "xai", "pm", "private"),
    ]
)
_NAMED_WORDS: Final = wordset(
    """key apikey api_key access_key access_token token secret client_secret bearer authorization"""
)
_PHONE_WORDS: Final = wordset(
    """phone mobile cell call number tel telephone whatsapp reach sms telefon teléfono téléphone telefono handy móvil"""
)
_NOT_PHONE_WORDS: Final = wordset(
    """order tracking booking reference invoice ticket reservation confirmation case account serial imei policy case
    transaction sku"""
)
_PHONE_NAMES: Final = ("phone", "mobile", "whatsapp")
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
_PHONE_LENGTHS: Final = range(7, 16)
_NAMED_WITHIN: Final = 24
_ENOUGH_DIGITS: Final = 6
_LONG_NUMBER: Final = b"0" * 7
_not_phones: Final = partial(numbers, phones=False)
_ENDS: Final = frozenset(".!?;")


_TELLING: Final = frozenset().union(
    _SECRET_WORDS, _KEY_WORDS, _NAMED_WORDS, _BIRTH_WORDS, _STREETS, _STREETS_BEFORE, _HEALTH.keys, ["passport"]
)
_BREAKS: Final[dict[int, str]] = {ord(mark): " " for mark in "\"'`,:;.!?()[]{}<>/\\|_-+*=&%$#@^~"}


def may_hold(text: str) -> bool:
    """Return whether ``kinds_in`` may find something in a text: a few passes in C, without splitting it into ``Words``."""
    if "@" in text or _LONG_NUMBER in masked(text if text.isascii() else Folding().fold(text)[0]):
        return True
    return not _TELLING.isdisjoint(text.lower().translate(_BREAKS).split())


def kinds_in(words: Words, known: AbstractSet[str] = frozenset(), *, formats: bool = True) -> set[str]:
    """Return the kinds of personal data in a text; the costly ones among ``known`` are not looked for again.

    ``formats`` False: what has a format of its own was looked for already.
    """
    text = words.text
    kinds: set[str] = set()
    if "@" in text and _has_email(text):
        kinds.add("email")
    if not words.vocabulary.isdisjoint(_SECRET_WORDS) and any(True for _ in passwords(text)):
        kinds.add("password")
    if _HEALTH.any(words.vocabulary, words.padded):
        kinds.add("health")
    if formats and _has_key(words):
        kinds.add("secret")
    if words.digits:
        if not words.vocabulary.isdisjoint(_NAMED_WORDS) and any(True for _ in named_secrets(text)):
            kinds.add("secret")
        kinds |= _numbers(words, known, formats=formats)
    return kinds


def _has_key(words: Words) -> bool:
    """A key has digits in it, and most begin with a word of their own."""
    telling = len(words.digits) >= _ENOUGH_DIGITS or not words.vocabulary.isdisjoint(_KEY_WORDS)
    return telling and may_hold_secret(words.text) and any(True for _ in secrets(words.text))


def _has_email(text: str) -> bool:
    """Look around each @ only: the pattern would otherwise be tried at every letter."""
    at = text.find("@")
    while at >= 0:
        if _EMAIL.search(text, max(0, at - _AROUND), at + _AROUND):
            return True
        at = text.find("@", at + 1)
    return False


def _numbers(words: Words, known: AbstractSet[str], *, formats: bool) -> set[str]:
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
    text = text if text.isascii() else Folding().fold(text)[0]
    digits = masked(text)
    if formats and SIX in digits:
        kinds |= {span.kind for find in (lettered, _not_phones) for span in find(text)}
    if _LONG_NUMBER in digits and known.isdisjoint(("phone", "iban")) and kinds.isdisjoint(("card", "iban", "ssn")):
        spoken = not words.vocabulary.isdisjoint(_PHONE_WORDS) and words.vocabulary.isdisjoint(_NOT_PHONE_WORDS)
        if any(_is_phone(text, found, spoken=spoken) for found in _DIGITS.finditer(text)):
            kinds.add("phone")
    return kinds


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


def _is_phone(text: str, found: re.Match[str], *, spoken: bool) -> bool:
    """A bare run of digits is a phone number only where the text speaks of one (``spoken``)."""
    named = text[max(0, found.start() - _NAMED_WITHIN) : found.start()].lower()
    if named and (named[-1].isalnum() or named[-1] in "._#"):
        return False
    said = found[0]
    if len(digits_of(said)) not in _PHONE_LENGTHS or _DATE.search(said):
        return False
    grouped = sum(said.count(mark) for mark in " -().") >= 2  # noqa: PLR2004 - 555-123-4567 has two
    grouped = grouped and (said[0] == "0" or not said[:4].isdigit())  # 4411-2233-5566 is an order
    if not (grouped or spoken or "+" in named[-2:] or said.startswith("00") or _names(named, _PHONE_NAMES)):
        return False
    return not _names(named, _NOT_PHONE_WORDS)


def _names(before: str, words: Iterable[str]) -> bool:
    return any(word in before for word in words)
