"""Personal data: what the customer's latest texts give away, by patterns with checksums where the format has one."""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.personal import SENSITIVE, kinds_in
from pointsman.routing.reading import Reading

NAME: Final = "personal_data"


class PersonalData(msgspec.Struct, frozen=True):
    """``kinds`` found, sorted; ``sensitive`` when one is card, iban, ssn, national_id, health, password, secret or passport.

    The last user text and up to three before it are read. What the rest of the conversation holds is looked at only where a
    policy's privacy section asks for it (``routing.privacy``).
    """

    present: bool
    kinds: tuple[str, ...]
    sensitive: bool


def measure(reading: Reading, session: Session) -> PersonalData:  # noqa: ARG001 - every signal has this shape
    """Find personal data in the customer's texts."""
    kinds: set[str] = set()
    for words in (reading.user, *reading.earlier):
        kinds |= words.once(NAME, kinds_in)
    return PersonalData(bool(kinds), tuple(sorted(kinds)), not kinds.isdisjoint(SENSITIVE))
