"""What a summary must not lose: hard facts and commitments of the original, and the words around those that are missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from pointsman.execution.routes.facts import Fact, Kind, facts, offered, plain, stands
from pointsman.execution.routes.phrases import mentions

_KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "ids": ("id",),
    "amounts": ("amount", "percent"),
    "dates": ("date", "time"),
    "addresses": ("email", "url"),
}
_SENTENCE: Final = re.compile(r"[^.!?\n]*(?:[.!?](?=\S)[^.!?\n]*)*[.!?]*")
_COMMITMENT: Final = re.compile(
    r"\b(?:promis\w+|guarante\w+|commit(?:ted|ment)\w*|agreed (?:to|that)|assured|undertak\w+"
    r"|will be (?:refunded|replaced|sent|paid|credited|delivered|called)"
    r"|(?:i|we)(?:'ll|’ll| will| shall) (?:refund|replace|send|pay|credit|deliver|call|come back|reply|return|fix|waive)"
    r"|versproch\w+|zugesagt|zugesichert|garantier\w+|promet\w+|promis|garanti\w*|prometid\w*)\b",
    re.IGNORECASE,
)
_AROUND: Final = 60
_LONGEST: Final = 300
_MOST_COMMITMENTS: Final = 12


class Survival(msgspec.Struct, frozen=True):
    """What a summary lost: the facts as they were written, and passages of the original that bring them back."""

    missing: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()


def important(text: str, keep: Iterable[str]) -> tuple[Fact, ...]:
    """Return the facts of ``text`` that the policy wants kept."""
    kinds = {kind for name in keep for kind in _KINDS.get(name, ())}
    return tuple(fact for fact in facts(text) if fact.kind in kinds)


def survived(original: str, summary: str, keep: Sequence[str]) -> Survival:
    """Return what of ``original`` is not in ``summary``."""
    text = plain(original)
    known = offered([summary])
    lost = [fact for fact in important(original, keep) if not stands(fact, known)]
    passages = _passages(text, lost)
    missing = list(dict.fromkeys(fact.raw for fact in lost))
    if "commitments" in keep:
        broken = [one for one in _commitments(text) if not mentions(summary, one, whole=True)]
        passages += [sentence for sentence in broken if not any(sentence in passage for passage in passages)]
        missing += [f"commitment: {sentence[:80]}" for sentence in broken]
    return Survival(tuple(missing), tuple(dict.fromkeys(passages)))


def invented(original: str, summary: str) -> tuple[str, ...]:
    """Return ids, amounts and addresses of ``summary`` that stand nowhere in ``original``, as they are written."""
    known = offered([original])
    return tuple(
        dict.fromkeys(
            fact.raw for fact in important(summary, ("ids", "amounts", "addresses")) if not stands(fact, known)
        )
    )


def own_words(text: str) -> tuple[str, str]:
    """Return what stays of a customer's own long message: how it begins, and its questions with how it ends."""
    sentences = [found for one in _SENTENCE.findall(text) if (found := one.strip())]
    if len(sentences) <= 4:  # noqa: PLR2004 - nothing between beginning and end
        return "", ""
    head, tail = sentences[:2], sentences[-2:]
    questions = list(dict.fromkeys(one for one in sentences[2:-2] if one.endswith("?")))[-3:]
    return " ".join(map(_cut, head)), " ".join(map(_cut, [*questions, *tail]))


def _commitments(text: str) -> list[str]:
    """Return the sentences in which somebody commits themselves, each once."""
    found: dict[str, None] = {}
    for match in _COMMITMENT.finditer(text):
        start = max(text.rfind(mark, 0, match.start()) for mark in ".!?\n") + 1
        ends = [place for mark in (". ", "! ", "? ", "\n") if (place := text.find(mark, match.end())) >= 0]
        found[_cut(text[start : min(ends, default=len(text)) + 1].strip())] = None
        if len(found) == _MOST_COMMITMENTS:
            break
    return list(found)


def _passages(text: str, lost: Sequence[Fact]) -> list[str]:
    """Return the words around lost facts; neighbours share a passage, repeated facts have one."""
    spans: list[list[int]] = []
    seen: set[str] = set()
    for fact in lost:
        if fact.raw in seen:
            continue
        seen.add(fact.raw)
        start, end = max(0, fact.start - _AROUND), fact.start + len(fact.raw) + _AROUND
        if spans and start <= spans[-1][1]:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [_whole_words(text, start, end) for start, end in spans]


def _whole_words(text: str, start: int, end: int) -> str:
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return " ".join(text[start:end].split())


def _cut(sentence: str) -> str:
    return sentence if len(sentence) <= _LONGEST else sentence[: _LONGEST - 1] + "…"
