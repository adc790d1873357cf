"""From matched rules to a route: preference or default first, then ceiling, pin and floor; the floor wins."""

from __future__ import annotations

import msgspec

from pointsman.domain.decision import TIERS, Reason
from pointsman.routing.policy import Policy
from pointsman.routing.route_parts import GUARD
from pointsman.routing.rules import Outcome
from pointsman.routing.sections import RANK_ORDER, Rule


class Course(msgspec.Struct, frozen=True):
    """The route of a turn and what led to it.

    ``only`` names a tier or model that a rule pinned, ``first`` one that a rule prefers. ``floor_rank`` is the rank below
    which nothing may go (None: no floor). ``decided_by`` is the rule without which the route would have been another.
    ``otherwise`` is the tier or route the other prediction of the next step would have led to, and that prediction.
    """

    route: str
    reasons: tuple[Reason, ...] = ()
    only: str | None = None
    first: str | None = None
    floor_rank: int | None = None
    decided_by: str | None = None
    otherwise: tuple[str, str] | None = None


def plot(policy: Policy, outcome: Outcome, approval: bool) -> Course:
    """Return the course that ``outcome`` sets. ``approval``: the customer says yes to an open risky action."""
    leg = _Leg(policy)
    leg.start(outcome)
    if outcome.ceiling is not None:
        leg.lower(outcome.ceiling)
    if outcome.pin is not None:
        leg.pin(outcome.pin)
    if outcome.floor is not None:
        leg.lift(outcome.floor)
    if approval:
        leg.guard()
    return Course(leg.route, (*leg.reasons, *outcome.failures), leg.only, leg.first, leg.floor_rank, leg.decided_by)


def towards(course: Course, target: str, policy: Policy) -> Course:
    """Return the course turned to another route, or to a tier or model within its route."""
    if target in policy.routes:
        return msgspec.structs.replace(course, route=target, only=None)
    return msgspec.structs.replace(course, only=target)


def directed(course: Course, route: str, policy: Policy) -> Course:
    """Return the course turned to a route that was found out by other means than rules; never under a floor."""
    if course.floor_rank is not None and policy.rank(route) < course.floor_rank:
        return course
    return msgspec.structs.replace(course, route=route, first=None, decided_by=None)


class _Leg:
    """A course while it is being plotted."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.route = policy.default_route
        self.reasons: list[Reason] = []
        self.only: str | None = None
        self.first: str | None = None
        self.floor_rank: int | None = None
        self.decided_by: str | None = None

    def start(self, outcome: Outcome) -> None:
        rule = outcome.prefer
        if rule is not None:
            if rule.target in self.policy.routes:
                self.route = rule.target
                self.decided_by = rule.name
            else:
                self.first = rule.target
            self.reasons.append(_reason(rule, f"prefers {rule.target}"))
        elif not outcome.rules():
            text = f"nothing recognised: default route {self.route}"
            self.reasons.append(Reason("default", "default_route", text))

    def lower(self, rule: Rule) -> None:
        if self.rank(self.route) > self.rank(rule.target):
            self.reasons.append(_reason(rule, f"at most {rule.target}, so not {self.route}"))
            self.move(rule.target, rule.name)
        else:
            self.reasons.append(_reason(rule, f"at most {rule.target}; {self.route} keeps to that"))

    def pin(self, rule: Rule) -> None:
        if rule.target in self.policy.routes:
            self.reasons.append(_reason(rule, f"pins {rule.target}"))
            self.move(rule.target, rule.name)
        else:
            self.only = rule.target
            what = "tier" if rule.target in TIERS else "model"
            self.reasons.append(_reason(rule, f"pins the {what} {rule.target}"))

    def lift(self, rule: Rule) -> None:
        self.floor_rank = self.rank(rule.target)
        if self.rank(self.route) < self.floor_rank:
            self.reasons.append(_reason(rule, f"at least {rule.target}, so not {self.route}"))
            self.move(rule.target, rule.name)
            # A safety floor outranks a pinned or preferred tier or model of a lower route.
            self.only = self.first = None
        else:
            self.reasons.append(_reason(rule, f"at least {rule.target}; {self.route} keeps to that"))

    def guard(self) -> None:
        wanted = self.policy.safety.approval_floor
        if wanted == "off":
            return
        floor = RANK_ORDER[wanted]
        text = f"a yes to an open risky action goes at least to {wanted}"
        if self.rank(self.route) < floor:
            higher = [name for name in self.policy.routes if self.rank(name) >= floor]
            target = min(higher, key=self.rank, default=max(self.policy.routes, key=self.rank))
            effect = f", so not {self.route}" if target != self.route else ", but this policy has no such route"
            self.reasons.append(Reason("rule", GUARD, text + effect))
            self.only = self.first = None
            self.move(target, GUARD)
        else:
            self.reasons.append(Reason("rule", GUARD, f"{text}; {self.route} keeps to that"))
        self.floor_rank = max(self.floor_rank or 0, min(floor, self.rank(self.route)))

    def move(self, route: str, by: str) -> None:
        if route != self.route:
            self.decided_by = by
        self.route = route

    def rank(self, route: str) -> int:
        return self.policy.rank(route)


def _reason(rule: Rule, effect: str) -> Reason:
    why = f" ({rule.reason.rstrip('.')})" if rule.reason else f" ({rule.when.strip()})"
    return Reason("rule", rule.name, f"{effect}{why}")
