"""Whether a reply says something: compared by content words and by values, not letter by letter.

A fact that must be mentioned is found by its values (all of them) and most of its content words. A forbidden phrase is found
as it stands, also spaced out, hyphenated or in look-alike letters of other scripts; or with its content words in order close
together, unless they are denied ("we cannot promise a refund").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Literal

from pointsman.execution.routes.facts import facts, offered, plain, stands
from pointsman.routing.lexicon.match import wordset

Hit = Literal["exact", "near"]

_WORD: Final = re.compile(r"\w+")
_WIDE: Final = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SENTENCE: Final = re.compile(r"[.!?;]\s")
_STOP: Final = wordset(
    """a an the of to in on at by for with and or from as is are was were be been it its this that these those we you i he she
    they our your my his her their us me will would shall should can could may might do does did has have had there then than so
    der die das den dem des ein eine einen einem einer und oder zu im am von mit fur auf ist sind war wir sie ich ihr ihre ihnen
    le la les un une des du de et ou pour avec est sont nous vous je el los las una y o con es son su sus"""
)
_DENIALS: Final = wordset(
    """not no never cannot cant wont dont doesnt didnt isnt arent couldnt wouldnt unable without neither nor t kein keine keinen
    nicht nie pas jamais sans sin nunca non mai"""
)
_ENDINGS: Final = (
    *("ations", "ation", "ungen", "ments", "ment", "ings", "ing", "ung", "ies", "ied"),
    *("es", "ed", "en", "et", "er", "s", "e", "y"),
)
_STEM: Final = 3
_ENOUGH: Final = 0.6
_FEW: Final = 2
_GAP: Final = 2
_DENIAL_REACH: Final = 4
_LOOK_ALIKE: Final = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458\u04bb\u04cf\u0501\u051b\u051d"
    "\u03b1\u03b2\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0131\u0142\u00f8\u0111\u0261\u0251",
    "abekmhopctyxsijhldqwabeikvoptuxilodga",
)
"""Letters of other scripts, lower case, that look like a Latin one."""
_AS_LETTERS: Final = str.maketrans("013457", "oleast")
_LEAST_DISGUISED: Final = 6
"""Letters that a phrase must have to be looked for across the borders of words: fewer are met by chance."""


def mentions(text: str, item: str, *, whole: bool = False) -> bool:
    """Tell whether ``text`` mentions a fact or phrase; ``whole``: its values alone are not enough."""
    said, wanted = folded(text), folded(item)
    if not wanted or wanted in said:
        return True
    values = [fact for fact in facts(item) if fact.kind not in {"number", "time"} or len(wanted.split()) <= _FEW]
    known = offered([text])
    if not all(stands(fact, known) for fact in values):
        return False
    rest = _without(item, [fact.raw for fact in values])
    words = content_words(rest)
    if not words:
        return bool(values)
    have = set(stems(said))
    found = sum(word in have for word in words)
    # A value names its fact by itself: the words around it may be others.
    enough = 0.0 if values and not whole else 1.0 if len(words) <= _FEW else _ENOUGH
    return found >= enough * len(words)


def forbidden_in(text: str, phrase: str) -> Hit | None:
    """Return whether ``text`` says a forbidden phrase: as it stands, or in a form that comes near it."""
    said, banned = folded(text), folded(phrase)
    if not banned:
        return None
    if f" {banned} " in f" {said} " or _disguised(said, banned):
        return "exact"
    values = facts(phrase)
    words = content_words(_without(phrase, [fact.raw for fact in values]))
    known = offered([text])
    if values and not all(stands(fact, known) for fact in values):
        return None
    if values and not words:
        return "exact"
    if not words:
        return None
    return "near" if any(_near(stems(folded(one)), words) for one in _sentences(text)) else None


def _disguised(said: str, banned: str) -> bool:
    """Tell whether whole words of a folded text, run together, spell the phrase."""
    if _WIDE.search(banned):
        return banned.replace(" ", "") in said.replace(" ", "")  # no spaces between words there
    wanted = "".join(map(_spelt, banned.split()))
    if len(wanted) < _LEAST_DISGUISED:
        return False
    words = [_spelt(word) for word in said.split()]
    borders = set(accumulate(map(len, words), initial=0))
    whole = "".join(words)
    place = whole.find(wanted)
    while place >= 0:
        if place in borders and place + len(wanted) in borders:
            return True
        place = whole.find(wanted, place + 1)
    return False


def _spelt(word: str) -> str:
    """Return a word as it looks: foreign letters as the Latin ones they look like, digits among letters as letters."""
    plainly = word.translate(_LOOK_ALIKE)
    return plainly if plainly.isdigit() else plainly.translate(_AS_LETTERS)


def _near(said: Sequence[str], words: Sequence[str]) -> bool:
    """Tell whether the words stand in order within a short stretch that nothing denies."""
    reach = len(words) + max(_GAP, len(words) // 2)
    content = [(place, word) for place, word in enumerate(said) if word not in _STOP]
    for start, (place, word) in enumerate(content):
        if word != words[0]:
            continue
        window = [one for _, one in content[start : start + reach]]
        denied = not _DENIALS.isdisjoint(said[max(0, place - _DENIAL_REACH) : place + reach])
        if not denied and _in_order(window, words):
            return True
    return False


def _in_order(window: Sequence[str], words: Sequence[str]) -> bool:
    rest = iter(window)
    return all(word in rest for word in words)


def _sentences(text: str) -> list[str]:
    return _SENTENCE.split(plain(text) + " ")


def folded(text: str) -> str:
    """Return a text in one case, without accents, punctuation and doubled spaces."""
    bare = unicodedata.normalize("NFKD", plain(text).casefold())
    kept = "".join(mark for mark in bare if not unicodedata.combining(mark))
    return " ".join(_WORD.findall(kept.replace("'", "").replace("\u2019", "").replace("_", " ")))


def content_words(text: str) -> list[str]:
    """Return the stems of a text's words that carry meaning, in order."""
    return [word for word in stems(folded(text)) if word not in _STOP]


def stems(said: str) -> list[str]:
    """Return the words of a folded text without their endings."""
    found: list[str] = []
    for word in said.split():
        if _WIDE.search(word):
            # No spaces between words there: pairs of characters stand for them.
            found += [word[n : n + 2] for n in range(max(1, len(word) - 1))]
        else:
            found.append(_stem(word))
    return found


def _stem(word: str) -> str:
    if word in _STOP or word in _DENIALS or word.isdigit():
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > _STEM and word[-1] == word[-2] else word


def _without(text: str, pieces: list[str]) -> str:
    rest = plain(text)
    for piece in pieces:
        rest = rest.replace(piece, " ", 1)
    return rest
