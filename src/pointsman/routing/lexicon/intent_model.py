"""A small linear model that names an intent where no cue of the lexicon does.

Multinomial logistic regression over words and word pairs, trained by ``benchmarks/train_intents.py`` on CLINC150 (CC BY 3.0)
and Banking77 (CC BY 4.0) mapped to our intents, weights rounded to tenths. Its class ``none`` stands for texts no support
desk gets. It knows banking, travel and small talk; of other trades it knows only everyday words, so it is asked last.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from pathlib import Path
from typing import Final

import msgspec

from pointsman.routing.lexicon.match import Words

NONE: Final = "none"
READ: Final = 60
"""Words read: customers say what they want early, and time is bounded."""
SCALE: Final = 10.0
_ENDS: Final = frozenset(".!?;")
_SHARES: Final = tuple(exp(-steps / SCALE) for steps in range(1000))
"""exp(-steps / SCALE): scores are whole, so there are few different ones."""


class Weights(msgspec.Struct, frozen=True):
    """``features`` maps a word or pair to (class, weight x 10) pairs laid flat; ``bias`` is per class, x 10 too."""

    labels: tuple[str, ...]
    bias: tuple[int, ...]
    features: dict[str, tuple[int, ...]]


class Model:
    """The weights, laid out for looking up: words, and per word those that may follow it. Not changed after it is made."""

    __slots__ = ("bias", "following", "labels", "words")

    def __init__(self, weights: Weights) -> None:
        self.labels = weights.labels
        self.bias = weights.bias
        self.words: dict[str, tuple[int, ...]] = {}
        self.following: dict[str, dict[str, tuple[int, ...]]] = {}
        for name, flat in weights.features.items():
            left, space, right = name.partition(" ")
            if space:
                self.following.setdefault(left, {})[right] = flat
            else:
                self.words[name] = flat


class Guess(msgspec.Struct, frozen=True):
    """``label`` with its softmax share (not calibrated), and the share of the words that the model knows."""

    label: str
    share: float
    known: float


NO_GUESS: Final = Guess(NONE, 0.0, 0.0)
_MODEL: Final = Model(msgspec.json.decode(Path(__file__).with_name("intent_weights.json").read_bytes(), type=Weights))


def features(tokens: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words of a text and its word pairs, sentence ends left out; numbers become "0"."""
    words = _words(tokens)
    return words, [f"{left} {right}" for left, right in zip(["^", *words], [*words, "$"], strict=True)]


def guess(text: Words, least_known: float = 0.0, model: Model = _MODEL) -> Guess:
    """Name the likeliest intent of a text; ``NO_GUESS`` where less than the share ``least_known`` of its words is known."""
    # Most texts have neither a number nor a sentence end among the words read.
    plain = not text.digits and text.text.isascii() and text.vocabulary.isdisjoint(_ENDS)
    words = list(text.tokens[:READ]) if plain else _words(text.tokens)
    found = [flat for flat in map(model.words.get, words) if flat is not None]
    known = len(found) / len(words) if words else 0.0
    if not words or known < least_known:
        return NO_GUESS
    follows = map(model.following.get, ["^", *words])
    found += [after[word] for after, word in zip(follows, [*words, "$"], strict=True) if after and word in after]
    scores = list(model.bias)
    for flat in found:
        pairs = iter(flat)
        for at in pairs:
            scores[at] += next(pairs)
    top = max(scores)
    total = sum([_SHARES[top - score] if top - score < len(_SHARES) else 0.0 for score in scores])
    return Guess(model.labels[scores.index(top)], 1 / total, known)


def _words(tokens: Sequence[str]) -> list[str]:
    return ["0" if token[0].isdigit() else token for token in tokens[:READ] if token not in _ENDS]
