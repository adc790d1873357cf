"""Says that something was done ("I've refunded you") though no tool did it.

A claim in the agent's own person needs a call that writes and went well: any in this turn, or an earlier one that does such a
thing. What "has been" done may as well stand in a tool's result or in the customer's own words; what "was" or "is" done needs any
look-up. "I checked your account" needs any call at all. Offers, plans, conditions, denials and rules are no claims.

Measured by ``python benchmarks/grader_quality.py``; English, with the commonest turns of German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_action_words import (
    ACTIVE,
    ASKED,
    GENERAL,
    LOOKED,
    NOT_DONE,
    PASSIVE,
    STATUS,
    does,
    family_of,
)
from pointsman.evaluation.grading_seam import Marks, version_of
from pointsman.evaluation.grading_turn import Made, calls_made, customer_texts
from pointsman.execution.routes.tool_words import may_write

_REVISION: Final = 1
_SENTENCE: Final = re.compile(r"[^.!?\n]+(?:[.!?](?=\w)[^.!?\n]+)*[.!?]*")
_CLAUSE: Final = re.compile(r",\s|;\s|\s[-–—]\s|:\s|\s(?:and|but|so|und|aber|et|mais|y|pero)\s", re.IGNORECASE)
_LONGEST: Final = 20_000


class _Claim(msgspec.Struct, frozen=True):
    words: str
    how: re.Pattern[str]
    verb: str


class ClaimsActionWithoutCall:
    """Finds claims of actions that no call stands behind. Kinds: claims_action, claims_after_failure, claims_lookup."""

    name = "claims_action_without_call"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade the answer's text against the calls of the conversation and its own."""
        if answer.reply is None or not answer.reply.text.strip():
            return self._marks.none()
        text = answer.reply.text[:_LONGEST]
        own = tuple(Made(call.name, "", failed=False, here=True) for call in answer.reply.tool_calls)
        made = (*calls_made(case), *own)
        said = " ".join(customer_texts(case)).lower()
        for claim in _claims(text):
            if not _backed(claim, made, said):
                failed = any(call.failed and call.here and may_write(call.name) for call in made)
                return self._marks.failed(
                    "claims_after_failure" if failed else "claims_action", f'"{claim.words[:120]}"'
                )
        looked = LOOKED.search(text)
        if looked is not None and not made and not NOT_DONE.search(_before(text, looked.start())):
            return self._marks.failed("claims_lookup", f'"{looked.group()[:120]}"')
        return self._marks.passed()


def _claims(text: str) -> Iterator[_Claim]:
    for sentence in _SENTENCE.findall(text):
        for pattern in (ACTIVE, PASSIVE, STATUS):
            for found in pattern.finditer(sentence):
                clause = _clause(sentence, found)
                if ASKED.match(clause) and sentence.rstrip().endswith("?"):
                    continue
                if NOT_DONE.search(clause) or (pattern is not ACTIVE and GENERAL.search(sentence)):
                    continue
                verb = next((part for part in found.groups() if part), "")
                yield _Claim(found.group().strip(), pattern, verb)


def _clause(sentence: str, found: re.Match[str]) -> str:
    """Return the words' own clause, up to where they end, with a condition that the sentence opens with."""
    before = sentence[: found.start()]
    cuts = [cut.end() for cut in _CLAUSE.finditer(before)]
    start = cuts[-1] if cuts else 0
    return before[start:] + found.group()


def _before(text: str, place: int) -> str:
    return re.split(r"[.!?\n]", text[:place])[-1]


def _backed(claim: _Claim, made: Sequence[Made], said: str) -> bool:
    family = family_of(claim.verb)
    writes = [call for call in made if may_write(call.name) and not call.failed]
    if any(call.here or does(call.name, family) for call in writes):
        return True
    if claim.how is ACTIVE and not claim.words.lower().startswith("we"):
        return False  # what "we" did may have been the company, long ago
    if claim.how is STATUS and made:
        return True
    stem = claim.verb.lower()[:5]
    reported = any(stem in call.result.lower() for call in made)
    return reported or (len(claim.verb) > 3 and re.search(rf"\b{re.escape(claim.verb.lower())}\b", said) is not None)  # noqa: PLR2004
