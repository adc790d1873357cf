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
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

GAP = 40
_DIGITS = re.compile(r"\d+")
_ENDS = ".!?;"
_SPACE = '\t\n\r,:"()[]{}<>/\\|_-+*=&%$#@^~'
_APOSTROPHES = "'`"
_ASCII: Final[dict[int, str | None]] = {
    **{ord(mark): " " for mark in _SPACE},
    **{ord(mark): None for mark in _APOSTROPHES},
}
_OTHER = tuple(
    [(mark, "") for mark in "’ʼ´"]
    + [(mark, " ") for mark in "“”„«»‹›–—…·•¿¡、，："]
    + [(mark, f" {end} ") for mark, end in zip("。！？；", ".!?;", strict=True)]
)
_FOLDED: Final = bytes(ord(str(_ASCII.get(code) or chr(code).lower())) if code < 128 else code for code in range(256))  # noqa: PLR2004
_DROPPED: Final = "".join(_APOSTROPHES).encode()
_SPACED_ENDS: Final = tuple((end, f" {end} ") for end in _ENDS)
_DECIMALS: Final = frozenset("0123456789")
_NO_DIGITS: Final = bytes(code for code in range(128) if not chr(code).isdigit())


class Hit(NamedTuple):
    """One phrase found: its label, its weight and the phrase itself."""

    label: str
    weight: float
    phrase: str


class _Cue(NamedTuple):
    others: frozenset[str]
    first: str
    then: str
    hit: Hit


def wordset(block: str) -> frozenset[str]:
    """Return the words of a block as a set: how word lists are written here."""
    return frozenset(block.split())


def tokenize(text: str) -> list[str]:
    """Return lower-cased words, numbers and sentence ends in order; apostrophes are dropped ("don't" gives "dont").

    Built from whole-string operations: four times as fast as one regular expression.
    """
    return _spaced(text)[0].split()


def _spaced(text: str) -> tuple[str, int]:
    """Return the text in lower case with spaces around words and sentence ends, and the number of those ends."""
    # Bytes are translated several times as fast as characters.
    lowered = text.encode().translate(_FOLDED, _DROPPED).decode() if text.isascii() else _spaced_beyond_ascii(text)
    before = len(lowered)
    for end, instead in _SPACED_ENDS:
        if end in lowered:
            lowered = lowered.replace(end, instead)
    return lowered, (len(lowered) - before) // 2


def _spaced_beyond_ascii(text: str) -> str:
    lowered = text.lower()
    if lowered.isascii():
        return lowered.translate(_ASCII)
    for mark, instead in _OTHER:
        lowered = lowered.replace(mark, instead)
    for mark in _SPACE:
        lowered = lowered.replace(mark, " ")
    for mark in _APOSTROPHES:
        lowered = lowered.replace(mark, "")
    return lowered


def digits_of(text: str) -> str:
    """Return all digits of a text, in order."""
    return text.encode().translate(None, _NO_DIGITS).decode() if text.isascii() else "".join(_DIGITS.findall(text))


def pad(words: Iterable[str]) -> str:
    """Return the words as one string in which every word has a space on both sides, so that phrases can be found."""
    return f" {' '.join(words)} "


_Found = TypeVar("_Found")


class Words(msgspec.Struct, frozen=True):
    """A text as the lexicons want it: ``tokens`` in order (sentence ends included), as a set, and padded in one string.

    ``digits`` are all its digits; ``numbers`` the different tokens that begin with one; ``count`` is the number of tokens
    that are no sentence ends. ``found`` is where ``once`` keeps what it was told to find out; None: it keeps nothing.
    """

    text: str
    tokens: tuple[str, ...]
    vocabulary: frozenset[str]
    padded: str
    digits: str = ""
    count: int = 0
    numbers: tuple[str, ...] = ()
    found: dict[str, Any] | None = None

    def once(self, name: str, find: Callable[[Words], _Found]) -> _Found:
        """Return what ``find`` gives for this text. It must be pure: where the text is remembered, so is the answer."""
        if self.found is None:
            return find(self)
        if name in self.found:
            known: _Found = self.found[name]
            return known
        answer = self.found[name] = find(self)
        return answer

    @classmethod
    def of(cls, text: str, found: dict[str, Any] | None = None) -> Words:
        """Split a text."""
        spaced, ends = _spaced(text)
        tokens = tuple(spaced.split())
        vocabulary = frozenset(tokens)
        digits = digits_of(text)
        numbers = tuple([token for token in vocabulary if token[0] in _DECIMALS]) if digits else ()
        return cls(text, tokens, vocabulary, pad(tokens), digits, len(tokens) - ends, numbers, found)


NO_WORDS: Final = Words("", (), frozenset(), "  ")


class Lexicon:
    """Phrases with labels, compiled once. Immutable after construction."""

    __slots__ = ("_by_key", "_keys")

    def __init__(self, blocks: Mapping[str, str]) -> None:
        by_key: dict[str, list[_Cue]] = {}
        for label, block in blocks.items():
            for entry in block.split(","):
                for cue in _expand(label, entry):
                    key = max(cue.others, key=lambda word: (len(word), word))
                    by_key.setdefault(key, []).append(cue._replace(others=cue.others - {key}))
        self._by_key = {key: tuple(cues) for key, cues in by_key.items()}
        self._keys = frozenset(by_key)

    @property
    def keys(self) -> frozenset[str]:
        """The key word of every phrase: a text without any of them holds no phrase."""
        return self._keys

    def hits(self, vocabulary: frozenset[str], padded: str) -> list[Hit]:
        """Return every phrase found, in a stable order.

        ``vocabulary`` are the text's words as a set and ``padded`` the same words as ``pad`` joins them.
        """
        found = self._keys & vocabulary
        if not found:
            return []
        out: list[Hit] = []
        for key in sorted(found):
            for others, first, then, hit in self._by_key[key]:
                # The set test is cheap and fails mostly; only then is the order of the words looked at.
                if others <= vocabulary and (not first or _in_order(padded, first, then)):
                    out.append(hit)
        return out

    def any(self, vocabulary: frozenset[str], padded: str) -> bool:
        """Return whether any phrase is found."""
        for key in self._keys & vocabulary:
            for others, first, then, _ in self._by_key[key]:
                if others <= vocabulary and (not first or _in_order(padded, first, then)):
                    return True
        return False


def _in_order(padded: str, first: str, then: str) -> bool:
    start = padded.find(first)
    if start < 0 or not then:
        return start >= 0
    after = start + len(first) - 1
    return padded.find(then, after, after + GAP) >= 0


def _expand(label: str, entry: str) -> Iterable[_Cue]:
    """Yield the cues of one entry: the product of its alternatives, with its weight."""
    phrase, _, weight = entry.strip().partition("*")
    if not phrase:
        return
    first, _, then = phrase.partition("~")
    for left in _alternatives(first):
        for right in _alternatives(then):
            text = f"{left.strip()} ~ {right.strip()}" if right else left.strip()
            words = (left + right).split()
            # One word is found by the set alone, so there is no order to look at.
            yield _Cue(frozenset(words), left if len(words) > 1 else "", right, Hit(label, float(weight or 1), text))


def _alternatives(phrase: str) -> list[str]:
    words = [word.split("/") for word in phrase.split()]
    return [pad(choice) for choice in product(*words)] if words else [""]
