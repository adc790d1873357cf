"""One call to the stronger model: what it may cost at most, the call, and what it is taken to have cost.

It goes beside the guard of customers' calls: a shadow model that fails or hangs takes no place from a customer, trips no breaker
and counts against nobody's rate. A model that is set aside is left alone, and the policy's budgets hold. There is one try per
call, so that its worst case is a worst case.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import msgspec

from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, ProviderError
from pointsman.evaluation.foreign_history import portable
from pointsman.execution.ask import Ask, neutral_parts
from pointsman.execution.hop import Attempts, Dispatch, Hop
from pointsman.execution.limits.worst_case import Measure
from pointsman.execution.work import Held, Wish
from pointsman.providers.transport_errors import was_never_sent
from pointsman.store.money import to_pico
from pointsman.store.shadow_rows import shadow_conversation

PURPOSE: Final = "shadow"
_SHORTEST: Final = 1_024
_TIMES: Final = 4
_THOUGHTS: Final = 8_000
_OK: Final = 200
_PASSING: Final = frozenset(
    {"rate_limit", "overloaded", "server_error", "quota", "unreachable", "timeout", "set_aside"}
)


class Heard(msgspec.Struct, frozen=True):
    """What came of a call. ``cost_pico`` None: it may be billed, nobody knows how much. ``passing``: it may be tried again."""

    reply: Reply | None
    cost_pico: int | None
    error: str | None = None
    passing: bool = False


def private(dispatch: Dispatch) -> Dispatch:
    """Return what shadow calls are made with: the same endpoints, one try, and nothing that customers' calls share."""
    return msgspec.structs.replace(dispatch, attempts=Attempts(1, 1), guard=None, hedge=None)


def shadow_turn(turn: Turn, record: TurnRecord, model: str, *, thinks: bool, most: int | None) -> Turn:
    """Return the turn as the stronger model gets it: the same words and tools, one reply, of a length that can be paid for.

    Metadata stay behind: they name the customer, and the shadow's own record must not join the conversation.
    """
    limit = turn.max_output_tokens
    if limit is None:
        said = record.usage.output if record.usage is not None else 0
        limit = max(_SHORTEST, _TIMES * said) + (_THOUGHTS if thinks else 0)
        limit = limit if most is None else min(limit, most)
    return msgspec.structs.replace(
        portable(turn, model),
        model=model,
        stream=False,
        include_usage=False,
        n=None,
        logprobs=False,
        top_logprobs=None,
        max_output_tokens=limit,
        metadata={"conversation_id": shadow_conversation(record.id)},
        extras={},
    )


class Caller:
    """Makes shadow calls."""

    def __init__(self, dispatch: Dispatch, bytes_per_token: float) -> None:
        self._shared = dispatch
        self._dispatch = private(dispatch)
        self._measure = Measure(bytes_per_token)

    def worst(self, turn: Turn, *, batch: bool = False) -> int | None:
        """Return what a call may cost at most in pico-dollars; None where a price or a size is unknown."""
        catalog = self._dispatch.catalog
        model, now = catalog.get(turn.model), datetime.now(UTC)
        rates = catalog.rates(model.id, now, "batch") if batch else None
        return self._measure.quote(model, rates or catalog.rates(model.id, now), turn, 1).worst

    def set_aside(self, model: str) -> str | None:
        """Return why a model should not be called now, None where it may."""
        guard = self._shared.guard
        return None if guard is None else guard.unhealthy({}).get(model)

    async def within_budgets(self, turn: Turn, call_id: str) -> Held | None:
        """Set money aside under the policy's budgets, as for any call; None where none holds for it.

        Raises:
            BudgetExceeded: it could cost more than is left.
        """
        guard = self._shared.guard
        if guard is None:
            return None
        return await guard.set_aside(_ask(turn, call_id), self._dispatch.catalog.get(turn.model), call_id)

    async def call(self, turn: Turn, call_id: str) -> Heard:
        """Make the call; what goes wrong at the provider is in what it returns."""
        steps: list[StepRecord] = []
        hop = Hop(self._dispatch, _ask(turn, call_id), Wish(turn, (turn.model,), purpose=PURPOSE), steps)
        try:
            await hop.open(time.monotonic() + self._dispatch.deadlines.total_s)
            if hop.call is None:
                raise ProviderError("the call was not opened", kind="internal", retry="no")
            if hop.call.whole is None:
                async for _ in hop.call.stream():
                    pass
        except PointsmanError as error:
            hop.finish("broken", error)
            return _failed(error, steps)
        except BaseException:
            hop.finish("cancelled", ours=True)
            raise
        reply = hop.call.reply
        step = hop.finish("ok")
        await hop.call.settle()
        return Heard(reply, None if step is None else to_pico(step.cost_usd))


def _failed(error: PointsmanError, steps: list[StepRecord]) -> Heard:
    kind = error.kind if isinstance(error, ProviderError) else error.code
    step = steps[-1] if steps else None
    unsent = step is None or was_never_sent(step.error_text or "")
    refused = step is not None and step.http_status is not None and step.http_status != _OK
    free = unsent or refused
    cost = 0 if free else to_pico(step.cost_usd) if step is not None else None
    return Heard(None, cost, f"{kind}: {error}"[:300], passing=free and kind in _PASSING)


def _ask(turn: Turn, call_id: str) -> Ask:
    return Ask(
        turn=turn,
        dialect="library",
        conversation_id=f"shadow-{call_id}",
        arrived_us=time.time_ns() // 1000,
        started_ns=time.perf_counter_ns(),
        parts=neutral_parts(turn),
        explicit_conversation=False,
    )
