"""Values that can be spelled in more than one way, read as what they are: dates, moments, amounts, telephone numbers.

Each reader returns None for what is not such a value beyond doubt: 03/04/2026 is no date here, 1.250 no amount.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final, TypeVar

_T = TypeVar("_T")

_MONTH_NAMES: Final = (
    *("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug"),
    *("september sept sep", "october oct", "november nov", "december dec"),
)
_MONTHS: Final = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_YEAR_FIRST: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_DAY_MONTH: Final = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?([a-z]{3,9})\.?,?\s+(\d{4})", re.IGNORECASE | re.ASCII
)
_MONTH_DAY: Final = re.compile(r"([a-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})", re.IGNORECASE | re.ASCII)
_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s?(Z|UTC|[+-]\d\d:?\d\d)?", re.IGNORECASE | re.ASCII
)
_CLOCK: Final = re.compile(r"(\d{1,2})(?::(\d\d))?(?::(\d\d))?\s?([ap])\.?m\.?", re.IGNORECASE | re.ASCII)
_CLOCK_24: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_CURRENCIES: Final = {
    "$": "USD",
    "us$": "USD",
    "usd": "USD",
    "dollars": "USD",
    "€": "EUR",
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "£": "GBP",
    "gbp": "GBP",
    "pounds": "GBP",
    "¥": "JPY",
    "jpy": "JPY",
    "₹": "INR",
    "inr": "INR",
    "chf": "CHF",
}
_CURRENCY: Final = "|".join(re.escape(name) for name in sorted(_CURRENCIES, key=len, reverse=True))
_AMOUNT: Final = re.compile(
    rf"(?P<sign>-?)(?P<before>{_CURRENCY})?\s?(?P<number>\d[\d.,']*)\s?(?P<after>{_CURRENCY})?",
    re.IGNORECASE | re.ASCII,
)
_SPACES: Final = str.maketrans("\u00a0\u202f", "  ")
_GROUPED: Final = re.compile(r"\d{1,3}(?:([,.'])\d{3})(?:\1\d{3})*(?:(?!\1)[.,]\d{1,2})?", re.ASCII)
_PLAIN: Final = re.compile(r"\d+(?:[.,]\d{1,2})?|\d+\.\d{4,12}", re.ASCII)
_PHONE: Final = re.compile(r"(\+|00)?((?:[\s().\-/]*\d){7,15})", re.ASCII)
_NOON: Final = 12
_MOST: Final = 64
"""Characters: a longer text is none of these."""


def read_date(text: str) -> date | None:
    """Return a day of the calendar written with its year, and with no doubt which number is the month."""
    if len(text) > _MOST:
        return None
    if found := _YEAR_FIRST.fullmatch(text):
        return _date(int(found[1]), int(found[3]), int(found[4]))
    if found := _YEAR_LAST.fullmatch(text):
        return _year_last(int(found[1]), found[2], int(found[3]), int(found[4]))
    if found := _DAY_MONTH.fullmatch(text):
        return _date(int(found[3]), _MONTHS.get(found[2].lower(), 0), int(found[1]))
    if found := _MONTH_DAY.fullmatch(text):
        return _date(int(found[3]), _MONTHS.get(found[1].lower(), 0), int(found[2]))
    return None


def read_moment(text: str) -> datetime | None:
    """Return a day with a time: in UTC where its zone is said, else without a zone. Fractions count to the microsecond."""
    found = _MOMENT.fullmatch(text) if len(text) <= _MOST else None
    if found is None:
        return None
    zone = (found[3] or "").upper().replace("UTC", "+00:00").replace("Z", "+00:00")
    clock = found[2]
    if "." in clock:
        whole, fraction = clock.split(".")
        clock = f"{whole}.{fraction[:6]:0<6}"
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{clock}{zone}")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment


def read_clock(text: str) -> time | None:
    """Return a time of day: 14:30, 2:30 pm, 2pm."""
    if len(text) > _MOST:
        return None
    if found := _CLOCK.fullmatch(text):
        hour = int(found[1])
        if not 1 <= hour <= _NOON:
            return None
        return _time(hour % _NOON + (_NOON if found[4].lower() == "p" else 0), found[2], found[3])
    if found := _CLOCK_24.fullmatch(text):
        return _time(int(found[1]), found[2], found[3])
    return None


def read_amount(text: str) -> tuple[Decimal, str] | None:
    """Return an amount and its currency ("" where none is said); None where a lone mark could mean thousands or decimals."""
    found = _AMOUNT.fullmatch(text.translate(_SPACES)) if len(text) <= _MOST else None
    if found is None or (found["before"] and found["after"]):
        return None
    number = _number(found["number"])
    if number is None:
        return None
    currency = _CURRENCIES.get((found["before"] or found["after"] or "").lower(), "")
    return (-number if found["sign"] else number), currency


def read_phone(text: str) -> tuple[bool, str] | None:
    """Return whether a telephone number begins with a country's code, and its digits."""
    found = _PHONE.fullmatch(text.strip()) if len(text) <= _MOST else None
    if found is None:
        return None
    rest = found[2].replace("(0)", "") if found[1] else found[2]
    return bool(found[1]), re.sub(r"\D", "", rest)


def _number(text: str) -> Decimal | None:
    if _PLAIN.fullmatch(text):
        return Decimal(text.replace(",", "."))
    found = _GROUPED.fullmatch(text)
    if found is None:
        return None
    mark = found[1]
    rest = text.replace(mark, "")
    if mark == "." and rest.isdigit() and text.count(".") == 1:
        return None  # 1.250: a thousand, or one and a quarter
    return Decimal(rest.replace(",", "."))


def _year_last(first: int, mark: str, second: int, year: int) -> date | None:
    if mark == "." or first > _NOON:
        return _date(year, second, first)
    return _date(year, first, second) if second > _NOON or first == second else None


def _date(year: int, month: int, day: int) -> date | None:
    return _made(lambda: date(year, month, day))


def _time(hour: int, minute: str | None, second: str | None) -> time | None:
    return _made(lambda: time(hour, int(minute or 0), int(second or 0)))


def _made(make: Callable[[], _T]) -> _T | None:
    try:
        return make()
    except ValueError:
        return None
