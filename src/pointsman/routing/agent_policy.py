"""The policy as one agent sees it: only its routes, and its own tiers for tool steps and for the final reply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pointsman.catalog.located_yaml import Place
from pointsman.domain.decision import TIERS
from pointsman.routing.conditions import near
from pointsman.routing.policy_errors import Problem
from pointsman.routing.sections import Rule, Sticky
from pointsman.routing.sections_agents import Agent

if TYPE_CHECKING:
    from pointsman.routing.policy import Policy


def policy_for(policy: Policy, agent: Agent, target: str | None) -> Policy:
    """Return ``policy`` narrowed to the agent's routes; ``target`` is the tier or route its next step goes to.

    A rule that names a route the agent may not use counts for the nearest one it may: upwards first, so that a floor
    never sinks unless there is nothing above.
    """
    changes: dict[str, object] = {}
    if agent.routes is not None:
        changes["routes"] = {name: policy.routes[name] for name in policy.routes if name in agent.routes}
        changes["default_route"] = _nearest(policy, agent.routes, policy.default_route)
        changes["rules"] = tuple(_within(policy, agent.routes, rule) for rule in policy.rules)
    if target is not None:
        changes["sticky"] = Sticky(hold_in_tool_loop=False, steps=target, synthesis=target)
    return policy.model_copy(update=changes) if changes else policy


def check_agent(policy: Policy, name: str, agent: Agent) -> Iterator[Problem]:
    """Yield what does not fit between an agent and its policy."""
    place: Place = ("agents", name)
    for index, route in enumerate(agent.routes or ()):
        if route not in policy.routes:
            yield Problem((*place, "routes", index), f"there is no route {route!r}{near(route, policy.routes)}")
    for field in ("steps", "synthesis"):
        target = getattr(agent, field)
        if target is None or "/" in target or target in policy.routes:
            continue
        if target not in TIERS:
            known = near(target, [*policy.routes, *TIERS])
            yield Problem((*place, field), f"there is no route or tier {target!r}{known}")
        elif not policy.tiers.models(target):
            yield Problem((*place, field), f"tier {target} has no models; list some under tiers.{target}")


def _within(policy: Policy, routes: tuple[str, ...], rule: Rule) -> Rule:
    if rule.target not in policy.routes or rule.target in routes:
        return rule
    return rule.model_copy(update={rule.kind: _nearest(policy, routes, rule.target)})


def _nearest(policy: Policy, routes: tuple[str, ...], wanted: str) -> str:
    if wanted in routes:
        return wanted
    rank = policy.rank(wanted)
    above = [name for name in routes if policy.rank(name) >= rank]
    return min(above, key=policy.rank) if above else max(routes, key=policy.rank)
