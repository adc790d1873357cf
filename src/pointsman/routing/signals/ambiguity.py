"""Ambiguity: several steps, several wishes, or too little said to know what is meant."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.actions import ALSO_DONE, LEAD_IN
from pointsman.routing.lexicon.intents import SMALL_TALK
from pointsman.routing.lexicon.match import Lexicon, Words, wordset
from pointsman.routing.reading import Reading

NAME: Final = "ambiguity"

_STEPS: Final = Lexicon(
    {
        "step": """but if, if its available, and then we, before you, whichever, keep my ~ but, and then, then
        ~ and, first ~ then, after that, once thats done, once that is done, once you have, when thats done,
        afterwards, followed by, before you, before that, step by step, one by one, for each, for all of
        my/our/them/these/those, all my
        orders, if not, otherwise, if so, if possible ~ otherwise, in case ~ then, depending on, as long as,
        provided that, only if, but only, but first, once the ~ is, as well as, compare, once the ~ is, figure out,
        work out ~ which/best/cheapest/how,
        weigh, whichever is, whatever is, best option, cheapest option, what are my options,
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
        last time, the usual, its/thats/is not right, isnt right, weird, and now, no funciona, ayuda, tengo un
        problema, jai un problème,
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
_BACK: Final = wordset("""it its they them their there that this these those he she him her here""")
_OBJECTS: Final = frozenset({"subscription", "booking"})
_OBJECTS_FROM: Final = 1.2
"""A subscription or booking is often only what the wish is about; weaker cues of them are no second wish."""
_HELLO: Final = wordset(""". ! hi hello hey ok okay there you sir madam guys""")
_SAME_WISH: Final = {
    "refund": "money", "return": "money", "technical_problem": "money", "billing": "money", "payment": "money",
    "cancel": "contract", "subscription": "contract", "booking": "contract", "order_status": "delivery", "shipping":
        "delivery",
    "account_access": "account", "profile_change": "account",
}  # fmt: skip
"""Intents that one and the same wish often names together ("it is broken, I want to return it")."""
_LIST_ITEM: Final = re.compile(r"^[ \t]{0,16}(?:\d{1,2}[.)]|[-*•])[ \t]+\S", re.MULTILINE)
_JOINTS: Final = tuple(
    f" {word} "
    for word in sorted(wordset("and then also plus if or but und dann y luego et puis ensuite e poi depois"))
)
_BREAKS: Final = str.maketrans(dict.fromkeys(";.!?\n:", ","))
_CHAIN: Final = 3
_CHAIN_READ: Final = 400
_LEADING: Final = 8
_CLAUSE_OPENERS: Final = LEAD_IN | wordset("just only first second finally lastly afterwards after that next")
_FEW: Final = 6
_SHORT_PAIR: Final = 12
"""Words up to which two questions are one wish ("What's the wind going to be like? And the humidity?")."""
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
    step = step or listed > _TWO or _chained(user)
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
    if user.count > _SHORT_PAIR and user.text.count("?") >= _TWO and _asks_of_another(user.padded):
        return True
    if len(wishes) < _TWO:
        return False
    return _JOINS.any(user.vocabulary, user.padded) or user.text.count("?") >= _TWO


def _chained(user: Words) -> bool:
    """Return whether three clauses or more each begin with an act of their own ("change it, add a bag, and tell me ...")."""
    if len(user.vocabulary & ALSO_DONE) < _CHAIN:
        return False
    text = f" {user.text[:_CHAIN_READ].lower()} ".translate(_BREAKS).replace(",", " , ")
    for joint in _JOINTS:
        text = text.replace(joint, " , ")
    acts = 0
    for clause in text.split(","):
        words = clause.split(maxsplit=_LEADING)
        first = next((word for word in words if word in ALSO_DONE or word not in _CLAUSE_OPENERS), "")
        acts += first in ALSO_DONE
    return acts >= _CHAIN


def _asks_of_another(padded: str) -> bool:
    """Return whether a second question is joined on that does not refer back to what the first was about."""
    for start in _SECOND_QUESTION:
        at = padded.find(start)
        if at >= 0 and _BACK.isdisjoint(padded[at + len(start) :].partition(" ? ")[0].split()):
            return True
    return False


def _vague(reading: Reading) -> bool:
    """Few words, no subject of their own, and no question of the agent that they could answer."""
    user: Words = reading.user
    if user.count == 0:
        return reading.attachments == 0
    if user.count > _FEW or any(hit.weight >= 1 and hit.label != "technical_problem" for hit in reading.cues):
        return False
    if reading.assistant.tokens or user.vocabulary <= _HELLO:
        return False
    return user.vocabulary <= _EMPTY_WORDS or _says_little(reading)


def _says_little(reading: Reading) -> bool:
    """Return whether a few words hold a vague phrase and next to nothing else."""
    user = reading.user
    if any(hit.label in SMALL_TALK and hit.label != "greeting" for hit in reading.cues):
        return False
    # "I need help finding an apartment" names what it is about; "the lamp does not work" does not say what is wanted.
    said = user.vocabulary - _EMPTY_WORDS
    return any(len(said.difference(hit.phrase.split())) < _TWO for hit in _VAGUE.hits(user.vocabulary, user.padded))
