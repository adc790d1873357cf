"""The hard facts of a text as values: ids, amounts, dates, times, addresses. 49,90 EUR and €49.90 are one amount.

Read to tell whether a fact of one text stands in another one, however it is spelled there. Every pattern is linear.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final, Literal

import msgspec

Kind = Literal["url", "email", "date", "time", "amount", "percent", "id", "number"]
Key = tuple[str | int | Decimal, ...]

_MONTH_NAMES: Final = (
    "january jan januar janvier enero gennaio",
    "february feb februar fevrier febrero febbraio",
    "march mar marz mars marzo",
    "april apr avril abril aprile",
    "may mai mayo maggio",
    "june jun juni juin junio giugno",
    "july jul juli juillet julio luglio",
    "august aug aout agosto",
    "september sep sept septembre septiembre settembre",
    "october oct oktober okt octobre octubre ottobre",
    "november nov novembre noviembre",
    "december dec dezember dez decembre diciembre dicembre",
)
_MONTHS: Final = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_CURRENCIES: Final = {
    name: code
    for code, names in {
        "USD": "$ usd us$ dollar dollars",
        "EUR": "€ eur euro euros",
        "GBP": "£ gbp pound pounds",
        "JPY": "¥ jpy yen",
        "CHF": "chf franken",
        "INR": "₹ inr rupees",
    }.items()
    for name in names.split()
}
_NUM: Final = (
    r"[+-]?\d{1,3}(?:[.,'\u2019 \u00a0\u202f]\d{3}){1,4}(?:[.,]\d{1,2})?(?!\d)|[+-]?\d{1,40}+(?:[.,]\d{1,40}+)?"
)
_BEFORE: Final = r"(?:us\$|[$€£¥₹]|\b(?:usd|eur|gbp|jpy|chf|inr)\b)"
_AFTER: Final = r"(?:[$€£¥₹]|(?:usd|eur|gbp|jpy|chf|inr|dollars?|euros?|pounds?|yen|franken|rupees)\b)"
_ACCENTED: Final = ("märz", "février", "août", "décembre")
_MONTH: Final = "(?:" + "|".join(sorted([*_MONTHS, *_ACCENTED], key=len, reverse=True)) + r")\b\.?"
_FACT: Final = re.compile(
    rf"(?P<url>https?://[^\s<>\"'()\[\]]+)"
    rf"|(?P<email>[\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}})+)"
    rf"|(?P<iso>(?<![\w-])\d{{4}}-\d\d-\d\d(?![\d-]))"
    rf"|(?P<daymonth>(?<![\w.,])\d{{1,2}}(?:st|nd|rd|th|\.)?\s+(?:(?:of|de)\s+)?{_MONTH}(?:,?\s+(?:de\s+)?\d{{4}}\b)?)"
    rf"|(?P<monthday>\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b(?![.,:]\d)(?:,?\s+\d{{4}}\b)?)"
    rf"|(?P<numeric>(?<![\w./])\d{{1,2}}(?P<sep>[./])\d{{1,2}}(?P=sep)(?:\d{{4}}|\d\d)(?![\w/]))"
    rf"|(?P<time>(?<![\w:])\d{{1,2}}:\d\d(?::\d\d)?(?:\s?[ap]\.?m\b\.?)?(?![:\d]))"
    rf"|(?P<paid>{_BEFORE}\s?(?:{_NUM})|(?<![\w.,-])(?:{_NUM})\s?{_AFTER})"
    rf"|(?P<percent>(?<![\w.,])(?:{_NUM})\s?(?:%|percent\b|per cent\b|prozent\b))"
    rf"|(?P<word>(?<![\w/.,-])(?=[^\W\d]*+(?:[-/][^\W\d]++)*+[-/]?\d)\w++(?:[-/]\w++)*+(?![.,]\d))"
    rf"|(?P<number>(?<![\w.,])(?:{_NUM}))",
    re.IGNORECASE,
)
_SPLIT: Final = re.compile(r"[-_/]+")
_ID_DIGITS: Final = 4
_CENTURY: Final = 100


class Fact(msgspec.Struct, frozen=True):
    """A fact and where it stands. ``needs``: one of these must be offered elsewhere; ``offers``: what it confirms."""

    kind: Kind
    raw: str
    start: int
    needs: frozenset[Key]
    offers: frozenset[Key]


def plain(text: str) -> str:
    """Return ``text`` with look-alike forms made one and invisible characters taken out."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(mark for mark in folded if unicodedata.category(mark) != "Cf")


def facts(text: str) -> tuple[Fact, ...]:
    """Return the facts of ``text`` in order; positions are those of ``plain(text)``."""
    return tuple(_facts(plain(text)))


def offered(texts: Iterable[str]) -> frozenset[Key]:
    """Return all that the facts of some texts confirm."""
    return frozenset(key for text in texts for fact in facts(text) for key in fact.offers)


def stands(fact: Fact, known: frozenset[Key]) -> bool:
    """Tell whether a fact is among ``known`` ones (see ``offered``)."""
    return not known.isdisjoint(fact.needs)


def _facts(text: str) -> Iterator[Fact]:
    for found in _FACT.finditer(text):
        name = found.lastgroup if found.lastgroup != "sep" else "numeric"
        raw = found.group()
        read = _read(name or "", raw)
        if read is not None:
            kind, needs, offers = read
            yield Fact(kind, raw, found.start(), frozenset(needs), frozenset(offers))


_Read = tuple[Kind, set[Key], set[Key]]


def _read(name: str, raw: str) -> _Read | None:  # noqa: PLR0911 - one line per kind
    match name:
        case "url":
            key: Key = ("url", raw.rstrip(".,;:!?").rstrip("/").casefold())
            return "url", {key}, {key}
        case "email":
            key = ("email", raw.rstrip(".").casefold())
            return "email", {key}, {key}
        case "iso" | "daymonth" | "monthday" | "numeric":
            return _date(raw)
        case "time":
            return _time(raw)
        case "paid":
            return _amount(raw)
        case "percent":
            key = ("percent", _decimal(re.split(r"\s|%|[pP]", raw, maxsplit=1)[0]))
            return "percent", {key}, {key}
        case "word":
            return _word(raw)
        case _:
            return _number(raw)


def _number(raw: str) -> _Read:
    value = _decimal(raw)
    return "number", {("number", value)}, {("number", value), ("bare", value)}


def _word(raw: str) -> _Read:
    if raw.isdigit():
        if len(raw) < _ID_DIGITS:
            return _number(raw)
        _, needs, offers = _number(raw)
        return "id", {("id", raw), *needs}, {("id", raw), *offers}
    key: Key = ("id", _SPLIT.sub("", raw).casefold())
    return "id", {key}, {key}


def _amount(raw: str) -> _Read:
    number = re.search(_NUM, raw)
    digits = number.group() if number else "0"
    currency = _CURRENCIES.get(raw.replace(digits, "", 1).strip().lower(), "")
    value = _decimal(digits)
    return "amount", {("amount", value, currency), ("bare", value)}, {("amount", value, currency), ("number", value)}


def _decimal(raw: str) -> Decimal:
    """Return a number however its thousands and decimals are marked: three digits behind a lone mark are thousands."""
    digits = re.sub(r"['\u2019 \u00a0\u202f+]", "", raw)
    marks = [mark for mark in digits if mark in ".,"]
    if marks:
        last = max(digits.rfind("."), digits.rfind(","))
        behind = len(digits) - last - 1
        thousands = (len(marks) > 1 and len(set(marks)) == 1) or (len(marks) == 1 and behind == 3)  # noqa: PLR2004
        whole = re.sub(r"[.,]", "", digits if thousands else digits[:last])
        digits = whole if thousands else f"{whole or '0'}.{digits[last + 1 :]}"
    return Decimal(digits).normalize() + 0


def _time(raw: str) -> _Read:
    hour, minute = (int(part) for part in re.findall(r"\d+", raw)[:2])
    lowered = raw.lower()
    if "p" in lowered and hour < 12:  # noqa: PLR2004 - noon
        hour += 12
    elif "a" in lowered and hour == 12:  # noqa: PLR2004 - midnight
        hour = 0
    key: Key = ("time", hour, minute)
    return "time", {key}, {key}


def _date(raw: str) -> _Read | None:
    """Return a date; one without its year is confirmed by any year, and 03/04 may be read both ways."""
    numbers = [int(part) for part in re.findall(r"\d+", raw)]
    month = next((_MONTHS[word] for word in re.findall(r"[^\W\d_]+", _bare(raw)) if word in _MONTHS), None)
    if month is not None:
        days = {(month, numbers[0])}
        year = numbers[1] if len(numbers) > 1 else None
    elif "-" in raw:
        year, days = numbers[0], {(numbers[1], numbers[2])}
    else:
        year = numbers[2] + (2000 if numbers[2] < _CENTURY else 0)
        first, second = numbers[0], numbers[1]
        days = {(second, first)} if "." in raw else {(first, second), (second, first)}
    days = {(m, d) for m, d in days if 1 <= m <= 12 and 1 <= d <= 31}  # noqa: PLR2004 - the calendar
    if not days:
        return None
    any_year: set[Key] = {("day", m, d) for m, d in days}
    if year is None:
        return "date", any_year, any_year | {("yearless", m, d) for m, d in days}
    exact: set[Key] = {("date", year, m, d) for m, d in days}
    return "date", exact | {("yearless", m, d) for m, d in days}, exact | any_year


def _bare(text: str) -> str:
    return "".join(mark for mark in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(mark))
