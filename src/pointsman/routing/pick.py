"""Takes a model for a course: pinned, held in a tool loop, or the best of its route, climbing when the route is empty."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from pointsman.domain.decision import TIERS, Exclusion, Reason
from pointsman.domain.money import in_dollars
from pointsman.errors import NoEligibleModel
from pointsman.routing.choice import Bench, Candidate, Order, Slate, rank
from pointsman.routing.course import Course, towards
from pointsman.routing.policy import Policy
from pointsman.routing.route_parts import summarizer, worker
from pointsman.routing.steps import Step

# Sorts after every known cost.
_UNKNOWN = float("inf")
_PLACE = {tier: place for place, tier in enumerate(TIERS)}


class Pick(msgspec.Struct, frozen=True):
    """A chosen model with its route, the reasons in order, all eligible candidates, and the fallbacks.

    ``rivals`` are the candidates it was chosen from, best first, itself included (none where nothing was chosen between).
    ``course`` is the course it was chosen on.
    """

    route: str
    chosen: Candidate
    reasons: tuple[Reason, ...]
    eligible: tuple[Candidate, ...]
    fallbacks: tuple[str, ...]
    rivals: tuple[Candidate, ...] = ()
    course: Course | None = None


class Picker:
    """Picks for one policy. Not changed after it is made."""

    def __init__(self, policy: Policy, bench: Bench) -> None:
        self._policy = policy
        self._bench = bench
        self._route_models = {route: policy.route_models(route) for route in policy.routes}
        self._sag = policy.context.effective == "prefer"

    def pinned(self, model: str, route: str, slate: Slate) -> Pick:
        """Take the model the client named, if it can serve the turn; never another in its place.

        Raises:
            NoEligibleModel: it cannot.
        """
        refusal = slate.refusal(model)
        if refusal is not None:
            raise NoEligibleModel(
                f"{model} cannot serve this turn: {refusal.text}. "
                "Ask for model auto or another model, or change that part of the request.",
                excluded=(refusal,),
            )
        reason = Reason("pin", "client", f"the client asked for {model}")
        chosen = slate.candidate(model)
        return Pick(route, chosen, (reason, *slate.remarks(chosen)), self._eligible_with(model, slate), ())

    def held(
        self, model: str, route: str | None, course: Course, slate: Slate
    ) -> tuple[Pick | None, tuple[Reason, ...]]:
        """Keep the model that is in the middle of a tool loop; a note instead where that cannot be."""
        if self._bench.catalog.find(model) is None:
            return None, (Reason("sticky", "tool_loop", f"{model} began this tool loop but is not in the catalogue"),)
        refusal = slate.refusal(model)
        if refusal is not None:
            text = f"{model} began this tool loop but cannot go on: {refusal.text}"
            return None, (Reason("sticky", "tool_loop", text),)
        reason = Reason("sticky", "tool_loop", f"a tool loop is open: {model} began it and goes on")
        chosen = slate.candidate(model)
        eligible = self._eligible_with(model, slate)
        fallbacks = self._fallbacks(chosen, eligible, course)
        known = route if route is not None and route in self._policy.routes else course.route
        return Pick(known, chosen, (reason, *slate.remarks(chosen)), eligible, fallbacks), ()

    def _eligible_with(self, model: str, slate: Slate) -> tuple[Candidate, ...]:
        """Return the policy's eligible models, and ``model`` even where the policy does not name it."""
        return tuple(slate.eligible(dict.fromkeys([*self._bench.models, model])))

    def steer(self, course: Course, step: Step) -> Course:
        """Turn a course to the tier or route for the predicted step, unless a floor or a pin stands against it."""
        sticky = self._policy.sticky
        is_tool = step.kind == "tool"
        target, other = (sticky.steps, sticky.synthesis) if is_tool else (sticky.synthesis, sticky.steps)
        if course.only is not None or target is None or other is None:
            return course
        kind, other_kind = ("a tool step", "the final answer") if is_tool else ("the final answer", "a tool step")
        text = f"predicted {kind} ({step.why}): {target}"
        if self._under_the_floor(target, course):
            note = Reason("sticky", "step", f"{text}, but a floor holds {course.route}")
            return msgspec.structs.replace(course, reasons=(*course.reasons, note))
        note = Reason("sticky", "step", text)
        steered = msgspec.structs.replace(
            towards(course, target, self._policy),
            reasons=(*course.reasons, note),
            decided_by=None,
        )
        if self._under_the_floor(other, course):
            return steered
        return msgspec.structs.replace(steered, otherwise=(other, f"the next step were predicted to be {other_kind}"))

    def _under_the_floor(self, target: str, course: Course) -> bool:
        if course.floor_rank is None:
            return False
        if target in self._policy.routes:
            return self._policy.rank(target) < course.floor_rank
        floor = self._floor_tier(course)
        return all(TIERS.index(self._bench.tier(name)) < floor for name in self._bench.group(target))

    def routed(self, course: Course, slate: Slate, notes: tuple[Reason, ...] = ()) -> Pick:
        """Take the best model of the course's route.

        Raises:
            NoEligibleModel: no model may serve the turn.
        """
        names = self.names(course)
        eligible = tuple(slate.eligible(self._bench.models))
        ranked = self.ranked(course, slate)
        reasons = [*course.reasons, *notes]
        if ranked:
            reasons += self._why_first(course, ranked)
        else:
            ranked, reason = self._climb(names, course, eligible)
            if reason is None:
                excluded = slate.excluded()
                raise NoEligibleModel(_explain_empty(course.route, excluded), excluded=excluded)
            reasons.append(reason)
        chosen = ranked[0]
        reasons += slate.remarks(chosen)
        fallbacks = self._fallbacks(chosen, eligible, course)
        return Pick(course.route, chosen, tuple(reasons), eligible, fallbacks, tuple(ranked), course)

    def ranked(self, course: Course, slate: Slate) -> list[Candidate]:
        """Return the eligible models of a course, best first; empty when there is none."""
        first = self._bench.group(course.first) if course.first is not None else ()
        return rank(slate.eligible(self.names(course)), self._order(course), first, sag=self._sag)

    def names(self, course: Course) -> tuple[str, ...]:
        """Return the models a course may take, in the policy's order."""
        if course.only is not None:
            return self._bench.group(course.only)
        names = self._route_models[course.route]
        if course.first is not None:
            names = tuple(dict.fromkeys([*self._bench.group(course.first), *names]))
        return names

    def _order(self, course: Course) -> Order:
        return self._policy.routes[course.route].choose

    def _why_first(self, course: Course, ranked: list[Candidate]) -> list[Reason]:
        chosen = ranked[0]
        if course.only is not None and course.only not in TIERS:
            return []
        order = self._order(course)
        group = f"tier {course.only}" if course.only else f"route {course.route}"
        if course.first is not None and chosen.model.id in self._bench.group(course.first):
            group = f"what the rule prefers ({course.first})"
        return [Reason("cost", order, _why(chosen, ranked, order, group) + self._beside(course.route))]

    def _beside(self, route: str) -> str:
        """Return what others do on this route, for the reason."""
        if (target := worker(self._policy, route)) is not None:
            planner = self._policy.routes[route].planner
            return f"; {'it' if planner is None else planner} plans, and {target} replies by the plan"
        if (target := summarizer(self._policy, route)) is not None:
            return f"; {target} condenses the long message first, and the rest is routed again"
        return ""

    def _climb(
        self, names: tuple[str, ...], course: Course, eligible: tuple[Candidate, ...]
    ) -> tuple[list[Candidate], Reason | None]:
        """Look beyond an empty route: its own tier first, then higher ones; lower ones only where no floor stands."""
        start = max((TIERS.index(self._bench.tier(name)) for name in names), default=0)
        order = [*range(start, len(TIERS))]
        if course.floor_rank is None or self._policy.fallback.below_floor:
            order += range(start - 1, -1, -1)
        for index in order:
            found = rank([c for c in eligible if c.tier == TIERS[index]], "cheapest", sag=self._sag)
            if found:
                word = "up to" if index > start else "down to" if index < start else "beside it in"
                wanted = f"no model of route {course.route}" if course.only is None else f"{course.only} is pinned, but"
                cannot = "can serve" if course.only is None else "cannot serve"
                text = f"{wanted} {cannot} this turn: {word} tier {TIERS[index]}"
                return found, Reason("eligibility", "climb" if index >= start else "degraded", text)
        return [], None

    def _fallbacks(self, chosen: Candidate, eligible: Iterable[Candidate], course: Course) -> tuple[str, ...]:
        """Order the others: same tier (another provider first), then higher tiers, then lower ones where none forbids."""
        others = [candidate for candidate in eligible if candidate.model.id != chosen.model.id]
        if not others:
            return ()
        here = _PLACE[chosen.tier]
        bottom = 0
        if course.floor_rank is not None and not self._policy.fallback.below_floor:
            bottom = min(here, self._floor_tier(course))

        def distance(candidate: Candidate) -> tuple[int, bool, bool, Decimal | float]:
            step = _PLACE[candidate.tier] - here
            away = step if step >= 0 else len(TIERS) - step
            sags = self._sag and candidate.beyond_effective
            cost = _UNKNOWN if candidate.cost is None else candidate.cost
            return away, candidate.model.provider == chosen.model.provider, sags, cost

        if bottom:
            others = [candidate for candidate in others if _PLACE[candidate.tier] >= bottom]
        others.sort(key=distance)
        return tuple([candidate.model.id for candidate in others])

    def _floor_tier(self, course: Course) -> int:
        """Return the lowest tier among the models of the routes that the floor allows."""
        floor = course.floor_rank or 0
        names = [n for route, ns in self._route_models.items() if self._policy.rank(route) >= floor for n in ns]
        return min((TIERS.index(self._bench.tier(name)) for name in names), default=0)


def _why(chosen: Candidate, ranked: list[Candidate], order: Order, group: str) -> str:
    name = chosen.model.id
    count = len(ranked)
    if count == 1:
        return f"{name} is the only model of {group} that can serve this turn{_price(chosen)}"
    if order == "listed":
        return f"{name} stands first among the {count} models of {group} that can serve this turn{_price(chosen)}"
    if chosen.cost is None:
        why = "no price is known for any" if all(c.cost is None for c in ranked) else "the policy lists it first"
        return f"{name}: its price is unknown; {why} of the {count} models of {group}"
    if order == "fastest":
        if chosen.model.ttft_p95_ms is not None:
            return f"{name} has the lowest known first-token time of {group}: {chosen.model.ttft_p95_ms:,.0f} ms (p95)"
        return f"{name} is the cheapest of {group}{_price(chosen)}; first-token times are unknown, so cost decided"
    held_back = [c for c in ranked[1:] if c.beyond_effective and c.cost is not None and c.cost < chosen.cost]
    note = f"; {held_back[0].model.id} is cheaper but its quality sags at this length" if held_back else ""
    return f"{name} costs least of {count} models of {group}{_price(chosen)}{note}"


def _price(candidate: Candidate) -> str:
    return "" if candidate.cost is None else f", about {in_dollars(candidate.cost)}"


def _explain_empty(route: str, excluded: tuple[Exclusion, ...]) -> str:
    listed = "; ".join(f"{item.model}: {item.text}" for item in excluded) or "the policy names no models"
    return f"No model can serve this turn on route {route} or above it. {listed}. Change the request or the policy."
