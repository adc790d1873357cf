"""History: what hangs in the air from before: an escalation, a repeated question, an action that waits for a yes."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.assent import asks_leave, asks_plainly, says_yes
from pointsman.routing.lexicon.dialogue import (
    ASKED_AGAIN,
    CHANGED_MIND,
    ESCALATED,
    ESCALATION_TOOLS,
    OFFERS,
    RISK_ORDER,
    RISKY_THINGS,
    RISKY_WORDS,
    UNSPACED_ACTS,
)
from pointsman.routing.lexicon.intents import SMALL_TALK
from pointsman.routing.lexicon.match import wordset
from pointsman.routing.reading import Reading

NAME: Final = "history"

_EXPLICIT: Final = wordset("""confirm confirming correct right proceed sure ensure approve ok okay acceptable""")
_ASKED_FOR: Final = 2
_RISKY: Final = frozenset(RISKY_WORDS)
_NAME_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ALIKE: Final = 0.5
_FILLER: Final = wordset(
    """the a an is are was i my me you your it to of and or in on for with please can could do does this that what when"""
)


class History(msgspec.Struct, frozen=True):
    """What the conversation so far adds to the turn.

    ``escalated``: the case was or is being handed to a person. ``reasked``: how many of the last three user texts ask
    the
    same, plus one when the customer says so. ``open_risky_action``: kind of action that waits for the customer's
    word, ""
    when none. ``approval``: this turn says yes to it. ``changed_mind``: this turn takes something back. ``turns``:
    user
    turns so far, this one included.
    """

    escalated: bool
    reasked: int
    open_risky_action: str
    approval: bool
    changed_mind: bool
    turns: int


def measure(reading: Reading, session: Session) -> History:
    """Measure what earlier turns add."""
    # Before the agent has spoken, nothing hangs in the air but what it called.
    spoken = bool(reading.assistant.tokens or reading.unanswered)
    action = (_open_action(reading) if spoken else "") or session.open_risky_action or ""
    user = reading.user
    changed = CHANGED_MIND.hits(user.vocabulary, user.padded)
    if not reading.earlier:
        changed = [hit for hit in changed if hit.label == "always"]
    return History(
        escalated=session.escalated or _escalated(reading),
        reasked=_reasked(reading),
        open_risky_action=action,
        approval=bool(action) and says_yes(user),
        changed_mind=bool(changed),
        turns=max(reading.user_turns, session.turns),
    )


def _escalated(reading: Reading) -> bool:
    for name in reading.called:
        if not ESCALATION_TOOLS.isdisjoint(part.lower() for part in _NAME_PARTS.findall(name)):
            return True
    agent = reading.assistant
    if not ESCALATED.any(agent.vocabulary, agent.padded):
        return False
    return not OFFERS.any(agent.vocabulary, agent.padded) or says_yes(reading.user)


def _reasked(reading: Reading) -> int:
    """Count earlier user texts that share most of their content words with this one."""
    user = reading.user
    now = user.vocabulary - _FILLER if reading.earlier else user.vocabulary
    count = 0
    if len(now) > 1:
        for words in reading.earlier:
            before = words.vocabulary - _FILLER
            shared = len(now & before)
            if shared >= _ALIKE * (len(now) + len(before) - shared):
                count += 1
    if count and (says_yes(user) or (reading.cues and all(hit.label in SMALL_TALK for hit in reading.cues))):
        count = 0  # a second "yes, please" or "thank you" is no second question
    return count + ASKED_AGAIN.any(user.vocabulary, user.padded)


def _open_action(reading: Reading) -> str:
    """Return the kind of risky action the agent just asked leave for, or called a tool for without getting a result."""
    kinds = {
        RISKY_WORDS[part.lower()]
        for name in reading.unanswered
        for part in _NAME_PARTS.findall(name)
        if part.lower() in _RISKY
    }
    kinds = kinds or _asked_leave(reading)
    return next((kind for kind in RISK_ORDER if kind in kinds), "")


def _asked_leave(reading: Reading) -> set[str]:
    """Return the kinds of action named in a question for leave; a bare "please confirm" is about what the customer asked."""
    agent = reading.assistant
    plain = asks_plainly(agent)
    if not plain and not asks_leave(agent):
        return set()
    named = agent.vocabulary & _RISKY
    if named:
        return {RISKY_WORDS[word] for word in named}
    if not agent.text.isascii():
        unspaced = {kind for part, kind in UNSPACED_ACTS.items() if part in agent.text}
        if unspaced:
            return unspaced
    if not plain and agent.vocabulary.isdisjoint(_EXPLICIT):
        return set()
    if not agent.vocabulary.isdisjoint(RISKY_THINGS):
        return {"booking"}
    return {RISKY_WORDS[word] for words in reading.earlier[:_ASKED_FOR] for word in words.vocabulary & _RISKY}
