"""Check digits of numbers that name people and accounts. Each function takes bare digits (or letters) and is total."""

from __future__ import annotations

from typing import Final

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_VERHOEFF_TIMES: Final = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_VERHOEFF_TURNS: Final = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)
_MAESTRO: Final = ("50", "56", "57", "58", "6")
_SCHEMES: Final[dict[int, tuple[str, ...]]] = {
    13: ("4",),
    14: ("30", "36", "38", "39"),
    15: ("34", "37", "2131", "1800"),
    16: (
        *("4", "51", "52", "53", "54", "55", *_MAESTRO, "35", "30", "36", "38", "39", "81", "9792"),
        *("2200", "2201", "2202", "2203", "2204", *map(str, range(2221, 2721))),
    ),
    17: _MAESTRO,
    18: _MAESTRO,
    19: ("4", *_MAESTRO),
}
"""What card numbers of a length begin with."""
IBAN_LENGTHS: Final = {
    **dict.fromkeys(["NO"], 15),
    **dict.fromkeys(["BE"], 16),
    **dict.fromkeys(["DK", "FO", "FI", "GL", "NL", "SD", "FK"], 18),
    **dict.fromkeys(["MK", "SI"], 19),
    **dict.fromkeys(["AT", "BA", "EE", "KZ", "LT", "LU", "XK", "MN"], 20),
    **dict.fromkeys(["CH", "HR", "LI", "LV"], 21),
    **dict.fromkeys(["BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS", "VA"], 22),
    **dict.fromkeys(["AE", "GI", "IL", "IQ", "TL", "OM", "SO"], 23),
    **dict.fromkeys(["AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"], 24),
    **dict.fromkeys(["LY", "PT", "ST"], 25),
    **dict.fromkeys(["IS", "TR"], 26),
    **dict.fromkeys(["BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"], 27),
    **dict.fromkeys(["AL", "AZ", "BY", "CY", "DO", "GT", "HU", "LB", "NI", "PL", "SV"], 28),
    **dict.fromkeys(["BR", "EG", "PS", "QA", "UA"], 29),
    **dict.fromkeys(["JO", "KW", "MU", "YE"], 30),
    **dict.fromkeys(["MT", "SC"], 31),
    "LC": 32,
    "RU": 33,
}
"""Characters of an IBAN by country: SWIFT's registry of ISO 13616."""


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])) % 10 == 0


def card(digits: str) -> bool:
    """A payment card: 13 to 19 digits, Luhn, not one digit alone; 16 begin with 2 to 6, others as ``known_card`` knows them."""
    if len(digits) == 16:  # noqa: PLR2004 - what nearly every card has
        return digits[0] in "23456" and len(set(digits)) > 1 and luhn(digits)
    return known_card(digits)


def known_card(digits: str) -> bool:
    """A payment card with the first digits and the length of a card scheme (ISO/IEC 7812-1 ranges, as of 2026)."""
    return (
        len(digits) in _SCHEMES and digits.startswith(_SCHEMES[len(digits)]) and len(set(digits)) > 1 and luhn(digits)
    )


def iban(text: str) -> bool:
    """ISO 13616: the country's length, and remainder 1 modulo 97 with country and check digits at the end."""
    if IBAN_LENGTHS.get(text[:2]) != len(text) or not text.isalnum():
        return False
    return int("".join(str(int(mark, 36)) for mark in text[4:] + text[:4])) % 97 == 1


def verhoeff(digits: str) -> bool:
    """India's Aadhaar: 12 digits, the first 2 to 9, the last by Verhoeff (1969)."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_TIMES[check][int(_VERHOEFF_TURNS[place % 8][int(digit)])])
    return check == 0 and digits[0] not in "01"


def steuer_id(digits: str) -> bool:
    """Germany's tax id: 11 digits, one of the first ten twice or thrice, the last by ISO/IEC 7064 MOD 11,10."""
    repeats = sorted((digits[:10].count(digit) for digit in set(digits[:10])), reverse=True)
    if digits[0] == "0" or repeats[0] not in (2, 3) or repeats[1:2] not in ([], [1]):
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def bsn(digits: str) -> bool:
    """The Netherlands' citizen number: 9 digits, weighted sum 9..2 and -1 divisible by 11."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return (
        digits.strip("0") != ""
        and sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11 == 0
    )


def dni(text: str) -> bool:
    """Spain's DNI (8 digits) or NIE (X, Y or Z and 7 digits) with its letter, modulo 23."""
    number = text[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return number.isdigit() and _DNI_LETTERS[int(number) % 23] == text[-1]


def nir(text: str) -> bool:
    """France's social security number: 13 characters and a key of 97 less the remainder; 2A and 2B stand for Corsica."""
    number = text[:13].replace("2A", "19", 1).replace("2B", "18", 1) if text[5:7] in ("2A", "2B") else text[:13]
    return number.isdigit() and 97 - int(number) % 97 == int(text[13:])


def cpf(digits: str) -> bool:
    """Brazil's CPF: 11 digits, the last two by weighted sums modulo 11, not one digit alone."""
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        total = sum(int(digit) * (size + 1 - place) for place, digit in enumerate(digits[:size]))
        if total * 10 % 11 % 10 != int(digits[size]):
            return False
    return True
