"""Tools: does the turn need one, which does it point to, and how does the tool loop stand?"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from pointsman.domain.message import Tool
from pointsman.domain.turn import Session
from pointsman.routing.lexicon.match import Lexicon, tokenize
from pointsman.routing.reading import Reading

NAME: Final = "tools"
NEEDED: Final = 0.5
LISTED: Final = 5
_DESCRIPTION: Final = 240

_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_STOP: Final = frozenset(
    """get set find search list lookup look fetch check show make do create add the a an of to for by in on
    with and or from as is are be this that
    user users customer customers service services tool api data info information details detail id ids given specific
    based current available all any its
    it their which when use used uses using return returns optionally provided name names type new one not only can
    will e g must should want such using about per like via""".split()
)
_SYNONYMS: Final = {
    word: others.split()
    for word, others in {
        "reserve": "book booking reservation reserving", "book": "reserve booking reservation reserved", "buy": "purchase order get", "flight": "fly flying plane flights airline",
        "hotel": "stay room accommodation", "order": "package parcel delivery purchase bestellung pedido commande ordine", "track": "where status arrive", "shipping": "delivery shipment arrive",
        "refund": "money reimburse reembolso remboursement rückerstattung erstattung rimborso", "return": "send back exchange", "cancel": "stop stornieren cancelar annuler annullare kündigen", "weather": "forecast rain temperature sunny",
        "restaurant": "eat dinner lunch table food", "movie": "film watch cinema", "movies": "film watch cinema movie", "music": "song songs listen play", "song": "music listen", "car": "rental vehicle rent",
        "cars": "rental vehicle rent car", "ride": "cab taxi uber", "bus": "buses coach", "train": "trains rail", "apartment": "home house flat property", "home": "apartment house", "payment": "pay paying charge money send",
        "balance": "account savings checking", "transfer": "send money", "appointment": "schedule doctor dentist visit stylist therapist", "event": "concert game show events match", "events": "concert game show event match", "attractions": "sights places museum park",
        "address": "moved move", "alarm": "wake alarms", "human": "agent person representative", "password": "login access", "subscription": "plan", "invoice": "bill charge", "location": "where share",
    }.items()
}  # fmt: skip

_ACTS: Final = Lexicon(
    {
        "1.2": """my order, my account, my bill, my invoice, my subscription, my
            booking/reservation/flight/appointment/ticket/package/parcel/delivery/refund/payment/balance/plan/card/address/password/email/phone,
            order number, booking reference, confirmation number/code, tracking number, reservation
            number, ticket number, account number, where is my, wheres my, track my, cancel my,
            change my, update my, book a/an/me/the, reserve a/an/the, send me, look up, check
            my/if/whether/the, find me, find a/an/some, search for, make a
            reservation/booking/payment, schedule a/an, buy a/an/tickets, transfer $, pay my, reset
            my, refund me, refund my, refund ~ order, get me a, i want to
            book/cancel/change/return/reserve/buy/rent/order/pay/transfer/upgrade, id like to
            book/cancel/change/return/reserve/buy/rent/order/pay/transfer/upgrade, i need to
            book/cancel/change/return/reserve/buy/rent/order/pay/transfer/upgrade, i would like to
            book/cancel/change/return/reserve/buy/rent/order/pay/transfer/upgrade, can you
            book/cancel/change/find/check/search/look/refund/reserve/send/update/reset/track, could
            you book/cancel/change/find/check/search/look/refund/reserve/send/update/reset/track,
            please book/cancel/change/find/check/search/refund/reserve/send/update/reset/track, help
            me find/book/cancel/change, mein/meine bestellung, mi pedido, ma commande, mio ordine,
            meu pedido, mijn bestelling, charged twice, hasnt arrived, not arrived, never arrived,
            wrong item""",
        "0.5": """can you, could you, i want, i need, id like, i would like, im looking for, looking for, find,
            search, book, cancel, check, please, show me, give me, let me know, quiero, necesito, je
            veux, je voudrais, ich möchte, ich will, vorrei, quero""",
        "-1.0": """what is your, what are your, whats your, policy, how do i, how can i, how does, how long does, do
            you offer, do you accept, do you ship, do you have a, what does ~ mean, can i ~ if, is
            it possible, difference between, what happens if, why do, why does, in general, tell me
            a joke, who are you, are you a bot, what can you do, opening hours, explain""",
        "-1.6": """thanks, thank you, bye, goodbye, thats all, that is all, nothing else, no thanks, no thank you, have
            a nice/good/great day, good morning, how are you, thats it, appreciate it, that will be
            all""",
    }
)
_AFFIRMS: Final = Lexicon(
    {
        "yes": """yes, yeah, yep, sure, correct, go ahead, thats right, that is right, sounds good, please do, do it,
            confirm, ok, okay, fine, perfect, works for me, sí, oui, ja, sim, that works, thats
            fine, that is fine, it is fine"""
    }
)
_DETAIL_ASKED: Final = Lexicon(
    {
        "ask": """which, what, when, where, how many, please provide, could you provide, can you provide, tell me, may
            i have, can i have, do you have a preference, any preference, what time, what date,
            number, any particular, in which, for which"""
    }
)
_CONFIRM_ASKED: Final = Lexicon(
    {
        "ask": """please confirm, confirm, is that correct, is that right, is this correct, is that ok, is that okay,
            shall i, should i, would you like me to, want me to, proceed, go ahead, correct, right,
            can you confirm, verify, ensure, make sure, sound good, all correct"""
    }
)
_IDENTIFIER: Final = re.compile(r"(?<!\w)(?:#?\w*\d{4,}\w*|[A-Z]{2,5}-?\d{2,}\w*)(?!\w)")


class Tools(msgspec.Struct, frozen=True):
    """``offered`` tools counted; ``needed``: ``score`` (0 to 1) reaches 0.5, or the client requires a
            call.

    ``score`` weighs what the text asks for against the names and descriptions of the tools; it is no probability. It
    does
    not depend on tools being offered: "cancel my order" needs one even where none is there. ``matched`` are up to
    five
    tools the text points to, best first. ``last_failed``: the latest tool result reports an error.
    """

    offered: int
    needed: bool
    score: float
    in_loop: bool
    last_failed: bool
    matched: tuple[str, ...]


def measure(reading: Reading, session: Session) -> Tools:  # noqa: ARG001 - every signal has this shape
    """Judge the need for a tool."""
    matches = _matches(reading)
    score = _score(reading, max((points for points, _ in matches), default=0.0))
    needed = score >= NEEDED or reading.tool_mode in {"required", "named"}
    return Tools(
        offered=len(reading.tools),
        needed=needed and reading.tool_mode != "none",
        score=round(score, 3),
        in_loop=reading.in_loop,
        last_failed=reading.last_failed,
        matched=tuple(name for _, name in matches[:LISTED]),
    )


def _score(reading: Reading, match: float) -> float:
    """Return 0 to 1: logistic over hand-set weights (tuned by eye on one half of SGD, reported on the other)."""
    user = reading.user
    if not user.tokens:
        return 0.0
    points = -1.6 + min(match, 2.0)
    best = {"1.2": 0, "0.5": 0, "-1.0": 0, "-1.6": 0}
    for hit in _ACTS.hits(user.vocabulary, user.padded):
        best[hit.label] = 1
    points += sum(float(label) * 1.5 for label, found in best.items() if found)
    if _IDENTIFIER.search(user.text[:2000]):
        points += 1.2
    points += _answering(reading)
    return 1 / (1 + 2.718281828459045**-points)


def _answering(reading: Reading) -> float:
    """Return what the agent's last question adds: an answer to it is what a call was waiting for."""
    agent = reading.assistant
    if not agent.tokens or "?" not in agent.text and not _CONFIRM_ASKED.any(agent.vocabulary, agent.padded):
        return 0.0
    user = reading.user
    if _CONFIRM_ASKED.any(agent.vocabulary, agent.padded) and _AFFIRMS.any(user.vocabulary, user.padded):
        return 2.2
    return 1.0 if _DETAIL_ASKED.any(agent.vocabulary, agent.padded) else 0.0


def _matches(reading: Reading) -> list[tuple[float, str]]:
    """Return (points, name) of the tools whose words stand in the text, best first."""
    if not reading.tools:
        return []
    index = _index(tuple((tool.name, tool.description[:_DESCRIPTION]) for tool in reading.tools))
    points: dict[str, float] = {}
    for word in sorted(index.keys() & reading.user.vocabulary):
        for name, weight in index[word]:
            points[name] = points.get(name, 0.0) + weight
    return sorted(
        ((total, name) for name, total in points.items() if total >= 0.5), key=lambda pair: (-pair[0], pair[1])
    )  # noqa: PLR2004 - one telling word


@lru_cache(maxsize=64)
def _index(tools: tuple[tuple[str, str], ...]) -> dict[str, tuple[tuple[str, float], ...]]:
    """Return word -> (tool, weight). Pure, so the cache is only memory saved; a word shared by many tools says little."""
    found: dict[str, dict[str, float]] = {}
    for name, description in tools:
        for word in tokenize(description):
            if word[0].isalpha() and len(word) > 2 and word not in _STOP:  # noqa: PLR2004 - "of", "by"
                found.setdefault(word, {}).setdefault(name, 0.4)
        for part in _PARTS.findall(name):
            for word in _forms(part.lower()):
                found.setdefault(word, {})[name] = 1.0
    return {
        word: tuple((name, weight / (1 + 0.25 * (len(owners) - 1))) for name, weight in owners.items())
        for word, owners in found.items()
    }


def _forms(word: str) -> list[str]:
    """Return a word of a tool's name with its plural and everyday synonyms; empty for words that tell nothing."""
    if word in _STOP or len(word) < 3:  # noqa: PLR2004 - "v2"
        return []
    return [word, word + "s", word.removesuffix("s"), *_SYNONYMS.get(word, ())]
