"""A small linear model that names an intent where no cue of the lexicon does.

Multinomial logistic regression over words and word pairs, trained by ``benchmarks/train_intents.py`` on CLINC150 (CC BY 3.0)
and Banking77 (CC BY 4.0) mapped to our intents, weights rounded to tenths. Its class ``none`` stands for texts no support
desk gets. It knows banking, travel and small talk; of other trades it knows only everyday words, so it is asked last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


class Weights(msgspec.Struct, frozen=True):
    """``features`` maps a word or pair to (class, weight x 10) pairs laid flat; ``bias`` is per class, x 10 too."""

    labels: tuple[str, ...]
    bias: tuple[int, ...]
    features: dict[str, tuple[int, ...]]


class Guess(msgspec.Struct, frozen=True):
    """``label`` with its softmax share (not calibrated), and the share of the words that the model knows."""

    label: str
    share: float
    known: float


NO_GUESS: Final = Guess(NONE, 0.0, 0.0)
_WEIGHTS: Final = msgspec.json.decode(Path(__file__).with_name("intent_weights.json").read_bytes(), type=Weights)


def features(tokens: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words of a text and its word pairs, sentence ends left out; numbers become "0"."""
    words = ["0" if token[0].isdigit() else token for token in tokens[:READ] if token not in _ENDS]
    return words, [f"{left} {right}" for left, right in zip(["^", *words], [*words, "$"], strict=True)]


def guess(text: Words, weights: Weights = _WEIGHTS) -> Guess:
    """Name the likeliest intent of a text."""
    words, pairs = features(text.tokens)
    if not words:
        return NO_GUESS
    scores = list(weights.bias)
    known = _add(scores, weights.features, words)
    _add(scores, weights.features, pairs)
    top = max(scores)
    total = sum([exp((score - top) / SCALE) for score in scores])
    return Guess(weights.labels[scores.index(top)], 1 / total, known / len(words))


def _add(scores: list[int], table: Mapping[str, tuple[int, ...]], names: list[str]) -> int:
    """Add the weights of all features to ``scores``; return how many of them the model knows."""
    known = 0
    for flat in map(table.get, names):
        if flat is None:
            continue
        known += 1
        pairs = iter(flat)
        for at in pairs:
            scores[at] += next(pairs)
    return known
