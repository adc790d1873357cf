"""The policy as one agent sees it: only its routes, and its own tiers for tool steps and for the final reply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pointsman.catalog.located_yaml import Place
from pointsman.domain.decision import TIERS
from pointsman.domain.message import JsonObject
from pointsman.domain.plan import extended
from pointsman.errors import UsageError
from pointsman.routing.conditions import near
from pointsman.routing.policy_errors import Problem
from pointsman.routing.route_parts import worker
from pointsman.routing.sections import Rule, Sticky
from pointsman.routing.sections_agents import Agent

if TYPE_CHECKING:
    from pointsman.routing.policy import Policy


def policy_for(policy: Policy, agent: Agent, target: str | None) -> Policy:
    """Return ``policy`` narrowed to the agent's routes; ``target`` is the tier or route its next step goes to.

    A rule that names a route the agent may not use counts for the nearest one it may: upwards first, so that a floor
    never sinks unless there is nothing above. The agent's own plan schema takes the place of each route's.

    Raises:
        UsageError: the file that holds the plan schema cannot be read.
    """
    changes: dict[str, object] = {}
    extension = plan_extension(policy, agent)
    if agent.routes is not None or extension is not None:
        own = {} if extension is None else {"plan_schema": extension}
        allowed = policy.routes if agent.routes is None else agent.routes
        changes["routes"] = {
            name: route.model_copy(update=own) for name, route in policy.routes.items() if name in allowed
        }
    if agent.routes is not None:
        changes["default_route"] = _nearest(policy, agent.routes, policy.default_route)
        changes["rules"] = tuple(_within(policy, agent.routes, rule) for rule in policy.rules)
    if target is not None:
        changes["sticky"] = Sticky(hold_in_tool_loop=False, steps=target, synthesis=target)
    return policy.model_copy(update=changes) if changes else policy


def plan_extension(policy: Policy, agent: Agent) -> JsonObject | None:
    """Return the fields that an agent adds to plans, as a JSON Schema; None where it adds none.

    Raises:
        UsageError: its file cannot be read, or holds something else.
    """
    given = agent.plan_schema
    if not isinstance(given, str):
        return given
    path = Path(policy.source).parent / given
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        if not isinstance(found, dict) or not found:
            raise ValueError("must be the JSON Schema of an object with properties")
        extended(found)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    return found


def _plans(policy: Policy, name: str, agent: Agent) -> Iterator[Problem]:
    if agent.plan_schema is None:
        return
    place: Place = ("agents", name, "plan_schema")
    try:
        plan_extension(policy, agent)
    except UsageError as error:
        yield Problem(place, str(error))
    routes = policy.routes if agent.routes is None else agent.routes
    if all(worker(policy, route) is None for route in routes):
        yield Problem(
            place, "is for agents with a route that plans: write worker: small at a route, or list such a one"
        )


def check_agent(policy: Policy, name: str, agent: Agent) -> Iterator[Problem]:
    """Yield what does not fit between an agent and its policy."""
    place: Place = ("agents", name)
    yield from _plans(policy, name, agent)
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
