"""The parts of a route beside the model that answers: planner, worker, summarizer, verifier; and where a policy names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pointsman.catalog.located_yaml import Place
from pointsman.routing.sections import RANK_ORDER, Verify

if TYPE_CHECKING:
    from pointsman.domain.decision import Decision
    from pointsman.routing.policy import Policy

GUARD: Final = "approval-guard"
"""Name of the reason that a yes to an open risky action gives."""
NONE: Final = "none"
"""Written for a part that the route shall not have."""
PLAN: Final = "plan"
SUMMARIZE: Final = "summarize"
_SMALL: Final = "small"
_PARTS: Final = ("planner", "worker", "summarizer")


def worker(policy: Policy, route: str) -> str | None:
    """Return the tier or model that replies by a plan; None where the route does not plan."""
    return _part(policy, route, "worker", PLAN)


def summarizer(policy: Policy, route: str) -> str | None:
    """Return the tier or model that condenses long messages; None where the route reads them as they are."""
    return _part(policy, route, "summarizer", SUMMARIZE)


def verify(policy: Policy, route: str) -> Verify | None:
    """Return how tool calls of a route are checked; None where they are not."""
    spec = policy.routes.get(route)
    return None if spec is None else spec.verify


def _part(policy: Policy, route: str, field: str, built_in: str) -> str | None:
    spec = policy.routes.get(route)
    if spec is None:
        return None
    said: str | None = getattr(spec, field)
    if said is None and route == built_in and policy.tiers.small:
        said = _SMALL
    return None if said == NONE else said


def helper_places(policy: Policy) -> list[tuple[Place, str]]:
    """Return every place where a route names a tier or model for one of its parts."""
    found: list[tuple[Place, str]] = []
    for name, route in policy.routes.items():
        found += [
            (("routes", name, field), target)
            for field in _PARTS
            if (target := getattr(route, field)) is not None and target != NONE
        ]
        if route.verify is not None and route.verify.agreement is not None:
            found.append((("routes", name, "verify", "agreement"), route.verify.agreement))
    if policy.llm_router is not None:
        found.append((("llm_router", "model"), policy.llm_router.model))
    return found


def idle_keys(policy: Policy) -> list[tuple[Place, str]]:
    """Return keys that would change nothing where they stand, with the sentence that says so."""
    found: list[tuple[Place, str]] = []
    for name, route in policy.routes.items():
        given = route.model_fields_set
        if worker(policy, name) is None:
            found += [
                (("routes", name, key), "is for routes that plan: write worker: small (or another tier or model) too")
                for field, key in (("planner", "planner"), ("plan_schema", "schema"))
                if field in given
            ]
        if summarizer(policy, name) is None:
            found += [
                (("routes", name, field), "is for routes that condense: write summarizer: small (or another) too")
                for field in ("summary_tokens", "keep")
                if field in given
            ]
        checks = route.verify
        if checks is not None and not (checks.arguments or checks.grounding or checks.agreement):
            found.append((("routes", name, "verify"), "checks nothing: turn on schema, grounding or agreement"))
    return found


def floor_of(policy: Policy, decision: Decision) -> int:
    """Return the rank below which the rules that held for a decision let nothing go; 0 where none set a floor."""
    floors = {rule.name: policy.rank(rule.target) for rule in policy.rules if rule.kind == "floor"}
    held = [floors.get(reason.name, 0) for reason in decision.reasons if reason.kind == "rule"]
    guarded = any(reason.kind == "rule" and reason.name == GUARD for reason in decision.reasons)
    if guarded and policy.safety.approval_floor != "off":
        held.append(RANK_ORDER[policy.safety.approval_floor])
    return max(held, default=0)
