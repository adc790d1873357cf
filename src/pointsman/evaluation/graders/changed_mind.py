"""Honours a changed mind: the value the customer said last is used, not the one said before.

Read from the gold: a value that is right and stands in the customer's later words, where an earlier message names another one. A
call that uses the earlier value has lost the change; so has a reply that names the earlier value without the later one. A case
can say so itself by the tags ``changed_from`` and ``changed_to``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case, GoldCall
from pointsman.evaluation.grading_calls import WrittenCall, calls_of
from pointsman.evaluation.grading_seam import Marks, version_of
from pointsman.evaluation.grading_turn import customer_texts
from pointsman.evaluation.grading_values import identical, properties_of, value_fault
from pointsman.execution.routes.facts import Key, facts
from pointsman.execution.routes.phrases import folded

_REVISION: Final = 1
_TURNED: Final = re.compile(
    r"\b(?:actually|instead|rather|on second thought|make (?:it|that)|changed? my mind|change (?:it|that) to"
    r"|no,? wait|wait|sorry,? i me?an"
    r"|i meant|scratch that|never ?mind|correction|not the|let['’]s (?:do|go|make)|better|doch lieber|lieber"
    r"|stattdessen|eigentlich|plutôt"
    r"|en fait|mejor|en realidad|perdón)\b",
    re.IGNORECASE,
)


class ChangedMind:
    """Kinds: stale_value (the earlier value was used), lost_value (neither was). No say where nobody changed their mind."""

    name = "changed_mind"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade the calls, or the text where the case names the change."""
        said = customer_texts(case)
        written = calls_of(answer)
        if written is None or case.gold is None:
            return self._marks.none()
        old, new = case.tags.get("changed_from"), case.tags.get("changed_to")
        if old and new and not written.calls:
            return self._text(answer, old, new)
        turned = (old is not None and new is not None) or any(_TURNED.search(text) for text in said)
        if not turned:
            return self._marks.none()
        found = False
        for gold in case.gold.calls:
            call = _closest(gold, written.calls)
            for name, values in gold.arguments.items():
                rivals = [old] if old and new in values else _rivals(said, values)
                if not rivals:
                    continue
                found = True
                fault = self._fault(case, gold, call, name, rivals)
                if fault is not None:
                    return fault
        return self._marks.passed() if found else self._marks.none()

    def _fault(
        self, case: Case, gold: GoldCall, call: WrittenCall | None, name: str, rivals: Sequence[Any]
    ) -> Grade | None:
        given = call.arguments.get(name) if call is not None and isinstance(call.arguments, dict) else None
        root = next((tool.parameters for tool in case.turn.tools if tool.name == gold.name), {})
        values = gold.arguments[name]
        schema = properties_of(root, root).get(name, {})
        right = any(_equal(given, one) for one in values)
        if right or (given is not None and value_fault(given, values, name, schema, root) is None):
            return None
        stale = given is not None and any(_same(given, rival) for rival in rivals)
        what = f"{gold.name}/{name} = {given!r}, wanted {values[0]!r}"[:200]
        return self._marks.failed("stale_value" if stale else "lost_value", what)

    def _text(self, answer: Answer, old: str, new: str) -> Grade:
        text = folded(answer.reply.text) if answer.reply is not None else ""
        if not text:
            return self._marks.none()
        has_old, has_new = (f" {folded(value)} " in f" {text} " or _names(answer, value) for value in (old, new))
        if has_new:
            return self._marks.passed()
        return self._marks.failed("stale_value" if has_old else "lost_value", f"{new} is not honoured")


def _names(answer: Answer, value: str) -> bool:
    keys = _keys(value)
    return bool(keys) and answer.reply is not None and not keys.isdisjoint(_keys(answer.reply.text))


def _equal(given: Any, right: Any) -> bool:
    """Numbers are one value here, whole or not: their type is for the strict grader to judge."""
    numbers = isinstance(given, int | float) and isinstance(right, int | float)
    return numbers and not isinstance(given, bool) and bool(given == right)


def _closest(gold: GoldCall, calls: Sequence[WrittenCall]) -> WrittenCall | None:
    """Return the call of this tool with most arguments right."""
    same = [call for call in calls if call.name in (gold.name, gold.name.replace(".", "_"))]

    def right(call: WrittenCall) -> int:
        given = call.arguments if isinstance(call.arguments, dict) else {}
        return sum(
            name in given and any(identical(given[name], one) for one in values)
            for name, values in gold.arguments.items()
        )

    return max(same, key=right, default=None)


def _rivals(said: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """Return values of the same kind that the customer named before the right one, and not since."""
    places = [place for place, text in enumerate(said) if any(_in(text, value) for value in values)]
    if not places:
        return []
    last = places[-1]
    own = {key for value in values for key in _keys(str(value))}
    kinds = {key[0] for key in own}
    # In one message the later words count: "the 3rd, no wait, the 5th".
    before = [*said[:last], _up_to(said[last], values)]
    return [key for text in before for key in _ordered(text) if key[0] in kinds and key not in own] or _words_before(
        before, values
    )


def _words_before(before: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """Return the earlier texts themselves where the right value is a word: any other word said there may be the rival."""
    words = all(isinstance(value, str) and not _keys(value) for value in values)
    return list(before) if words and any(text.strip() for text in before) else []


def _up_to(text: str, values: Sequence[Any]) -> str:
    low = text.lower()
    places = [low.rfind(str(value).lower()) for value in values]
    place = max(places, default=-1)
    return text[:place] if place > 0 else ""


def _ordered(text: str) -> Iterator[Key]:
    for fact in facts(text):
        yield from fact.needs


def _keys(text: str) -> frozenset[Key]:
    return frozenset(key for fact in facts(text) for key in (*fact.needs, *fact.offers))


def _in(text: str, value: Any) -> bool:
    keys = _keys(str(value))
    if keys:
        return not keys.isdisjoint(_keys(text))
    return f" {folded(str(value))} " in f" {folded(text)} "


def _same(given: Any, rival: Any) -> bool:
    if isinstance(rival, tuple):
        return rival in _keys(str(given))
    return f" {folded(str(given))} " in f" {folded(str(rival))} "
