"""Holds a conversation against rules: each broken rule is named, with the words or the call that break it, and who that was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from pointsman.evaluation.adherence.events import Called, Events, Said
from pointsman.evaluation.adherence.wording import mentions, promised, says

if TYPE_CHECKING:  # pydantic stays out of programs that grade by other rules
    from pointsman.evaluation.adherence.rules import Earlier, Rule, Rules, Value

_MISSING = object()
_SHOWN = 160


class Broken(msgspec.Struct, frozen=True):
    """A rule that is broken. ``evidence`` is what breaks it, ``speaker`` who said or did that."""

    rule: str
    speaker: str
    evidence: str
    why: str

    @property
    def text(self) -> str:
        """One line."""
        return f"{self.rule}: {self.speaker}: {self.evidence[:_SHOWN]} ({self.why})"


def check(rules: Rules, events: Events) -> tuple[list[Broken], int]:
    """Return the broken rules, each once, and how many rules had something to be about."""
    customer = "\n".join(one.text for one in events.said if one.speaker == "customer")
    broken, about = [], 0
    for rule in rules.rules:
        if rule.when_customer_says and not says(customer, rule.when_customer_says, ""):
            continue
        applied, found = _held(rule, events, customer)
        about += applied
        if found is not None:
            broken.append(found)
    return broken, about


def _held(rule: Rule, events: Events, customer: str) -> tuple[bool, Broken | None]:
    """Return whether the rule is about anything here, and how it is broken."""
    if rule.must_say:
        return _must_say(rule, events)
    if rule.call:
        calls = [call for call in events.calls if _is(call, rule.call) and _fits(call.arguments, rule.where)]
        return any(call.judged for call in calls), next(_calls_broken(rule, calls, events), None)
    return any(one.judged for one in events.said), next(_words_broken(rule, events, customer), None)


def _must_say(rule: Rule, events: Events) -> tuple[bool, Broken | None]:
    agent = [one for one in events.said if one.speaker == "agent"]
    if not events.ended or not any(one.judged for one in agent):
        return False, None  # more is to come
    if any(mentions(one.text, rule.must_say) for one in agent):
        return True, None
    return True, Broken(rule.name, "agent", agent[-1].text, f"does not say {' or '.join(map(repr, rule.must_say))}")


def _calls_broken(rule: Rule, calls: Sequence[Called], events: Events) -> Iterator[Broken]:
    for number, call in enumerate(calls, 1):
        if not call.judged and not rule.nothing_after:
            continue
        if rule.never and call.judged:
            yield _by(rule, call, "never allowed")
        elif rule.at_most is not None and number > rule.at_most:
            yield _by(rule, call, f"{number} such calls, {rule.at_most} allowed")
        elif rule.needs is not None and (why := _lacks(rule.needs, call.place, call.arguments, events)):
            yield _by(rule, call, why)
        elif rule.nothing_after:
            later = [
                one for one in events.calls if one.judged and one.place > call.place and _is(one, rule.nothing_after)
            ]
            yield from (_by(rule, one, f"after {call.name}") for one in later if call.well)


def _words_broken(rule: Rule, events: Events, customer: str) -> Iterator[Broken]:
    for one in events.said:
        if not one.judged or rule.says is None:
            continue
        found = _found(rule, one, events, customer)
        if found is None:
            continue
        if rule.needs is None:
            yield Broken(
                rule.name, "agent", found, "stands in no tool result" if rule.needs_result else "never to be said"
            )
        elif why := _lacks(rule.needs, one.place, {}, events):
            yield Broken(rule.name, "agent", found, why)


def _found(rule: Rule, one: Said, events: Events, customer: str) -> str | None:
    words = rule.says
    if words is None:
        return None
    if words.fact is None:
        return says(one.text, words.any_of, customer)
    known = [told.text for told in events.told if told.place < one.place] if rule.needs_result else []
    return promised(one.text, words.fact, known, customer)


def _lacks(needs: Earlier, place: int, arguments: Mapping[str, Any], events: Events) -> str | None:
    """Return why no earlier call is what is needed; None where one is. What is made in the same breath has no answer yet."""
    made = [call for call in events.calls if _is(call, needs.call)]
    names = " or ".join(needs.call)
    earlier = [call for call in made if call.place < place]
    if not earlier:
        return (
            f"{names} in the same breath, its answer not waited for"
            if any(c.place == place for c in made)
            else f"no {names} before"
        )
    well = [call for call in earlier if call.well and _fits(call.arguments, needs.where)]
    if not well:
        return f"{names} did not go well"
    if needs.result:
        well = [call for call in well if isinstance(call.result, dict) and _fits(call.result, needs.result)]
        if not well:
            return f"{names} did not return what is needed"
    same = [call for call in well if all(_at(call.arguments, name) == _at(arguments, name) for name in needs.same)]
    return None if same else f"{names} was about another {', '.join(needs.same)}"


def _is(call: Called, names: Sequence[str]) -> bool:
    return any(fnmatchcase(call.name, name) for name in names)


def _fits(values: Mapping[str, Any], wanted: Mapping[str, Value]) -> bool:
    return all(_holds(_at(values, path), value) for path, value in wanted.items())


def _at(values: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return _MISSING
        values = values[name]
    return values


def _holds(value: Any, wanted: Value) -> bool:
    if value is _MISSING:
        return False
    bounds = (wanted.over, wanted.under, wanted.at_least, wanted.at_most)
    if any(bound is not None for bound in bounds):
        number = _number(value)
        if number is None or not _within(number, wanted):
            return False
    if wanted.one_of and not any(_same(value, one) for one in wanted.one_of):
        return False
    return not any(_same(value, one) for one in wanted.not_one_of)


def _within(number: float, wanted: Value) -> bool:
    return (
        (wanted.over is None or number > wanted.over)
        and (wanted.under is None or number < wanted.under)
        and (wanted.at_least is None or number >= wanted.at_least)
        and (wanted.at_most is None or number <= wanted.at_most)
    )


def _number(value: Any) -> float | None:
    """Return a number, also out of "150" and "$1,200.50": a refund is no smaller for being written as text."""
    if isinstance(value, str):
        value = value.strip().lstrip("$€£").replace(",", "")
        try:
            return float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted) or (
        isinstance(wanted, str) and isinstance(value, str) and value.casefold() == wanted.casefold()
    )


def _by(rule: Rule, call: Called, why: str) -> Broken:
    arguments = msgspec.json.encode(call.arguments).decode()
    return Broken(rule.name, "agent", f"{call.name}({arguments[:_SHOWN]})", why)
