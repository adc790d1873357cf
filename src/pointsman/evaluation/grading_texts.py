"""Whether two texts say the same, as the kind of value they are: an id by every letter, a date by its day, words by their words.

The kind is told by the argument's name and schema, and by how the right value looks. In doubt a text is compared by every
character: a refund to the wrong order is worse than a right call counted wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable
from typing import Any, Final, Literal

from pointsman.evaluation.grading_spelling import read_amount, read_clock, read_date, read_moment, read_phone
from pointsman.routing.lexicon.match import wordset

Kind = Literal["exact", "email", "url", "phone", "moment", "date", "clock", "money", "words"]

_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_EMAIL: Final = re.compile(r"[^\s@]{1,64}@[^\s@.]+(?:\.[^\s@.]+)+")
_URL: Final = re.compile(r"(https?://[^\s/?#]+)(/?)(\S*)", re.IGNORECASE)
_DIGIT: Final = re.compile(r"\d")
_CODE: Final = re.compile(r"[^\W\d_]*[a-z][A-Z]\w*|\w*[_#@:/\\=+|~]\S*|\w+\.\w\S*|[A-Z][A-Z&.-]*")
"""How a single word looks that is a code: inner capitals, marks that words do not have, an inner dot, all capitals."""
_TOLD_FORMAT: Final = re.compile(r"yyyy|mm[/-]dd|dd[/.-]mm|iso[ -]?8601|hh:mm|24[- ]hour|\bformat", re.IGNORECASE)
_QUOTES: Final = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014\u2212\u00a0", "''\"\"--- ")
_ID_ENDS: Final = wordset(
    "id ids uuid guid code codes sku skus ref reference token key iban bic swift number numbers num no nr pin vin isbn imei hash"
    " slug pnr locator username login password secret zip postcode path file filename version currency"
)
_ID_WORDS: Final = _ID_ENDS | wordset(
    "order orders ticket invoice account card tracking confirmation coupon voucher promo serial shipment parcel postal"
)
_ENTITIES: Final = wordset(
    """order account ticket invoice user customer client member product item card shipment parcel booking reservation coupon
    voucher promo serial device"""
)
"""Things: an argument called so, with a single word for its value, names one of them by its id."""
_MONEY: Final = wordset(
    "amount amounts price prices total subtotal cost fee fees refund charge payment balance budget tip deposit"
)
_TIMES: Final = wordset(
    "date dates day time when at from until to start end since due birth birthday dob departure arrival"
)
_PHONES: Final = wordset("phone mobile telephone tel cell fax msisdn whatsapp")
_SENTENCE: Final = 3


def same_text(right: str, given: str, name: str, schema: dict[str, Any]) -> bool:
    """Tell whether ``given`` says what ``right`` says, for an argument called ``name`` with this schema."""
    if right == given:
        return True
    right, given = unicodedata.normalize("NFC", right), unicodedata.normalize("NFC", given)
    if right == given:
        return True
    kind = kind_of(right, name, schema)
    if kind == "words":
        return _same_words(right, given)
    read = _READERS.get(kind)
    if read is None:
        return False
    meant = read(right)
    return meant is not None and meant == read(given)


def kind_of(right: str, name: str, schema: dict[str, Any]) -> Kind:
    """Return how a text is to be compared."""
    if "enum" in schema or "const" in schema or "pattern" in schema:
        return "exact"
    stated = schema.get("format")
    if isinstance(stated, str):
        return _STATED.get(stated, "exact")
    parts = [part.lower() for part in _PARTS.findall(name)]
    shape = _by_shape(right, parts)
    if shape is not None:
        return shape
    known = set(parts)
    timed = _timed(right)
    if timed is not None and (known & _TIMES or not known & _ID_WORDS):
        told = _TOLD_FORMAT.search(str(schema.get("description", "")))
        return "exact" if told else timed
    if known & _MONEY or _has_currency(right):
        return "money" if read_amount(right) is not None else "exact" if _DIGIT.search(right) else "words"
    return "exact" if _is_code(right) else "words"


_STATED: Final[dict[str, Kind]] = {
    "email": "email",
    "idn-email": "email",
    "uri": "url",
    "url": "url",
    "phone": "phone",
    "date-time": "moment",
}


def _by_shape(right: str, parts: list[str]) -> Kind | None:
    """Return the kind that the argument's last word or the look of the right value tells beyond doubt."""
    if not _PHONES.isdisjoint(parts):
        return "phone" if read_phone(right) is not None else "exact"
    if parts and (parts[-1] in _ID_ENDS or (parts[-1] in _ENTITIES and " " not in right.strip() and "@" not in right)):
        return "exact"
    if _EMAIL.fullmatch(right):
        return "email"
    if _URL.fullmatch(right):
        return "url"
    return "phone" if right.startswith("+") and read_phone(right) is not None else None


def _timed(right: str) -> Kind | None:
    if not _DIGIT.search(right):
        return None
    if read_moment(right) is not None:
        return "moment"
    if read_date(right) is not None:
        return "date"
    return "clock" if read_clock(right) is not None else None


def _has_currency(text: str) -> bool:
    amount = read_amount(text)
    return amount is not None and amount[1] != ""


def _is_code(text: str) -> bool:
    """Tell whether a single word is more of an id than of a word."""
    return " " not in text.strip() and (_DIGIT.search(text) is not None or _CODE.fullmatch(text) is not None)


def _email(text: str) -> str | None:
    """Mail addresses reach the same person in either case; what is right of the last dot matters as much as the rest."""
    return text.casefold() if _EMAIL.fullmatch(text) else None


def _url(text: str) -> tuple[str, str] | None:
    found = _URL.fullmatch(text)
    return (found[1].lower(), found[2] + found[3] if found[3] else "") if found else None


def _same_words(right: str, given: str) -> bool:
    """Tell whether texts have the same words: one with digits or of the look of a code as it stands, others in any case."""
    wanted, said = _words(right), _words(given)
    return bool(wanted) and len(wanted) == len(said) and all(map(_same_word, wanted, said))


def _same_word(wanted: str, said: str) -> bool:
    if wanted == said:
        return True
    code = _DIGIT.search(wanted) or _CODE.fullmatch(wanted.strip(",.;:!?()'\""))
    return not code and wanted.lower() == said.lower()


def _words(text: str) -> list[str]:
    words = text.translate(_QUOTES).split()
    if len(words) >= _SENTENCE:
        words[-1] = words[-1].rstrip(".!") or words[-1]
    return words


_READERS: Final[dict[Kind, Callable[[str], Hashable]]] = {
    "email": _email,
    "url": _url,
    "phone": read_phone,
    "moment": read_moment,
    "date": read_date,
    "clock": read_clock,
    "money": read_amount,
}
