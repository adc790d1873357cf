"""Runs one turn: decide, call, fall back until the first content, stream, and keep the record before the last byte.

The engine alone writes the ``TurnRecord``, once. The caller passes on what ``stream`` yields, then awaits ``commit``,
and only then releases the terminal frame: so no reply whose last byte was delivered is missing from the store.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.models import Model
from pointsman.catalog.prices import Rates
from pointsman.domain.decision import Decision
from pointsman.domain.record import Status, StepRecord, TurnRecord
from pointsman.domain.reply import Event, Reply
from pointsman.errors import NoEligibleModel, PointsmanError, ProviderError, ProviderTimeout, RequestError
from pointsman.execution.ask import Ask
from pointsman.execution.calls import Call, Deadlines, Target
from pointsman.execution.records import TurnOutcome, failed_step, step_of, turn_record
from pointsman.execution.sessions import Sessions
from pointsman.execution.states import ReplyStates
from pointsman.providers.seam import Dialect, Endpoint, Transport
from pointsman.routing.eligibility import Limits
from pointsman.routing.router import Routing

_BACKOFF_S = 0.25
_LONGEST_WAIT_S = 8.0
_PROBE_S = 1.0
_SHARE = 0.5
"""Of the time that is left, what one call may take while there is another model to try: silence must leave time for it."""


class Keeper(Protocol):
    """Where records go. ``append`` resolves once the record is durable."""

    def append(self, record: TurnRecord) -> asyncio.Future[None]:
        """Hand over one record."""
        ...


class Attempts(msgspec.Struct, frozen=True):
    """How often a turn may be tried: calls in all, and calls to one model."""

    total: int = 4
    per_model: int = 2


class Engine:
    """Everything a turn needs, put together once by ``app``."""

    def __init__(  # noqa: PLR0913 - the composition root passes each collaborator by name
        self,
        *,
        routing: Routing,
        catalog: Catalog,
        endpoints: Mapping[str, Endpoint],
        dialects: Mapping[str, Dialect],
        transport: Transport,
        keeper: Keeper,
        sessions: Sessions,
        flagship: str | None,
        deadlines: Deadlines,
        attempts: Attempts,
        unhealthy: Mapping[str, str],
    ) -> None:
        self.routing = routing
        self.catalog = catalog
        self.endpoints = endpoints
        self.dialects = dialects
        self.transport = transport
        self.keeper = keeper
        self.sessions = sessions
        self.flagship = flagship
        self.deadlines = deadlines
        self.attempts = attempts
        self.unhealthy = unhealthy
        self._store_problem: str | None = None
        self._lost: TurnRecord | None = None
        self._probe: asyncio.Future[None] | None = None
        self.states = ReplyStates()
        self._settling: set[asyncio.Future[None]] = set()

    def start(self, ask: Ask, *, pin: str | None = None) -> Running:
        """Decide on route and model. No I/O, except that a conversation unknown here is looked up in the store.

        Raises:
            NoEligibleModel: every model is excluded; the turn is recorded all the same (see ``refuse``).
        """
        ask = self.states.restore(ask)
        now = datetime.fromtimestamp(ask.arrived_us / 1e6, UTC)
        limits = Limits(pin=pin, allowed=ask.allowed, unhealthy=self.unhealthy, now=now, key=ask.key_name)
        decision = self.routing.decide(ask.turn, self.sessions.get(ask), limits)
        return Running(self, ask, decision)

    async def refuse(self, ask: Ask, error: PointsmanError, decision_id: str) -> None:
        """Keep the record of a turn for which no model could be chosen."""
        decision = Decision(
            id=decision_id,
            route="none",
            model="none",
            tier="small",
            policy=self.routing.policy.version,
            excluded=error.excluded if isinstance(error, NoEligibleModel) else (),
        )
        await self.keep(ask, decision, TurnOutcome("error", (), error=error))

    async def keep(self, ask: Ask, decision: Decision, outcome: TurnOutcome) -> TurnRecord:
        """Write the record; return it once it is durable."""
        record = turn_record(ask, decision, outcome, self.flagship, self.catalog.rates)
        try:
            # Shielded: a client that leaves while the record is being written must not undo it.
            await asyncio.shield(self.keeper.append(record))
        except PointsmanError as error:
            self._store_problem = str(error)
            # Its client is told that the turn failed, so that is how it would be kept.
            status: Status = "broken" if record.status == "ok" else record.status
            self._lost = msgspec.structs.replace(record, status=status, error_code=error.code)
            raise
        self._store_problem = None
        return record

    async def check_store(self) -> str | None:
        """Return why records cannot be kept, or None. After a failure the last lost record is offered again.

        Without this a gateway taken out of service for its store would never see another turn to find it mended.
        """
        if self._store_problem is None or self._lost is None:
            return self._store_problem
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._offer(self._lost))
        await asyncio.wait([self._probe], timeout=_PROBE_S)
        return self._store_problem

    async def _offer(self, record: TurnRecord) -> None:
        try:
            await self.keeper.append(record)
        except PointsmanError as error:
            self._store_problem = str(error)
        else:
            self._store_problem = self._lost = None

    def settle(self, call: Call) -> None:
        """Read the end of the body off the client's path, so that the connection can serve another turn."""
        if call.whole is not None:
            call.close()
            return
        task = asyncio.ensure_future(call.settle())
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    def target(self, model: Model) -> Target:
        """Return where ``model`` is called."""
        endpoint = self.endpoints[model.provider]
        return Target(model, endpoint, self.dialects[endpoint.dialect])


class Running:
    """One turn on its way. Call ``open``, then ``stream`` (or read ``reply``), then ``commit``; or ``cancel``."""

    def __init__(self, engine: Engine, ask: Ask, decision: Decision) -> None:
        self._engine = engine
        self.ask = ask
        self.decision = decision
        self.record: TurnRecord | None = None
        self.gateway_us: float | None = None
        self._steps: list[StepRecord] = []
        self._call: Call | None = None
        self._kept = False
        self._attempt = 1

    @property
    def call(self) -> Call:
        """The call that answers the turn; only after ``open``."""
        if self._call is None:
            raise ProviderError("the turn was not opened", kind="internal", retry="no")
        return self._call

    @property
    def model(self) -> Model:
        """The model that answers (a fallback may differ from the decision)."""
        return self.call.target.model

    @property
    def reply(self) -> Reply:
        """The whole reply, or what has come of it."""
        return self.call.reply

    async def open(self) -> None:
        """Call models in the decision's order until one shows its first content (or answers whole).

        Raises:
            ProviderError: none did; the error is the last one, and the turn has been recorded.
        """
        started = time.monotonic()
        error: PointsmanError | None = None
        try:
            for model_id, attempt in self._order():
                if error is not None and not await self._may_go_on(error, model_id, attempt, started):
                    continue
                last = len(self._steps) + 1 >= self._engine.attempts.total or not self.decision.fallbacks
                error = await self._try(model_id, attempt, started, 1 if last else _SHARE)
                if error is None:
                    return
                if _is_final(error) or self._remaining(started) <= 0:
                    break
        except asyncio.CancelledError:
            await self.cancel()
            raise
        error = error or ProviderError("no model was tried", kind="internal", retry="no")
        await self._keep(TurnOutcome("error", tuple(self._steps), error=error, gateway_us=self.gateway_us))
        raise error

    def _order(self) -> list[tuple[str, int]]:
        """Return (model, attempt) pairs in the order they would be tried."""
        limits = self._engine.attempts
        models = (self.decision.model, *self.decision.fallbacks)
        return [(model, attempt) for model in models for attempt in range(1, limits.per_model + 1)]

    def _remaining(self, started: float) -> float:
        return self._engine.deadlines.total_s - (time.monotonic() - started)

    async def _may_go_on(self, error: PointsmanError, model_id: str, attempt: int, started: float) -> bool:
        """Return whether the next pair is worth trying after ``error``; waits before a repeat at the same model."""
        if len(self._steps) >= self._engine.attempts.total:
            return False
        if attempt == 1 or self._steps[-1].model != model_id:
            return True
        if not isinstance(error, ProviderError) or error.retry != "same":
            return False
        wait = error.retry_after if error.retry_after is not None else _BACKOFF_S * (0.5 + random.random())  # noqa: S311
        if wait > min(_LONGEST_WAIT_S, self._remaining(started)):
            return False
        await asyncio.sleep(wait)
        return True

    async def _try(self, model_id: str, attempt: int, started: float, share: float) -> PointsmanError | None:
        """Make one call; return None when it has something to show, else the error, recorded as a step."""
        engine, ask = self._engine, self.ask
        started_ns = time.perf_counter_ns()
        model = engine.catalog.get(model_id)
        target = engine.target(model)
        body = ask.body if ask.body is not None and target.dialect.name == ask.dialect else None
        try:
            call = Call(target, ask.turn, body, engine.deadlines)
        except RequestError as error:
            self._steps.append(failed_step(model_id, error, started_ns, attempt))
            return error
        self._call, self._attempt = call, attempt
        if self.gateway_us is None:
            self.gateway_us = round((time.perf_counter_ns() - ask.started_ns) / 1e3, 1)
        remaining_s = self._remaining(started)
        try:
            await call.open(engine.transport, remaining_s * share, remaining_s)
        except ProviderError as error:
            call.close()
            # It has its step now: whatever ends the turn from here on is not about this call any more.
            self._call = None
            self._steps.append(step_of(call, "error", self._rates(call), error, attempt))
            return error
        return None

    def _rates(self, call: Call) -> Rates | None:
        return self._engine.catalog.rates(call.target.model.id, datetime.fromtimestamp(self.ask.arrived_us / 1e6, UTC))

    async def stream(self) -> AsyncIterator[bytes | list[Event]]:
        """Yield what comes, all but the terminal frame. A failure is recorded before it is raised."""
        try:
            async for piece in self.call.stream():
                yield piece
        except ProviderError as error:
            await self._finish("broken", error)
            raise

    async def commit(self) -> TurnRecord:
        """Keep the record of the complete reply; after this its last byte may be released."""
        reply = self.reply
        self._engine.sessions.remember(self.ask, self.decision, self.model.id, reply)
        self._engine.states.keep(self.ask, reply, self.model.id)
        return await self._finish("ok", None)

    async def cancel(self) -> None:
        """The client left: cut the upstream call and keep what was streamed."""
        if self._kept:
            return
        if self._call is None:
            await self._keep(TurnOutcome("cancelled", tuple(self._steps), gateway_us=self.gateway_us))
        else:
            await self._finish("cancelled", None)

    async def _finish(self, status: Status, error: PointsmanError | None) -> TurnRecord:
        call = self.call
        if status != "ok":
            call.close()
        self._steps.append(step_of(call, status, self._rates(call), error, self._attempt))
        outcome = TurnOutcome(
            status,
            tuple(self._steps),
            reply=call.reply,
            error=error,
            ttft_ms=self._ttft_ms(call),
            dropped=call.outgoing.dropped,
            simulated=call.target.endpoint.simulated,
            gateway_us=self.gateway_us,
        )
        record = await self._keep(outcome)
        if status == "ok":
            self._engine.settle(call)
        return record

    async def fail(self, error: PointsmanError) -> None:
        """The turn cannot be finished for a reason outside the call: keep the record as broken, unless it is kept."""
        if self._kept:
            return
        if self._call is None:
            await self._keep(TurnOutcome("error", tuple(self._steps), error=error, gateway_us=self.gateway_us))
        else:
            await self._finish("broken", error)

    def _ttft_ms(self, call: Call) -> float | None:
        """Time to first token as the client saw it: from the arrival of the request, failed attempts included."""
        if call.ttft_ms is None or call.whole is not None or not self.ask.turn.stream:
            return None
        return (call.started_ns - self.ask.started_ns) / 1e6 + call.ttft_ms

    async def _keep(self, outcome: TurnOutcome) -> TurnRecord:
        self._kept = True
        self.record = await self._engine.keep(self.ask, self.decision, outcome)
        return self.record


def _is_final(error: PointsmanError) -> bool:
    """Return True when neither another try nor another model can help."""
    if isinstance(error, ProviderTimeout):
        return False
    return isinstance(error, ProviderError) and error.retry == "no"
