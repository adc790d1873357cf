"""Asks one pinned model one turn, over the real transport, and keeps what was measured of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from pointsman.catalog.prices import Rates
from pointsman.domain.record import StepRecord
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.errors import PointsmanError, ProviderError, UsageError
from pointsman.evaluation.answers import Answer, Origin
from pointsman.evaluation.foreign_history import portable
from pointsman.evaluation.tokens import BYTES_PER_TOKEN, message_bytes, tool_bytes
from pointsman.execution.ask import Ask
from pointsman.execution.hop import Dispatch, Hop
from pointsman.execution.limits.worst_case import Measure
from pointsman.execution.records import turn_cost
from pointsman.execution.work import Wish
from pointsman.store.money import from_pico, to_pico

PURPOSE = "bench"


class Job(msgspec.Struct, frozen=True):
    """One call to make. ``case_id`` names what is asked, ``mode`` how (a bench's own word), ``repeat`` counts from 1."""

    case_id: str
    model: str
    turn: Turn
    mode: str = ""
    repeat: int = 1


class Purse:
    """A cap on what a bench may spend. A call's worst case is set aside before it is sent, and settled after.

    ``spent`` and what is set aside never exceed ``cap`` together. A call of which the cost stays unknown keeps its worst case.
    """

    def __init__(self, cap: Decimal | None) -> None:
        self.cap = to_pico(cap)
        self._held = 0
        self._spent = 0

    @property
    def spent(self) -> Decimal:
        """Dollars spent so far, calls of unknown cost at their worst case."""
        return from_pico(self._spent) or Decimal(0)

    def take(self, worst: int) -> bool:
        """Set ``worst`` pico-dollars aside; return whether there is so much left."""
        if self.cap is not None and self._spent + self._held + worst > self.cap:
            return False
        self._held += worst
        return True

    def settle(self, worst: int, actual: int | None) -> None:
        """Replace what was set aside by what it cost."""
        self._held -= worst
        self._spent += worst if actual is None else actual


class Asker:
    """Asks pinned models by the policy's endpoints, with its retries, breakers and rate limits, and no routing.

    ``missing`` says, for a provider that cannot be called, why.
    """

    def __init__(
        self, dispatch: Dispatch, purse: Purse | None = None, missing: Mapping[str, str] | None = None
    ) -> None:
        self._dispatch = dispatch
        self._missing = missing or {}
        self.purse = purse or Purse(None)
        self._measure = Measure()

    def origin(self, model: str) -> Origin:
        """Return whether the model's answers are live or simulated.

        Raises:
            UsageError: its provider cannot be called.
            CatalogError: there is no such model.
        """
        known = self._dispatch.catalog.get(model)
        where = self._dispatch.endpoints.get(known.provider)
        if where is None:
            why = self._missing.get(known.provider, f"provider {known.provider} is not in the policy")
            raise UsageError(f"{known.id} cannot be called: {why}")
        return "simulated" if where.simulated else "live"

    def known_origin(self, model: str) -> Origin:
        """As ``origin``, for who only wants a price: live, where the provider cannot be called."""
        try:
            return self.origin(model)
        except UsageError:
            return "live"

    def worst(self, job: Job) -> Decimal | None:
        """Return what the call may cost at most in dollars; None where a price or a size is unknown."""
        return from_pico(self._worst(job))

    async def ask(self, job: Job) -> Answer | None:
        """Make the call; None where the cap leaves no money for it. What goes wrong at the provider is in the answer.

        Raises:
            UsageError: there is a cap, and the call's worst case is unknown.
        """
        worst = self._worst(job)
        if self.purse.cap is not None and worst is None:
            raise UsageError(
                f"{job.model}: its price is unknown, so --max-usd cannot be held; leave the model or the cap out"
            )
        if not self.purse.take(worst or 0):
            return None
        steps: list[StepRecord] = []
        answer = await self._called(job, steps)
        self.purse.settle(worst or 0, to_pico(answer.cost_usd))
        return answer

    async def _called(self, job: Job, steps: list[StepRecord]) -> Answer:
        wish = Wish(portable(job.turn, job.model), (job.model,), purpose=PURPOSE)
        hop = Hop(self._dispatch, _ask(job), wish, steps)
        base = Answer(job.case_id, job.model, job.repeat, self.origin(job.model))
        try:
            await hop.open(time.monotonic() + self._dispatch.deadlines.total_s)
            if hop.call is None:
                raise ProviderError("the call was not opened", kind="internal", retry="no")
            if hop.call.whole is None:
                async for _ in hop.call.stream():
                    pass
        except PointsmanError as error:
            hop.finish("broken", error)
            return msgspec.structs.replace(base, error=_word(error), cost_usd=turn_cost(tuple(steps)))
        except BaseException:
            hop.finish("cancelled", ours=True)
            raise
        reply = hop.call.reply
        step = hop.finish("ok")
        await hop.call.settle()
        return msgspec.structs.replace(
            base,
            reply=reply,
            usage=reply.usage,
            cost_usd=turn_cost(tuple(steps)),
            ttft_ms=None if step is None else step.ttft_ms,
            latency_ms=None if step is None else step.duration_ms,
        )

    def _worst(self, job: Job) -> int | None:
        model = self._dispatch.catalog.get(job.model)
        return self._measure.quote(model, self._dispatch.catalog.rates(model.id, datetime.now(UTC)), job.turn, 1).worst


def _ask(job: Job) -> Ask:
    return Ask(
        turn=job.turn,
        dialect="library",
        conversation_id=f"bench-{job.case_id}-{job.repeat}",
        arrived_us=time.time_ns() // 1000,
        started_ns=time.perf_counter_ns(),
        explicit_conversation=False,
    )


def _word(error: PointsmanError) -> str:
    return error.kind if isinstance(error, ProviderError) else error.code


def usual_cost(turn: Turn, rates: Rates | None, output_tokens: int) -> Decimal | None:
    """Return about what a call costs in dollars, at four bytes a token and a reply of ``output_tokens``; None: no price."""
    if rates is None:
        return None
    size = sum(message_bytes(message) for message in turn.messages) + sum(tool_bytes(tool) for tool in turn.tools)
    schema = turn.output_format.schema if turn.output_format is not None else None
    size += len(msgspec.json.encode(schema)) if schema is not None else 0
    return rates.cost(Usage(input_uncached=max(1, size // BYTES_PER_TOKEN), output=output_tokens))
