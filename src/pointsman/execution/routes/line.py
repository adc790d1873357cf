"""Which stages each route of a policy has: put together once, looked up per turn."""

from __future__ import annotations

from collections.abc import Mapping

from pointsman.execution.routes.kit import Kit
from pointsman.execution.routes.llm_router import LlmRouting
from pointsman.execution.routes.planning import Planning
from pointsman.execution.routes.summarizing import Summarizing
from pointsman.execution.routes.verifying import Verifying
from pointsman.execution.work import Stage
from pointsman.routing.route_parts import summarizer, verify, worker


def route_stages(kit: Kit) -> Mapping[str, tuple[Stage, ...]]:
    """Return the stages by route; a route whose model simply answers is not among them.

    A stage may move the turn to another route, so all that has some share one line of stages, and each looks whether the route
    as it stands then is its own.
    """
    policy = kit.policy
    condenses = {name for name in policy.routes if summarizer(policy, name) is not None}
    plans = {name for name in policy.routes if worker(policy, name) is not None}
    verifies = {name for name in policy.routes if verify(policy, name) is not None}
    line: list[Stage] = [Summarizing(kit)] if condenses else []
    line += [Planning(kit)] if plans else []
    line += [Verifying(kit)] if verifies else []
    if policy.llm_router is not None:
        line.insert(0, LlmRouting(kit, policy.llm_router, tuple(line)))
    named = policy.routes if policy.llm_router is not None else condenses | plans | verifies
    return {name: tuple(line) for name in named}
