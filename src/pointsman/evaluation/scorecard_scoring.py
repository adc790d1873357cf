"""Applies a scorecard: to a reply, wherever it comes from, and to the plan that was made for it."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from pointsman.domain.message import Text
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case
from pointsman.evaluation.graders.registry import grader
from pointsman.evaluation.judges.seam import Judge
from pointsman.evaluation.scorecard_evidence import Said, reply_of
from pointsman.evaluation.scorecard_marks import NO_EVIDENCE, Mark, Quote, Scored, Status, add_up
from pointsman.evaluation.scorecards import Block, Card, Category, Criterion, PlanField, Says, compiled

_NO_JUDGE = "no judge was asked"
_AROUND = 60
"""Characters of a quote beside the words that were found."""


def version_with(card: Card, judge: Judge | None) -> str:
    """Return the version that marks are kept under: the card's, and where a judge is asked, that of its prompt."""
    return (
        f"{card.version}+{judge.version}" if judge is not None and (card.asks or card.asks_of_plans) else card.version
    )


async def score_reply(card: Card, case: Case, answer: Answer, judge: Judge | None = None) -> Scored:
    """Apply a card to an answer. Criteria that ask a judge are unknown where there is none, or where it cannot be read.

    No reply fails every criterion, as it fails the graders: who drops out when it is hard must not look better for it.
    """
    reply = reply_of(answer)
    if reply is None:
        marks = [
            Mark(one.name, category.name, "fail", reason=f"no_answer: {answer.error or 'there is no reply'}"[:300])
            for category in card.categories
            for one in category.criteria
        ]
        return _scored(card, card, marks, judge if card.asks else None)
    said = Said(case.turn, reply)
    marks = []
    for category in card.categories:
        for one in category.criteria:
            if one.ask is not None:
                marks.append(await _asked(one, category, case.turn, reply, judge))
            elif one.says is not None:
                marks.append(_spoken(one, one.says, category, said))
            else:
                marks.append(_ruled(one, category, case, answer))
    return _scored(card, card, marks, judge if card.asks else None)


async def score_plan(card: Card, prefix: Turn, plan: dict[str, Any], judge: Judge | None = None) -> Scored | None:
    """Apply a card's criteria for plans to a plan; None where it has none."""
    if card.plan is None:
        return None
    text = msgspec.json.encode(plan).decode()
    as_reply = Reply("", "", (Text(text),), "end_turn")
    marks = []
    for category in card.plan.categories:
        for one in category.criteria:
            if one.ask is not None:
                marks.append(await _asked(one, category, prefix, as_reply, judge))
            elif one.field is not None:
                marks.append(_field(one, one.field, category, plan))
    return _scored(card, card.plan, marks, judge if card.asks_of_plans else None)


def _scored(card: Card, block: Block, marks: list[Mark], judge: Judge | None) -> Scored:
    passed, score = add_up(block, marks)
    costs = [mark.cost_usd for mark in marks]
    cost = None if None in costs else sum((one for one in costs if one is not None), Decimal(0))
    author = "" if judge is None else judge.model
    return Scored(card.name, version_with(card, judge), author, passed, score, tuple(marks), cost)


def _ruled(one: Criterion, category: Category, case: Case, answer: Answer) -> Mark:
    grade = grader(one.rule or "").grade(case, answer)
    status: Status = "not_applicable" if grade.passed is None else "pass" if grade.passed else "fail"
    reason = ": ".join(filter(None, (grade.kind, grade.text[:300])))
    return Mark(one.name, category.name, status, reason=reason)


def _spoken(one: Criterion, says: Says, category: Category, said: Said) -> Mark:
    texts = said.reply if says.in_reply else said.by(says.speaker)
    if not texts:
        return Mark(one.name, category.name, "not_applicable", reason=f"the {says.speaker} says nothing")
    quotes: list[Quote] = []
    missing: list[str] = []
    for phrase in says.all_of:
        _look(phrase, texts, says.speaker, quotes, missing)
    if says.any_of and not any(_look(phrase, texts, says.speaker, quotes, []) for phrase in says.any_of):
        missing.append(f"any of: {', '.join(says.any_of)}")
    if says.matches is not None:
        found = next((hit for text in texts if (hit := compiled(says.matches).search(text))), None)
        if found is None:
            missing.append(f"matches {says.matches}")
        elif found[0]:
            quotes.append(Quote(says.speaker, found[0][:300]))
    banned: list[Quote] = []
    for phrase in says.none_of:
        _look(phrase, texts, says.speaker, banned, [])
    reason = "; ".join(
        filter(None, (f"not said: {', '.join(missing)}" if missing else "", "said what it must not" if banned else ""))
    )
    status: Status = "fail" if missing or banned else "pass"
    return Mark(one.name, category.name, status, quotes=tuple(banned or quotes), reason=reason[:500])


def _look(phrase: str, texts: tuple[str, ...], speaker: str, quotes: list[Quote], missing: list[str]) -> bool:
    """Find a phrase in what a speaker said; a phrase that begins or ends with a letter stands as a word of its own."""
    for text in texts:
        found = _phrase(phrase).search(text)
        if found is not None:
            quotes.append(Quote(speaker, text[max(0, found.start() - _AROUND) : found.end() + _AROUND]))
            return True
    missing.append(phrase)
    return False


@lru_cache(maxsize=2048)
def _phrase(phrase: str) -> re.Pattern[str]:
    words = r"\s+".join(re.escape(word) for word in phrase.split())
    start = r"(?<!\w)" if phrase.strip()[:1].isalnum() else ""
    end = r"(?!\w)" if phrase.strip()[-1:].isalnum() else ""
    return re.compile(f"{start}{words}{end}", re.IGNORECASE)


def _field(one: Criterion, field: PlanField, category: Category, plan: dict[str, Any]) -> Mark:
    value = plan.get(field.name)
    shown = msgspec.json.encode(value).decode()[:300]
    filled = value not in (None, "", [], {})
    holds = field.filled is None or filled == field.filled
    if field.one_of:
        holds = holds and any(
            value == wanted and isinstance(value, bool) == isinstance(wanted, bool) for wanted in field.one_of
        )
    if field.at_least is not None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        holds = holds and number and value is not None and value >= field.at_least
    return Mark(one.name, category.name, "pass" if holds else "fail", reason=f"{field.name} is {shown}")


async def _asked(one: Criterion, category: Category, prefix: Turn, reply: Reply, judge: Judge | None) -> Mark:
    if judge is None:
        return Mark(one.name, category.name, "unknown", "judge", reason=_NO_JUDGE)
    found = await judge.decide(prefix, reply, one.ask or "")
    status: Status = "unknown" if found.truth == "unknown" else "pass" if found.truth == one.answer else "fail"
    if found.error is not None:
        return Mark(one.name, category.name, "unknown", "judge", reason=found.error, cost_usd=found.cost_usd)
    quotes: tuple[Quote, ...] = ()
    reason = found.reason
    if found.quote.strip():
        quote = Said(prefix, reply).quote(found.quote, found.speaker)
        if quote is None or one.evidence not in (None, quote.speaker):
            # Who invents what was said is not believed in what follows from it.
            status, reason = "unknown", f"{NO_EVIDENCE}: {reason}"
        else:
            quotes = (quote,)
    elif status != "unknown" and one.evidence is not None:
        status, reason = "unknown", f"{NO_EVIDENCE}: {reason}"
    return Mark(one.name, category.name, status, "judge", quotes, reason[:500], found.cost_usd)
