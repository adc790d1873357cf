"""Does a text say yes, and does an agent's text ask for one?"""

from __future__ import annotations

from typing import Final

from pointsman.routing.lexicon.dialogue import (
    ASKS_LEAVE,
    CONFIRMS_DETAIL,
    HOLD,
    NOT_A_HOLD,
    ONLY_TALK,
    RISKY_VERBS,
    UNSPACED_ACTS,
    YES_ANYWHERE,
    YES_FIRST,
)
from pointsman.routing.lexicon.match import Words, pad, wordset

_SHORT: Final = 14
_ENDS: Final = frozenset(".!?;")
_POLITE: Final = wordset("please pls plz thanks thank you ty kindly do so bitte danke gracias merci grazie prego")
"""A text of these words alone takes up what was asked ("Cancel and refund to your card?" - "please")."""
_PLEASE: Final = wordset("please pls plz bitte prego")
_YES_MARKS: Final = ("👍", "✅", "👌", "🆗", "💯", "✔")
_YES_UNSPACED: Final = (
    "はい",
    "お願いします",
    "大丈夫です",
    "了解",
    "承知",
    "好的",
    "可以",
    "没问题",
    "沒問題",
    "네",
    "좋아요",
    "부탁",
)
_NO_UNSPACED: Final = ("いいえ", "やめ", "待っ", "ません", "不", "没有", "等等", "아니", "잠깐", "마세요")
_MODAL: Final = wordset("can could would will please")
_WHY: Final = wordset(
    "but why what how when which who where whats hows aber warum wie pero qué cómo mais pourquoi ma perché mas quanto"
)
_FIRM: Final = wordset("yes yeah yep yup sure sí ja oui sì sim")
_DOUBT: Final = wordset("but why aber warum pero mais ma mas pourquoi perché")
"""A firm yes may go on with another question ("Yes, and what is their number?"); a doubt takes it back."""
_OPENERS: Final = wordset(
    "so ok okay then and great sure alright right now well thanks sorry also just we can i found entonces"
)
_BARE_GO: Final = wordset(
    "ok okay yes right correct ready good alright deal fine sure go confirm proceed y agreed sound sounds oui ja sí sì"
)
_BARE: Final = 4
_READ: Final = 40


def says_yes(user: Words) -> bool:
    """Return whether a text gives a clean yes: it starts with one, or is short and holds one, and takes nothing back."""
    if not user.tokens:
        return False
    padded = pad(user.tokens[:_READ])
    for phrase, instead in NOT_A_HOLD.items():
        padded = padded.replace(phrase, instead)
    vocabulary = frozenset(padded.split())
    if HOLD.any(vocabulary, padded) or _asks_back(user):
        return False
    if user.tokens[0] in YES_FIRST or any(mark in user.text for mark in _YES_MARKS):
        return True
    if user.vocabulary - _ENDS <= _POLITE:
        return not user.vocabulary.isdisjoint(_PLEASE)
    if not user.text.isascii() and any(part in user.text for part in _YES_UNSPACED):
        return not any(part in user.text for part in _NO_UNSPACED)
    return user.count <= _SHORT and YES_ANYWHERE.any(vocabulary, padded)


def _asks_back(user: Words) -> bool:
    """Return whether the first sentence is a question that only looks like a yes ("ok but why?", "sure?")."""
    first = next((at for at, token in enumerate(user.tokens) if token in _ENDS), None)
    if first is None or user.tokens[first] != "?":
        return False
    said = frozenset(user.tokens[:first])
    if user.tokens[0] in _FIRM and len(said) > _BARE - 1:
        return not said.isdisjoint(_DOUBT)
    return not said.isdisjoint(_WHY) or said.isdisjoint(_MODAL)


def asks_plainly(agent: Words) -> bool:
    """Return whether an agent's last sentence is a question that names an act without more ado: "Delete it?", "OK?"."""
    last = _last_question(agent)
    if not last:
        return False
    while len(last) > 1 and (last[0] in _OPENERS or last[0][0].isdigit()):
        last = last[1:]
    return last[0] in RISKY_VERBS or (len(last) <= _BARE and last[0] in _BARE_GO) or _asks_unspaced(agent)


def _asks_unspaced(agent: Words) -> bool:
    return not agent.text.isascii() and any(part in agent.text for part in UNSPACED_ACTS)


def _last_question(agent: Words) -> tuple[str, ...]:
    """Return the words of the last sentence if it is a question, else nothing."""
    tokens = agent.tokens
    end = len(tokens)
    while end and tokens[end - 1] in _ENDS:
        end -= 1
    if not end or not ("?" in tokens[end:] or tokens[end - 1].endswith(("か", "吗", "嗎", "까", "까요"))):
        return ()
    start = end
    while start and tokens[start - 1] not in _ENDS:
        start -= 1
    return tokens[start:end]


def asks_leave(agent: Words) -> bool:
    """Return whether an agent asks for a go-ahead, rather than for a detail or leave to explain something."""
    if not agent.tokens or not ASKS_LEAVE.any(agent.vocabulary, agent.padded):
        return False
    if ONLY_TALK.any(agent.vocabulary, agent.padded):
        return False
    return not CONFIRMS_DETAIL.any(agent.vocabulary, agent.padded)
