"""Which stages each route of a policy has: put together once, looked up per turn."""

from __future__ import annotations

from collections.abc import Mapping

from pointsman.execution.kit import Kit
from pointsman.execution.planning import Planning
from pointsman.execution.summarizing import Summarizing
from pointsman.execution.verifying import Verifying
from pointsman.execution.work import Stage
from pointsman.routing.route_parts import summarizer, verify, worker


def route_stages(kit: Kit) -> Mapping[str, tuple[Stage, ...]]:
    """Return the stages by route; a route whose model simply answers is not among them."""
    policy = kit.policy
    found: dict[str, tuple[Stage, ...]] = {}
    planning, verifying = Planning(kit), Verifying(kit)
    summarizing = Summarizing(kit, lambda route: found.get(route, ()))
    for name in policy.routes:
        stages: list[Stage] = []
        if summarizer(policy, name) is not None:
            stages.append(summarizing)
        if worker(policy, name) is not None:
            stages.append(planning)
        if verify(policy, name) is not None:
            stages.append(verifying)
        if stages:
            found[name] = tuple(stages)
    return found
