"""Ambiguity: several steps, several wishes, or too little said to know what is meant."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.intents import SMALL_TALK
from pointsman.routing.lexicon.match import Lexicon, Words, wordset
from pointsman.routing.reading import Reading

NAME: Final = "ambiguity"

_STEPS: Final = Lexicon(
    {
        "step": """but if, if its available, and then we, before you, whichever, keep my ~ but, and then, then
        ~ and, first ~ then, after that, once thats done, once that is done, once you have, when thats done,
        afterwards, followed by, before you, before that, step by step, one by one, for each, for all of, all my
        orders, if not, otherwise, if so, if possible ~ otherwise, in case ~ then, depending on, as long as,
        provided that, only if, but only, but first, once the ~ is, as well as, compare, once the ~ is, figure out,
        sort out, work out, weigh, whichever is, whatever is, best option, cheapest option, what are my options,
        what should i do, walk me through, both, und dann, danach, zuerst ~ dann, wenn nicht, falls ~ sonst, y
        luego, y después, primero ~ luego, si no, et ensuite, et puis, dabord ~ ensuite, sinon, e poi, altrimenti,
        en dan, daarna, e depois"""
    }
)
_JOINS: Final = Lexicon(
    {
        "join": """and, also, plus, additionally, another thing, one more thing, second question, secondly, as
        well, besides, separately, oh and, by the way, btw, on top of, too, while youre at it, und, außerdem, auch,
        y, también, además, et, aussi, e, anche, inoltre, também, en, ook"""
    }
)
_VAGUE: Final = Lexicon(
    {
        "vague": """it doesnt work, doesnt work, not working, its broken, something is wrong, somethings
        wrong, something wrong, something happened, it happened again, same thing, same problem, same issue, that
        thing, the thing, the other thing, fix it, fix this, need help, help me, help, can you help, i have a
        problem, i have a question, i have an issue, got a problem, there is a problem, theres a problem, a quick
        question,, what now, now what, do something, whats going on, what happened, it again, same as before, like
        last time, the usual, not right, weird, and now, no funciona, ayuda, tengo un problema, jai un problème,
        aide, hilfe, ich habe ein problem, geht nicht, aiuto, ho un problema"""
    }
)
_EMPTY_WORDS: Final = wordset(
    """. ! ? ; i you he she they we it its this that these those them me my your us the a an some any one thing things
    something anything someone is are was were be been do does did done can could will would should have has had get
    got need want like help please hi hello hey and or but so for to of in on at with about from again still now then
    here there what why how who huh um uh ok okay fix sort solve handle question problem issue trouble happened happen
    happens wrong broken same last time before other another sir madam guys anyone"""
)
"""A text of these words alone names no subject."""
_SECOND_QUESTION: Final = (
    " ? and ",
    " ? also ",
    " ? oh and ",
    " ? plus ",
    " ? another ",
    " ? separately ",
    " ? one more ",
)
_OBJECTS: Final = frozenset({"subscription", "booking"})
_OBJECTS_FROM: Final = 1.2
"""A subscription or booking is often only what the wish is about; weaker cues of them are no second wish."""
_HELLO: Final = wordset(""". ! hi hello hey ok okay there you sir madam guys""")
_SAME_WISH: Final = {
    "refund": "money", "return": "money", "technical_problem": "money", "billing": "money", "payment": "money",
    "cancel": "contract", "subscription": "contract", "booking": "contract", "order_status": "delivery", "shipping": "delivery",
    "account_access": "account", "profile_change": "account",
}  # fmt: skip
"""Intents that one and the same wish often names together ("it is broken, I want to return it")."""
_LIST_ITEM: Final = re.compile(r"(?:^|\n)\s*(?:\d{1,2}[.)]|[-*•])\s+\S", re.MULTILINE)
_FEW: Final = 6
_TWO: Final = 2


class Ambiguity(msgspec.Struct, frozen=True):
    """How plainly one thing is said.

    ``multi_step``: the wish takes steps in order or has conditions. ``multi_intent``: more than one wish.

    ``vague``: too little is said to act on, and the conversation before does not supply it. ``any``: at least one of
    them.
    """

    multi_step: bool
    multi_intent: bool
    vague: bool
    any: bool


def measure(reading: Reading, session: Session) -> Ambiguity:  # noqa: ARG001 - every signal has this shape
    """Judge how plainly the last user text says one thing."""
    user = reading.user
    listed = len(_LIST_ITEM.findall(user.text)) if "\n" in user.text else 0
    step = bool(_STEPS.hits(user.vocabulary, user.padded)) and user.count > _FEW
    step = step or listed > _TWO
    several = _several_wishes(reading) or listed >= _TWO
    vague = _vague(reading)
    return Ambiguity(step, several, vague, step or several or vague)


def _several_wishes(reading: Reading) -> bool:
    """Two recognised intents that a conjunction joins, or two questions about different things."""
    user = reading.user
    wishes = {
        _SAME_WISH.get(hit.label, hit.label)
        for hit in reading.cues
        if hit.weight >= (_OBJECTS_FROM if hit.label in _OBJECTS else 1)
    }
    wishes -= SMALL_TALK | {"complaint", "faq", "escalation"}
    if any(start in user.padded for start in _SECOND_QUESTION) and user.text.count("?") >= _TWO:
        return True
    if len(wishes) < _TWO:
        return False
    return _JOINS.any(user.vocabulary, user.padded) or user.text.count("?") >= _TWO


def _vague(reading: Reading) -> bool:
    """Few words, no subject of their own, and no question of the agent that they could answer."""
    user: Words = reading.user
    if user.count == 0:
        return reading.attachments == 0
    if user.count > _FEW or any(hit.weight >= 1 and hit.label != "technical_problem" for hit in reading.cues):
        return False
    if reading.assistant.tokens:
        return False
    if user.vocabulary <= _HELLO:
        return False
    return user.vocabulary <= _EMPTY_WORDS or _VAGUE.any(user.vocabulary, user.padded)
