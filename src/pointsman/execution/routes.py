"""Which stages each route of a policy has: put together once, looked up per turn."""

from __future__ import annotations

from collections.abc import Mapping

from pointsman.execution.kit import Kit
from pointsman.execution.planning import Planning
from pointsman.execution.work import Stage
from pointsman.routing.route_parts import worker


def route_stages(kit: Kit) -> Mapping[str, tuple[Stage, ...]]:
    """Return the stages by route; a route whose model simply answers is not among them."""
    policy = kit.policy
    planning = Planning(kit)
    found: dict[str, tuple[Stage, ...]] = {}
    for name in policy.routes:
        stages: list[Stage] = []
        if worker(policy, name) is not None:
            stages.append(planning)
        if stages:
            found[name] = tuple(stages)
    return found
