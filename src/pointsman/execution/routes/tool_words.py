"""What a tool's name tells of it: a look-up, or an act that changes something."""

from __future__ import annotations

import re
from typing import Final

from pointsman.routing.lexicon.match import wordset

_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LOOKS: Final = wordset(
    """get list find search look lookup fetch read check show view query describe count calculate compute estimate track status
    validate verify compare convert translate summarize recommend suggest browse retrieve preview inspect directory info think
    is has can"""
)


def may_write(name: str) -> bool:
    """Tell whether a tool may change something. Only a name that begins like a look-up is taken for harmless."""
    words = _PARTS.findall(name)
    return not words or words[0].lower() not in _LOOKS
