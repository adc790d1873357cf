"""The batch desk of a router: what may go where, what it may cost, and what may be written down, as for any turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import msgspec

from pointsman.app import Router
from pointsman.catalog.models import Model
from pointsman.domain.turn import Turn
from pointsman.execution.ask import Ask, conversation_hash, neutral_parts
from pointsman.execution.batches.desk import BatchDesk, PollPlan, Reserve, Settle
from pointsman.execution.batches.records import DIALECT
from pointsman.store.money import to_pico


def open_desk(router: Router, plan: PollPlan | None = None) -> BatchDesk:
    """Return a desk that holds to the policy of ``router``, which must be started."""
    flagships = router.policy.tiers.models("flagship")
    budgets = router.policy.budgets

    def admit(turn: Turn, model: Model) -> None:
        router.decide(msgspec.structs.replace(turn, model=model.id))

    return BatchDesk(
        router.engine.dispatch,
        router.store,
        policy=router.policy.version,
        flagship=flagships[0] if flagships else None,
        redactor=router.redactor,
        admit=admit,
        reserve=_reserve(router),
        left=_left(router),
        most_output=budgets.max_output_tokens if budgets.caps else None,
        plan=plan,
    )


def _left(router: Router) -> Callable[[str, Decimal | None], None] | None:
    guard = router.engine.dispatch.guard
    if guard is None or not router.policy.budgets.caps:
        return None
    return lambda turn_id, cost: guard.settle_left(turn_id, to_pico(cost))


def _reserve(router: Router) -> Reserve | None:
    guard = router.engine.dispatch.guard
    if guard is None or not router.policy.budgets.caps:
        return None

    async def reserve(turn_id: str, turn: Turn, model: Model) -> Settle:
        parts = neutral_parts(turn)
        user = turn.metadata.get("user") or turn.metadata.get("user_id")
        conversation = turn.metadata.get("conversation_id") or conversation_hash(parts, None, user)
        now_us = time.time_ns() // 1000
        ask = Ask(turn, DIALECT, conversation, now_us, time.perf_counter_ns(), parts=parts)
        held = await guard.set_aside(ask, model, turn_id)

        def settle(cost: Decimal | None) -> None:
            if held is not None:
                held.settle(to_pico(cost))

        return settle

    return reserve
