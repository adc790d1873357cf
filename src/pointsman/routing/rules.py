"""The rules of a policy, compiled once and asked of every turn: first match per kind."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from pointsman.domain.decision import Reason
from pointsman.domain.turn import Turn
from pointsman.routing.conditions import Condition, Reader, turn_fields
from pointsman.routing.policy import Policy
from pointsman.routing.sections import Rule

Kind = Literal["floor", "ceiling", "pin", "prefer"]
KINDS: tuple[Kind, ...] = ("floor", "ceiling", "pin", "prefer")
Values = dict[str, dict[str, Any]]


class Question(msgspec.Struct, frozen=True):
    """What rules can see of one turn, as data and as the evaluation context made from it."""

    values: Values
    context: Any


class Outcome(msgspec.Struct, frozen=True):
    """Which rule matched first, per kind, and what went wrong while asking."""

    floor: Rule | None = None
    ceiling: Rule | None = None
    pin: Rule | None = None
    prefer: Rule | None = None
    failures: tuple[Reason, ...] = ()

    def rules(self) -> tuple[Rule, ...]:
        """Return the matched rules, the strongest kind first."""
        found = (self.floor, self.ceiling, self.pin, self.prefer)
        return tuple(rule for rule in found if rule is not None)


class RuleSet:
    """All rules of a policy, ready to be asked. Not changed after it is made."""

    def __init__(self, policy: Policy) -> None:
        self._rules = tuple((rule, Condition(rule.when)) for rule in policy.rules)
        self._reader = Reader(condition for _, condition in self._rules)

    def question(self, turn: Turn, plain: dict[str, dict[str, Any]]) -> Question:
        """Return what the rules are asked about: built once per turn, since that costs more than the asking."""
        values = {**plain, "turn": turn_fields(turn)}
        return Question(values, self._reader.context(values))

    def ask(self, question: Question, *, without: str | None = None) -> Outcome:
        """Ask every rule, except the one called ``without``. A rule that fails counts as not matched, visibly."""
        context = question.context
        matched: dict[str, Rule] = {}
        failures: list[Reason] = []
        for rule, condition in self._rules:
            if rule.kind in matched or rule.name == without:
                continue
            try:
                if condition.holds(context):
                    matched[rule.kind] = rule
            except Exception as error:  # noqa: BLE001 - a rule must never take a turn down
                text = f"rule could not be asked and counts as not matched: {_short(error)}"
                failures.append(Reason("rule", rule.name, text))
        return Outcome(**matched, failures=tuple(failures))

    def matches(self, question: Question) -> list[str]:
        """Return the names of all rules that hold, whatever their kind: for checks and reports."""
        return [rule.name for rule, condition in self._rules if _holds(condition, question.context)]

    def evidence(self, name: str, question: Question) -> str:
        """Return the condition of the rule called ``name`` with the values it was asked about."""
        condition = next(condition for rule, condition in self._rules if rule.name == name)
        seen = [
            f"{signal}.{field} = {show(question.values[signal].get(field))}"
            for signal, fields in condition.uses.items()
            for field in sorted(fields or ())
        ]
        return f"{' '.join(condition.source.split())}; now {', '.join(seen)}"


def _holds(condition: Condition, context: Any) -> bool:
    try:
        return condition.holds(context)
    except Exception:  # noqa: BLE001 - as in ``ask``
        return False


def _short(error: Exception) -> str:
    kind = "no such key" if isinstance(error, KeyError) else "a value it compares is unknown or of another kind"
    return f"{kind} ({str(error).splitlines()[0][:80]})" if isinstance(error, KeyError) else kind


def show(value: Any) -> str:
    """Return a signal's value as conditions write it; unknown in words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "unknown"
    return f"'{value}'" if isinstance(value, str) else str(value)[:60]
