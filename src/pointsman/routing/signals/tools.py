"""Tools: does the turn need one, which does it point to, and how does the tool loop stand?"""

from __future__ import annotations

import re
from functools import lru_cache
from math import exp
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.actions import IMPERATIVES, LEAD_IN
from pointsman.routing.lexicon.assent import asks_leave, asks_plainly, says_yes
from pointsman.routing.lexicon.dialogue import REQUESTS
from pointsman.routing.lexicon.match import Lexicon, Words, tokenize, wordset
from pointsman.routing.reading import Reading

NAME: Final = "tools"
NEEDED: Final = 0.5
LISTED: Final = 5
_TELLING: Final = 0.5
_DESCRIPTION: Final = 240

_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_STOP: Final = wordset(
    """get set find search list lookup look fetch check show make do create add the a an of to for by in on with and or
    from as is are be this that user users customer customers service services tool api data info information details
    detail id ids given specific based current available all any its it their which when use used uses using return
    returns optionally provided name names type new one not only can will e g must should want such using about per
    like via"""
)
_SYNONYMS: Final = {
    word: others.split()
    for word, others in {
        "reserve": "book booking reservation reserving",
        "book": "reserve booking reservation reserved",
        "buy": "purchase order get",
        "flight": "fly flying plane flights airline",
        "hotel": "stay room accommodation",
        "order": "package parcel delivery purchase bestellung pedido commande ordine",
        "track": "where status arrive",
        "shipping": "delivery shipment arrive",
        "refund": "money reimburse reembolso remboursement rückerstattung erstattung rimborso",
        "return": "send back exchange",
        "cancel": "stop stornieren cancelar annuler annullare kündigen",
        "weather": "forecast rain temperature sunny",
        "restaurant": "eat dinner lunch table food",
        "movie": "film watch cinema",
        "movies": "film watch cinema movie",
        "music": "song songs listen play",
        "song": "music listen",
        "car": "rental vehicle rent",
        "cars": "rental vehicle rent car",
        "ride": "cab taxi uber",
        "bus": "buses coach",
        "train": "trains rail",
        "apartment": "home house flat property",
        "home": "apartment house",
        "payment": "pay paying charge money send",
        "balance": "account savings checking",
        "transfer": "send money",
        "appointment": "schedule doctor dentist visit stylist therapist",
        "event": "concert game show events match",
        "events": "concert game show event match",
        "attractions": "sights places museum park",
        "address": "moved move",
        "alarm": "wake alarms",
        "human": "agent person representative",
        "password": "login access",
        "subscription": "plan",
        "invoice": "bill charge",
        "location": "where share",
    }.items()
}

_CUES: Final = Lexicon(
    {
        "own": """in stock, sold out, available in, my voucher/coupon/gift card, the gift card i, my
        order/orders/account/bill/invoice/subscription/booking/reservation/flight/appointment/ticket/tickets/package/parcel/delivery/refund/payment/balance/plan/card/address/password/email/phone/number/money/statement/points,
        the bill/invoice/parcel/package i, order number, booking reference, confirmation number/code, tracking
        number/link/page, reservation number, ticket number, account number, new address is, mein/meine/meinen
        bestellung/paket/konto/abo/geld, mi pedido/cuenta/dinero/reserva, ma/mon commande/colis/compte/réservation,
        mio ordine/pacco/conto, mia prenotazione, meu pedido, minha reserva/conta, mijn
        bestelling/pakket/abonnement, мой заказ""",
        "ask": """in stock, availability, do you have availability, resend, would it be possible to, can you, could
            you, would you, i want, i need, i wanna, id like, i would like, id rather have, im looking for, looking
            for, are you able to, find, search, show me, give me, let me know, look up, look for, tell me, check,
            please, im trying to, i am looking, quiero, necesito, je veux, je voudrais, pouvez vous, ich möchte, ich
            will, können sie, vorrei, quero, ik wil""",
        "general": """what is your, what are your, whats your, policy, policies, how do i, how can i, how does, how
            long does, how long do, do you offer, do you accept, do you take, do you ship, do you deliver, do you
            sell, do you have a, does it, is it possible, what does ~ mean, difference between, what happens
            if/when/to, can i ~ if, can i return, can i bring, can i take, can i pay in, why do you, in general,
            usually, are you open, is there a fee, opening hours, how to, explain, who are you, are you a, what can
            you do, am i allowed, tell me a joke, fee if""",
        "more": """something/anything else ~ recommend/suggest/have/find, other options/suggestions/recommendations/ones, any
        others, another one, a different one""",
        "close": """thanks, thank you, bye, goodbye, thats all, that is all, nothing else, no thanks, no thank you,
            have a nice/good/great day/one/evening, good morning, how are you, thats it, that will be all,
            appreciate it, not right now, im good, all i need, all i needed""",
    }
)
_WEIGHTS: Final = {"own": 1.5, "ask": 0.7, "more": 1.2, "general": -2.2, "close": -2.0}
_BASE: Final = -1.6
_ACTED_ON: Final = wordset(
    """order_status refund return cancel billing payment profile_change booking subscription fraud account_access"""
)
"""Intents that are served from a system of record, not from general knowledge."""
_PLAIN: Final = 0.9
_INTENT_POINTS: Final = 1.7
_IMPERATIVE_POINTS: Final = 1.7
_ANSWER_POINTS: Final = 1.7
_APPROVAL_POINTS: Final = 3.2
_ASKING: Final = frozenset(["can", "could", "please", "pls", "lets", "bitte"])
_COMMAND_WITHIN: Final = 120
_ENDS: Final = frozenset(".!?;")
_QUESTION_WORDS: Final = wordset(
    """which what when where how provide tell give specify welche welches wann wo qué cuál cuándo quel quelle quand quale"""
)
_SHAPE: Final = bytes(
    ord("0") if chr(code).isdigit() else ord("A") if chr(code).isupper() else code for code in range(128)
) + bytes(range(128, 256))
_IDENTIFIERS: Final = (b"0000", b"AA00", b"AA-00")
_LEAST_DIGITS: Final = 2


class Tools(msgspec.Struct, frozen=True):
    """Need and state of tools.

    ``offered`` tools counted; ``needed``: ``score`` (0 to 1) reaches 0.5, or the client requires a call.

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
    score = _score(reading, matches[0][0] if matches else 0.0)
    needed = score >= NEEDED or reading.tool_mode in {"required", "named"}
    return Tools(
        offered=len(reading.tools),
        needed=needed and reading.tool_mode != "none",
        score=round(score, 3),
        in_loop=reading.in_loop,
        last_failed=reading.last_failed,
        matched=tuple([name for _, name in matches[:LISTED]]),
    )


def _score(reading: Reading, match: float) -> float:
    """Return 0 to 1: a logistic over hand-set weights (half of SGD and of our labelled turns was looked at for them)."""
    user = reading.user
    if not user.tokens:
        return 0.0
    points = _BASE + min(match, 2.0) + user.once("tools", _asked)
    if reading.cues and any(hit.weight >= _PLAIN and hit.label in _ACTED_ON for hit in reading.cues):
        points += _INTENT_POINTS
    points += _answering(reading)
    return 1 / (1 + exp(-points))


def _asked(user: Words) -> float:
    """Return what the customer's own words add: in a tool loop they come again with every step."""
    cues = {hit.label for hit in _CUES.hits(user.vocabulary, user.padded)}
    if "close" in cues and REQUESTS.any(user.vocabulary, user.padded):
        cues.discard("close")
    points = sum([_WEIGHTS[label] for label in cues])
    if _commands(user):
        points += _IMPERATIVE_POINTS
    if len(user.digits) >= _LEAST_DIGITS and _has_identifier(user.text[:2000]):
        points += 1.2
    return points


def _has_identifier(text: str) -> bool:
    """Return whether four digits stand in a row, or two capitals before two digits: an order, a booking, a flight."""
    shape = text.encode("utf-8", "surrogatepass").translate(_SHAPE)
    return any(identifier in shape for identifier in _IDENTIFIERS)


def _commands(user: Words) -> bool:
    """Return whether a sentence starts with a word of action, after "please", "can you", "I want to" and the like."""
    if user.vocabulary.isdisjoint(IMPERATIVES):
        return False
    fresh = True
    for token in user.tokens[:_COMMAND_WITHIN]:
        if fresh and token in IMPERATIVES:
            return True
        fresh = token in _ENDS or token in _ASKING or (fresh and token in LEAD_IN)
    return False


def _answering(reading: Reading) -> float:
    """Return what the agent's last question adds: a yes, or the detail that a call was waiting for."""
    agent, user = reading.assistant, reading.user
    if not agent.tokens:
        return 0.0
    if (asks_leave(agent) or asks_plainly(agent)) and says_yes(user):
        return _APPROVAL_POINTS
    asked = "?" in agent.vocabulary and not agent.vocabulary.isdisjoint(_QUESTION_WORDS)
    return _ANSWER_POINTS if asked and "?" not in user.vocabulary else 0.0


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
        ((total, name) for name, total in points.items() if total >= _TELLING), key=lambda pair: (-pair[0], pair[1])
    )


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
