"""Whether words are said by who speaks: not denied, not asked, not quoted from somebody else, not put as a condition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from pointsman.execution.routes.facts import Fact, Key, facts, offered, plain, stands
from pointsman.execution.routes.phrases import folded

_SENTENCE: Final = re.compile(r"(?<=[!?])\s+|(?<=[^\d\s]\.)\s+|(?<=\d\.)\s+(?=[A-Z])|\n+")
_CLAUSE: Final = re.compile(r",\s|;\s|\s[-–—]\s|:\s|\s(?:and|but|so)\s", re.IGNORECASE)
_DENIED: Final = re.compile(
    r"\b(?:not|no|never|cannot|cant|dont|doesnt|didnt|isnt|arent|wont|couldnt|wouldnt|shouldnt|havent|hasnt|wasnt|werent|unable|without"
    r"|neither|nor)\b",
    re.IGNORECASE,
)
_THEIRS: Final = re.compile(
    r"\byou(?:['’]ve| have)? (?:\w+ )?(?:said|mention(?:ed)?|wrote|ask(?:ed)?|told|want(?:ed)?|need(?:ed)?|request(?:ed)?|say)\b"
    r"|\b(?:as you|your (?:message|request|note|words))\b",
    re.IGNORECASE,
)
_OPEN: Final = re.compile(r"\b(?:if|whether|unless|once|in case)\b", re.IGNORECASE)
_PROMISE: Final = re.compile(
    r"\b(?:will|shall|going to|by|arriv\w*|deliver\w*|expect\w*|ship\w*|receiv\w*|due|scheduled|get it|refund\w*|credit\w*"
    r"|ready|within|be there|pay back|guarantee\w*|promise\w*)\b|['’]ll\b",
    re.IGNORECASE,
)
_COUNT: Final = r"(?:\d{1,3}|one|two|three|four|five|six|seven|ten)"
_RELATIVE: Final = re.compile(
    r"\b(?:today|tomorrow|tonight|(?:by|on|next|this) (?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|(?:by |within |in |the )?next week"
    rf"|(?:in|within) (?:the next )?{_COUNT}(?:\s?(?:-|–|to)\s?\w{{1,6}})? "
    r"(?:business |working |calendar )?(?:hours?|days?|weeks?))\b",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"[\"“„«]([^\"“”„«»]{1,400})[\"”“»]")


def sentences(text: str) -> Iterator[str]:
    """Yield a text's sentences; quotation marks stay."""
    yield from (one for one in _SENTENCE.split(plain(text)) if one.strip())


def says(text: str, phrases: Sequence[str], customer: str) -> str | None:
    """Return the sentence that says one of the phrases, None where none does; ``customer`` is all that the customer said."""
    wanted = [f" {folded(phrase)} " for phrase in phrases]
    for sentence in sentences(text):
        own = _without_quotes(sentence, customer)
        if not any(_said(own, phrase) for phrase in wanted):
            continue
        # Each clause by itself: "we cannot refund, but I guarantee it" promises, and "I can't guarantee it" does not.
        clauses = _CLAUSE.split(own)
        if any(_said(own, phrase) and not any(_said(clause, phrase) for clause in clauses) for phrase in wanted):
            clauses.append(own)  # a phrase that itself goes over a comma
        for clause in clauses:
            if any(_said(clause, phrase) and not _open(clause, own, phrase) for phrase in wanted):
                return sentence.strip()
    return None


def mentions(text: str, phrases: Sequence[str]) -> bool:
    """Tell whether a text has one of the phrases, in whatever way it is meant."""
    said = f" {folded(text)} "
    return any(f" {folded(phrase)} " in said for phrase in phrases)


def promised(text: str, kind: str, known: Sequence[str], customer: str) -> str | None:
    """Return the sentence that promises a date or an amount which stands nowhere in ``known``; None where none does."""
    allowed: frozenset[Key] | None = None
    told: str | None = None
    for sentence in sentences(text):
        own = _without_quotes(sentence, customer)
        if not _PROMISE.search(own) or _open(own, own):
            continue
        near = _RELATIVE.search(own) if kind == "date" else None
        if near is not None:
            told = f" {folded(' '.join(known))} " if told is None else told
            if f" {folded(near.group())} " not in told:
                return sentence.strip()
        named = [fact for fact in facts(own) if _fits(fact, kind)]
        if named and allowed is None:
            allowed = offered(known)
        if any(not stands(fact, allowed or frozenset()) for fact in named):
            return sentence.strip()
    return None


def _fits(fact: Fact, kind: str) -> bool:
    return fact.kind == kind


def _said(text: str, phrase: str) -> bool:
    return phrase in f" {folded(text)} "


def _open(clause: str, sentence: str, phrase: str = "") -> bool:
    """Tell whether a clause is denied, asked, a condition, or the customer's. A "no" in the phrase itself denies nothing."""
    asked = sentence.rstrip().endswith("?")
    rest = f" {folded(clause)} ".replace(phrase, " ") if phrase else folded(clause)
    return asked or bool(_DENIED.search(rest) or _THEIRS.search(clause) or _OPEN.search(clause))


@lru_cache(maxsize=16)
def _known(text: str) -> str:
    """Return a long text folded; it is asked for with every sentence of a reply."""
    return folded(text)


def _without_quotes(sentence: str, customer: str) -> str:
    """Take out what stands in quotation marks and the customer said: who repeats it does not say it."""
    said = f" {_known(customer)} "
    return _QUOTED.sub(lambda found: " … " if f" {folded(found[1])} " in said else found[0], sentence)
