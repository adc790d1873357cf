"""The kinds of personal data that can be told apart by where they stand in a text."""

from __future__ import annotations

from typing import Final, Literal, get_args

Kind = Literal[
    "email",
    "card",
    "iban",
    "ssn",
    "national_id",
    "passport",
    "dob",
    "ip",
    "phone",
    "address",
    "password",
    "secret",
    "name",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""Of two finds as long, the one that stands first here counts."""
