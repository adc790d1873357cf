"""Find phrases in a text, in time that hardly depends on how many phrases there are.

A lexicon is a mapping from label to a block of phrases, one block entry per comma. Words of a phrase stand in lower
        case
without apostrophes, as ``tokenize`` leaves them:

* ``money back``: these words side by side, not across the end of a sentence;
* ``cancel/cancelled order/orders``: every combination of the alternatives;
* ``cancel ~ order``: both, in this order, within ``GAP`` characters;
* ``refund*2``: the phrase weighs 2 instead of 1.

The words of a text are first intersected with one key word per phrase (a set operation in C); only phrases whose key
        word
is there are looked for. That keeps a lexicon of a thousand phrases at a few microseconds per turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

GAP = 40
_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,:]\d+)*|[.!?;]+")
_APOSTROPHES = str.maketrans("", "", "'’ʼ`´")


class Hit(NamedTuple):
    """One phrase found: its label, its weight and the phrase itself."""

    label: str
    weight: float
    phrase: str


class _Cue(NamedTuple):
    first: str
    then: str
    hit: Hit


def tokenize(text: str) -> list[str]:
    """Return lower-cased words, numbers and sentence ends in order; apostrophes are dropped ("don't" gives "dont")."""
    lowered = text.lower()
    if "'" in lowered or not lowered.isascii() or "`" in lowered:
        lowered = lowered.translate(_APOSTROPHES) if lowered.isascii() else _drop_apostrophes(lowered)
    return _TOKEN.findall(lowered)


def pad(words: Iterable[str]) -> str:
    """Return the words as one string in which every word has a space on both sides, so that phrases can be found."""
    return f" {' '.join(words)} "


class Lexicon:
    """Phrases with labels, compiled once. Immutable after construction."""

    __slots__ = ("_by_key", "_keys")

    def __init__(self, blocks: Mapping[str, str]) -> None:
        by_key: dict[str, list[_Cue]] = {}
        for label, block in blocks.items():
            for entry in block.split(","):
                for cue in _expand(label, entry):
                    key = max((cue.first + cue.then).split(), key=len)
                    by_key.setdefault(key, []).append(cue)
        self._by_key = {key: tuple(cues) for key, cues in by_key.items()}
        self._keys = frozenset(by_key)

    def hits(self, vocabulary: frozenset[str], padded: str) -> list[Hit]:
        """Return every phrase found, in a stable order.

        ``vocabulary`` are the text's words as a set and ``padded`` the same words as ``pad`` joins them.
        """
        found = self._keys & vocabulary
        if not found:
            return []
        out = []
        for key in sorted(found):
            for first, then, hit in self._by_key[key]:
                start = padded.find(first)
                if start < 0:
                    continue
                if then:
                    after = start + len(first) - 1
                    if padded.find(then, after, after + GAP) < 0:
                        continue
                out.append(hit)
        return out

    def any(self, vocabulary: frozenset[str], padded: str) -> bool:
        """Return whether any phrase is found."""
        return bool(self.hits(vocabulary, padded))


def _drop_apostrophes(text: str) -> str:
    for mark in ("'", "’", "ʼ", "`", "´"):
        text = text.replace(mark, "")
    return text


def _expand(label: str, entry: str) -> Iterable[_Cue]:
    """Yield the cues of one entry: the product of its alternatives, with its weight."""
    phrase, _, weight = entry.strip().partition("*")
    if not phrase:
        return
    first, _, then = phrase.partition("~")
    for left in _alternatives(first):
        for right in _alternatives(then):
            text = f"{left.strip()} ~ {right.strip()}" if right else left.strip()
            yield _Cue(left, right, Hit(label, float(weight or 1), text))


def _alternatives(phrase: str) -> list[str]:
    words = [word.split("/") for word in phrase.split()]
    return [pad(choice) for choice in product(*words)] if words else [""]
