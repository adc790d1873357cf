"""The choice that came second, and what would have made it first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pointsman.domain.decision import RunnerUp
from pointsman.domain.money import in_dollars
from pointsman.routing.choice import Candidate, Slate
from pointsman.routing.course import Course, plot, towards
from pointsman.routing.pick import Pick, Picker
from pointsman.routing.policy import Policy
from pointsman.routing.route_parts import GUARD
from pointsman.routing.rules import Outcome, Question, RuleSet


class RunnerUps:
    """Finds runners-up for one policy. Not changed after it is made."""

    def __init__(self, policy: Policy, rules: RuleSet, picker: Picker) -> None:
        self._policy = policy
        self._rules = rules
        self._picker = picker

    def find(  # noqa: PLR0913, PLR0917 - what the decision was made from
        self,
        pick: Pick,
        course: Course,
        outcome: Outcome,
        question: Question,
        slate: Slate,
        plain: Mapping[str, Mapping[str, Any]],
    ) -> RunnerUp | None:
        """Return what nearly happened: the route without its deciding rule, else the next model of the same route."""
        if pick.course is None:
            return self._without_the_hold(pick, course, slate)
        course = pick.course
        for other, flips_if in self._other_courses(course, outcome, question, plain):
            ranked = self._picker.ranked(other, slate)
            if ranked and ranked[0].model.id != pick.chosen.model.id:
                return _runner_up(other.route, ranked[0], flips_if)
        if len(pick.rivals) > 1:
            second = pick.rivals[1]
            return _runner_up(pick.route, second, _gap(pick.chosen, second, self._policy.routes[pick.route].choose))
        return None

    def _without_the_hold(self, pick: Pick, course: Course, slate: Slate) -> RunnerUp | None:
        """For a model that the client pinned or a tool loop holds: what the rules would have taken."""
        ranked = [c for c in self._picker.ranked(course, slate) if c.model.id != pick.chosen.model.id]
        if not ranked:
            return None
        by_client = pick.reasons[0].kind == "pin"
        flips_if = "the client had asked for model auto" if by_client else "no tool loop were open"
        return _runner_up(course.route, ranked[0], flips_if)

    def _other_courses(
        self, course: Course, outcome: Outcome, question: Question, plain: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[Course, str]]:
        """Yield courses that one change would have set, each with that change."""
        if course.otherwise is not None:
            target, flips_if = course.otherwise
            yield towards(course, target, self._policy), flips_if
            return
        approval = plain["history"]["approval"]
        rule_name = course.decided_by
        if rule_name == GUARD:
            yield plot(self._policy, outcome, approval=False), "this were not a yes to an open risky action"
            return
        if rule_name is not None:
            other = plot(self._policy, self._rules.ask(question, without=rule_name), approval)
            yield other, f"rule {rule_name!r} did not hold: {self._rules.evidence(rule_name, question)}"
            return
        floor = course.floor_rank or 0
        for rule in self._policy.rules:
            target = rule.target
            if rule.kind != "prefer" or target == course.route or target not in self._policy.routes:
                continue
            if self._policy.rank(target) >= floor:
                yield Course(target), f"rule {rule.name!r} held: {self._rules.evidence(rule.name, question)}"


def _runner_up(route: str, candidate: Candidate, flips_if: str) -> RunnerUp:
    return RunnerUp(route, candidate.model.id, candidate.cost, flips_if)


def _gap(first: Candidate, second: Candidate, choose: str) -> str:
    if choose == "listed":
        return f"{second.model.id} stood before {first.model.id} in the policy"
    if choose == "fastest" and first.model.ttft_p95_ms is not None:
        return f"its first-token time were known and below {first.model.ttft_p95_ms:,.0f} ms"
    if first.cost is None or second.cost is None:
        return "its price were known and lower"
    if second.cost < first.cost:
        return f"{first.model.id} were not preferred: it costs {in_dollars(first.cost - second.cost)} more per turn"
    return f"it cost {in_dollars(second.cost - first.cost)} less per turn"
