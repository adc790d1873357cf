"""Sentiment: how the customer feels, from words with valence, negation, emphasis and a list of
sarcastic turns of phrase."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.feelings import (
    ASKS_HUMAN,
    INTENSIFIERS,
    NEGATORS,
    PHRASES,
    VALENCE,
    VALENCE_WORDS,
)
from pointsman.routing.reading import Reading, Words

NAME: Final = "sentiment"
NEGATIVE: Final = -0.4
POSITIVE: Final = 0.25
_SCOPE: Final = 4
_FLIP: Final = -0.6
_CAPS: Final = re.compile(r"\b[A-Z]{3,}\b")
_EMOJI: Final = {
    **dict.fromkeys("😡🤬😠😤👎💩🖕😾", -2.8),
    **dict.fromkeys("🙄😒😞😢😭☹", -1.8),
    **dict.fromkeys("😊🙂👍❤😍🥰😀😁😃🙏🎉👏💯", 1.8),
}
_EMOJI_SET: Final = frozenset(_EMOJI)


class Sentiment(msgspec.Struct, frozen=True):
    """``score`` from -1 to 1; ``negative`` at or below -0.4, so that naming a problem calmly is not yet negative.

    ``asks_human``: the customer asks for a person, in whatever mood.
    """

    label: str
    score: float
    negative: bool
    asks_human: bool


def measure(reading: Reading, session: Session) -> Sentiment:  # noqa: ARG001 - every signal has this shape
    """Judge the feeling in the last user text."""
    user = reading.user
    total = _emphasised(_valence(user), user.text)
    score = round(total / (total * total + 10) ** 0.5, 3)
    negative = score <= NEGATIVE
    label = "negative" if negative else "positive" if score >= POSITIVE else "neutral"
    return Sentiment(label, score, negative, ASKS_HUMAN.any(user.vocabulary, user.padded))


def _valence(words: Words) -> float:
    """Add phrases as they stand, then single words outside them with their negation and emphasis."""
    total = 0.0
    covered: set[str] = set()
    for label, _, phrase in PHRASES.hits(words.vocabulary, words.padded):
        total += float(label)
        covered.update(phrase.split())
    if words.vocabulary & VALENCE_WORDS:
        tokens = words.tokens
        for position, token in enumerate(tokens):
            if token in VALENCE_WORDS and token not in covered:
                total += VALENCE[token] * _turned(tokens, position)
    if not words.text.isascii():
        total += sum(_EMOJI[mark] for mark in _EMOJI_SET.intersection(words.text))
    return total


def _turned(tokens: tuple[str, ...], position: int) -> float:
    """Return the factor that the few words before a word put on it, within the same sentence."""
    factor = 1.0
    for token in reversed(tokens[max(0, position - _SCOPE) : position]):
        if token[0] in ".!?;" or token in {"but", "however", "aber", "pero", "mais", "ma"}:
            break
        if token in NEGATORS:
            return factor * _FLIP
        factor *= INTENSIFIERS.get(token, 1.0)
    return factor


def _emphasised(total: float, text: str) -> float:
    """Strengthen a feeling that is shouted; an exclamation mark alone is no feeling."""
    if not total:
        return 0.0
    shouted = text.count("!") >= 2 or "?!" in text or "??" in text  # noqa: PLR2004 - one mark is politeness
    if text.isupper() and len(text) > 12 or len(_CAPS.findall(text[:2000])) >= 3:  # noqa: PLR2004 - not an acronym
        shouted = True
    return total * 1.3 if shouted and total < 0 else total
