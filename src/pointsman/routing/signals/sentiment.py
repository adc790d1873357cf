"""Sentiment: how the customer feels, from words with valence, negation, emphasis and turns of phrase."""

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
    POLITE,
    VALENCE,
    VALENCE_WORDS,
)
from pointsman.routing.lexicon.match import Words, wordset
from pointsman.routing.reading import Reading

NAME: Final = "sentiment"
NEGATIVE: Final = -0.4
POSITIVE: Final = 0.35
_SPREAD: Final = 10.0
"""score = total / sqrt(total^2 + 10): one word of disappointment (-2.2) gives -0.57, one named problem (-0.9) -0.27."""
_SCOPE: Final = 4
_FLIP_BAD: Final = -0.5
_FLIP_GOOD: Final = -1.2
_FLIPPED_AT_MOST: Final = -2.2
_WEAK: Final = 1.0
_WEAK_SUM: Final = 1.2
_STRONG: Final = -2.0
_BARE: Final = 2
_BARE_CALLS: Final = wordset(
    """agent human representative operator supervisor manager mitarbeiter agente operatore conseiller"""
)
_WORDS_IN_CAPS: Final = 2
_CLAUSE_ENDS: Final = wordset(""". ! ? ; but however though aber pero mais ma mas maar""")
_EMOJI: Final = {
    **dict.fromkeys("😡🤬😠😤👎💩🖕😾", -2.8),
    **dict.fromkeys("🙄😒😞😢😭☹", -1.8),
    **dict.fromkeys("😊🙂👍❤😍🥰😀😁😃🙏🎉👏💯", 1.8),
}
_LONG: Final = 500
"""Words from which a text is more than the customer's own voice: something is pasted, or everything is told."""
_WORDS_PER_HARD_ONE: Final = 150
"""Anger that runs through all of a long text counts; a few hard words in a thread of mails do not."""
_OWN: Final = 700
_SHOUTED: Final = re.compile("[A-Z]{3}")
_SAID: Final = re.compile("[A-Z][a-z]{2}")
_SHOUTED_WITHIN: Final = 300
_REPEATED: Final = re.compile(r"\b([A-Z][a-z]{2,}(?: [a-z]{3,})?)\b[^A-Za-z]{1,8}(?=[A-Z]{3})(?i:\1)\b")
_REPEATED_CAPS: Final = -2.2
"""Said again in capitals at once ("Bed bugs. BED BUGS."): as much as a word of anger."""
_INTRODUCTION: Final = 60
_QUOTED: Final = re.compile(
    r"^[ \t>*_#=-]{0,20}(?:\d{1,3}[ .):-]{1,3})?(?:from|von|de|da|van|od|от)\s?:[ \t]"
    r"|\b(?:wrote|schrieb|écrit|escribió|scritto)\s?:[ \t]*$"
    r"|(?:original message|forwarded message|begin forwarded|ursprüngliche nachricht)|^>",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTING: Final = wordset(
    """> from von de da van od от wrote schrieb écrit escribió scritto original forwarded ursprüngliche"""
)
_JOINED: Final = wordset("and or nor und oder y o et ou e")
_ANSWERS: Final = wordset("""no nope nein non não nee нет""")


class Sentiment(msgspec.Struct, frozen=True):
    """``score`` from -1 to 1; ``negative`` at or below -0.4, so that naming a problem calmly is not yet negative.

    ``asks_human``: the customer asks for a person, in whatever mood.
    """

    label: str
    score: float
    negative: bool
    asks_human: bool


def measure(reading: Reading, session: Session) -> Sentiment:  # noqa: ARG001 - every signal has this shape
    """Judge the feeling in the last user text; of a long one, in what is the customer's own voice."""
    return reading.user.once(NAME, _judge)


def _judge(user: Words) -> Sentiment:
    own = user if user.count < _LONG else _own_words(user)
    total = _emphasised(_valence(own), own.text)
    if own is not user:
        hard = sum(1 for token in user.tokens if VALENCE.get(token, 0.0) <= _STRONG)
        if hard * _WORDS_PER_HARD_ONE >= user.count:
            total = min(total, _valence(user))
    score = round(total / (total * total + _SPREAD) ** 0.5, 3)
    negative = score <= NEGATIVE
    label = "negative" if negative else "positive" if score >= POSITIVE else "neutral"
    return Sentiment(label, score, negative, _asks_human(own))


def _own_words(user: Words) -> Words:
    """Return what the customer says for themselves in a long text: before what is quoted, else its beginning and end."""
    text = user.text
    if ">" in text or not user.vocabulary.isdisjoint(_QUOTING):
        quoted = _QUOTED.search(text)
        if quoted is not None:
            before = text[: text.rfind("\n", 0, quoted.start()) + 1]
            if len(before.strip()) >= _INTRODUCTION:
                return Words.of(before[: 2 * _OWN])
    return Words.of(f"{text[:_OWN]}\n.\n{text[-_OWN:]}")


def _asks_human(user: Words) -> bool:
    if user.count <= _BARE and not user.vocabulary.isdisjoint(_BARE_CALLS):
        return True
    return ASKS_HUMAN.any(user.vocabulary, user.padded)


def _valence(words: Words) -> float:
    """Add phrases as they stand, then single words outside them with their negation and emphasis, each word once.

    Words that only name a problem are capped together, so that a long calm report stays calm.
    """
    strong, weak, polite = 0.0, 0.0, 0.0
    covered: set[str] = set()
    for label, _, phrase in PHRASES.hits(words.vocabulary, words.padded):
        strong += float(label)
        covered.update(phrase.split())
    for word in sorted((words.vocabulary & VALENCE_WORDS) - covered):
        if word in POLITE:
            polite = max(polite, VALENCE[word])
            continue
        value = _in_context(words.tokens, words.tokens.index(word))
        if abs(value) <= _WEAK:
            weak += value
        else:
            strong += value
    if _repeats_in_capitals(words.text):
        strong += _REPEATED_CAPS
    if not words.text.isascii():
        strong += sum(value for mark, value in _EMOJI.items() if mark in words.text)
    total = strong + max(-_WEAK_SUM, min(_WEAK_SUM, weak))
    return total if strong <= _STRONG else total + polite


def _repeats_in_capitals(text: str) -> bool:
    """Return whether words of the first lines are said again in capitals; two patterns that skip to a capital ask first."""
    if not _SHOUTED.search(text, 0, _SHOUTED_WITHIN) or not _SAID.search(text, 0, _SHOUTED_WITHIN):
        return False
    return _REPEATED.search(text, 0, _SHOUTED_WITHIN) is not None


def _in_context(tokens: tuple[str, ...], position: int) -> float:
    """Return a word's valence with what the few words before it do to it, within the same clause."""
    value = VALENCE[tokens[position]]
    factor = 1.0
    for place in range(position - 1, max(0, position - _SCOPE) - 1, -1):
        token = tokens[place]
        if token in _CLAUSE_ENDS:
            break
        if token in NEGATORS and (place or token not in _ANSWERS or position == 1):
            # "No, that was a great help" answers a question; "no help" denies one.
            return value * _FLIP_BAD if value < 0 else max(value * _FLIP_GOOD, _FLIPPED_AT_MOST)
        if token in VALENCE_WORDS and tokens[place + 1] not in _JOINED:
            break  # "not terrible, fine": the negation belongs to the nearer word
        factor *= INTENSIFIERS.get(token, 1.0)
    return value * factor


def _emphasised(total: float, text: str) -> float:
    """Strengthen a bad feeling that is shouted; an exclamation mark alone is no feeling."""
    if total >= 0:
        return total
    shouted = text.count("!") > 1 or "?!" in text or "??" in text
    if shouted or (text.isupper() and len(text) > len("I NEED HELP")) or _capitals(text) > _WORDS_IN_CAPS:
        return total * 1.3
    return total


def _capitals(text: str) -> int:
    """Count shouted words in the first page; two letters may be an abbreviation."""
    return sum(1 for word in text[:400].split() if len(word) > 2 and word.isupper() and word.isalpha())  # noqa: PLR2004
