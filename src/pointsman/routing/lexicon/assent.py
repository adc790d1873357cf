"""Does a text say yes, and does an agent's text ask for one?"""

from __future__ import annotations

from typing import Final

from pointsman.routing.lexicon.dialogue import (
    ASKS_LEAVE,
    CONFIRMS_DETAIL,
    HOLD,
    NOT_A_HOLD,
    ONLY_TALK,
    YES_ANYWHERE,
    YES_FIRST,
)
from pointsman.routing.lexicon.match import Words, pad

_SHORT: Final = 14
_READ: Final = 40


def says_yes(user: Words) -> bool:
    """Return whether a text gives a clean yes: it starts with one, or is short and holds one, and takes nothing back."""
    if not user.tokens:
        return False
    padded = pad(user.tokens[:_READ])
    for phrase, instead in NOT_A_HOLD.items():
        padded = padded.replace(phrase, instead)
    vocabulary = frozenset(padded.split())
    if HOLD.any(vocabulary, padded):
        return False
    if user.tokens[0] in YES_FIRST or "👍" in user.text or "✅" in user.text:
        return True
    return user.count <= _SHORT and YES_ANYWHERE.any(vocabulary, padded)


def asks_leave(agent: Words) -> bool:
    """Return whether an agent asks for a go-ahead, rather than for a detail or leave to explain something."""
    if not agent.tokens or not ASKS_LEAVE.any(agent.vocabulary, agent.padded):
        return False
    if ONLY_TALK.any(agent.vocabulary, agent.padded):
        return False
    return not CONFIRMS_DETAIL.any(agent.vocabulary, agent.padded)
