"""Intent: what the customer wants, and how much is at stake when it goes wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.dialogue import REQUESTS
from pointsman.routing.lexicon.emergencies import IRREVERSIBLE
from pointsman.routing.lexicon.intent_model import NONE, Guess, guess
from pointsman.routing.lexicon.intents import RISK, SMALL_TALK, Risk
from pointsman.routing.lexicon.match import Hit, Words, wordset
from pointsman.routing.reading import Reading

NAME: Final = "intent"
ENOUGH: Final = 0.6
SURE: Final = 1.0
LIKELY: Final = 0.7
KNOWN: Final = 0.7
VETO: Final = 0.9
VETO_KNOWN: Final = 0.8
FAINT: Final = 0.85
"""The model is believed when its share reaches ``LIKELY`` and it knows at least the share ``KNOWN`` of the words; its
"none" overrules a cue fainter than ``FAINT`` from ``VETO`` and ``VETO_KNOWN`` on."""
_PLEASANTRIES: Final = frozenset({"greeting", "thanks", "goodbye"})
_PLEASANT: Final = 12
"""Words beyond which a greeting or thanks is only the wrapping of something not recognised."""
_YES: Final = wordset("""yes yeah yep yup yea sure sí si oui ja sì sim да""")
_ANYTHING_ELSE: Final = (
    " anything else ",
    " something else ",
    " else i can ",
    " further assistance ",
    " other questions ",
)
_SETTLED: Final = frozenset({"high"})
_NOTE: Final = 3
_STOPS: Final = frozenset(".!;")
_MARKS: Final = " .!👍👌🙏❤️😊🙂😀😁😃🎉👏💯✅🆗🥰😍\ufe0f🏻🏼🏽🏾🏿"
_NOTED: Final = wordset(
    """cool nice great perfect awesome ok okay okey k kk alright fine good lovely super noted understood gotcha got it i see right
    sweet neat brilliant wow oh ah aha makes sense sounds fair enough excellent wonderful vale bueno bien perfecto
    entendido daccord parfait compris super gut prima verstanden klar passt bene
    perfetto capito ottimo beleza legal entendi bom goed oke duidelijk
    понятно хорошо 好的 了解 わかりました 알겠습니다"""
)
_DECLINES: Final = wordset(
    """no nope nah not that is its all thats it good im nein nada non nee não нет nothing rien nichts niente merci"""
)
"""An answer to "anything else?" that ends it."""
_LEVEL: Final = ("none", "low", "medium", "high")


class Intent(msgspec.Struct, frozen=True):
    """The strongest intent.

    ``name`` is "unknown" when none is recognised; ``risk`` is as listed in ``lexicon.intents``.

    ``score`` (0 to 1) is the winner's share of the evidence found: it orders, it is no probability. An unknown intent
    has
    risk "none" and ``recognised`` False: rules must not read that as "simple".
    """

    name: str
    risk: Risk
    recognised: bool
    score: float


ACKNOWLEDGED: Final = Intent("thanks", "none", recognised=True, score=0.6)
UNKNOWN: Final = Intent("unknown", "none", recognised=False, score=0.0)


def measure(reading: Reading, session: Session) -> Intent:  # noqa: ARG001 - every signal has this shape
    """Name the intent; an act that cannot be undone is of high risk whatever it is called."""
    if _acknowledges(reading):
        return ACKNOWLEDGED
    found = _named_intent(reading)
    if found.risk not in _SETTLED and reading.user.once("irreversible", _irreversible):
        return msgspec.structs.replace(found, risk="high")
    return found


def _irreversible(user: Words) -> bool:
    return IRREVERSIBLE.any(user.vocabulary, user.padded)


def _guess(user: Words) -> Guess:
    return guess(user, KNOWN)


def _named_intent(reading: Reading) -> Intent:
    """Name the intent with the most evidence; among equals the riskier one wins. Without strong cues a small model is asked."""
    scores = evidence(reading.cues)
    if not scores:
        second = reading.user.once("guess", _guess)
        return _named(second) if _believed(second) else UNKNOWN
    if scores.keys() <= SMALL_TALK and _asks_more(reading):
        second = reading.user.once("guess", _guess)
        return _named(second) if _believed(second) and second.label not in SMALL_TALK else UNKNOWN
    name = max(scores, key=lambda label: (label not in SMALL_TALK, scores[label], _LEVEL.index(RISK[label]), label))
    if scores[name] < SURE:
        second = reading.user.once("guess", _guess)
        if scores[name] < FAINT and second.label == NONE and second.share >= VETO and second.known >= VETO_KNOWN:
            return UNKNOWN
        if _believed(second) and (second.label not in SMALL_TALK or name in SMALL_TALK):
            return _named(second)
    if scores[name] < ENOUGH or (name in _PLEASANTRIES and reading.user.count > _PLEASANT):
        return UNKNOWN
    return Intent(name, RISK[name], recognised=True, score=round(scores[name] / (sum(scores.values()) + 0.2), 3))


def _acknowledges(reading: Reading) -> bool:
    """Return whether a word or two only take note ("cool", a thumb up, "no" to "anything else?") and answer no question."""
    agent, user = reading.assistant, reading.user
    if (
        not agent.tokens
        or user.count > _NOTE
        or reading.attachments
        or any(hit.weight >= ENOUGH for hit in reading.cues)
    ):
        return False
    offers = any(words in agent.padded for words in _ANYTHING_ELSE)
    if ("?" in agent.vocabulary and not offers) or "?" in user.vocabulary:
        return False
    if not user.text.isascii() and user.text.strip(_MARKS) == "":
        return bool(user.text.strip())
    said = user.vocabulary - _STOPS
    return bool(said) and (said <= _NOTED or (offers and said <= _DECLINES))


def _asks_more(reading: Reading) -> bool:
    """Return whether small talk is not all: something is asked for, or an offer of the agent is taken up."""
    user = reading.user
    if REQUESTS.any(user.vocabulary, user.padded):
        return True
    if "?" not in reading.assistant.vocabulary or any(words in reading.assistant.padded for words in _ANYTHING_ELSE):
        return False
    return user.tokens[0] in _YES or all(hit.label == "feedback" for hit in reading.cues)


def _believed(found: Guess) -> bool:
    return found.label != NONE and found.share >= LIKELY and found.known >= KNOWN


def _named(found: Guess) -> Intent:
    return Intent(found.label, RISK[found.label], recognised=True, score=round(found.share, 3))


def evidence(cues: Iterable[Hit]) -> dict[str, float]:
    """Add up the cues per intent: the strongest counts in full, every further one a quarter."""
    best: dict[str, float] = {}
    rest: dict[str, float] = {}
    for label, weight, _ in cues:
        rest[label] = rest.get(label, 0.0) + weight
        best[label] = max(best.get(label, 0.0), weight)
    return {label: top + (rest[label] - top) / 4 for label, top in best.items()}
