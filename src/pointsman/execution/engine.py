"""Runs one turn: decide, call, fall back until the first content, stream, and keep the record before the last byte.

The engine alone writes the ``TurnRecord``, once. The caller passes on what ``stream`` yields, then awaits ``commit``,
and only then releases the terminal frame: so no reply whose last byte was delivered is missing from the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from pointsman.domain.decision import Decision, Reason
from pointsman.domain.rates import RateState
from pointsman.domain.record import Status, TurnRecord
from pointsman.domain.turn import Turn
from pointsman.errors import NoEligibleModel, PointsmanError
from pointsman.execution.ask import Ask
from pointsman.execution.calls import Call
from pointsman.execution.hop import Attempts, Dispatch
from pointsman.execution.limits.guard import out_of_money, set_aside
from pointsman.execution.memory import MemoryBook
from pointsman.execution.records import TurnOutcome, turn_record
from pointsman.execution.routes.latency import LatencyBook
from pointsman.execution.running import Running
from pointsman.execution.sessions import Sessions
from pointsman.execution.states import ReplyStates
from pointsman.execution.work import Stage, Stages
from pointsman.routing.eligibility import Limits, first_token_limit
from pointsman.routing.router import Routing

__all__ = ["Attempts", "Dispatch", "Engine", "Keeper", "Running"]

_PROBE_S = 1.0
_LONG = 64 * 1024


class Keeper(Protocol):
    """Where records go. ``append`` resolves once the record is durable."""

    def append(self, record: TurnRecord) -> asyncio.Future[None]:
        """Hand over one record."""
        ...


Redact = Callable[[TurnRecord], TurnRecord]
"""Takes personal data out of a record before it is written."""


def no_stages(ask: Ask, decision: Decision) -> tuple[Stage, ...]:  # noqa: ARG001 - the shape of ``Stages``
    """Every turn is answered by one model."""
    return ()


class Engine:
    """Everything a turn needs, put together once by ``app``."""

    def __init__(  # noqa: PLR0913 - the composition root passes each collaborator by name
        self,
        *,
        routing: Routing,
        dispatch: Dispatch,
        keeper: Keeper,
        sessions: Sessions,
        flagship: str | None,
        unhealthy: Mapping[str, str],
        stages: Stages = no_stages,
        redact: Redact | None = None,
        memory: MemoryBook | None = None,
        latency: LatencyBook | None = None,
    ) -> None:
        self.routing = routing
        self.dispatch = dispatch
        self.keeper = keeper
        self.sessions = sessions
        self.flagship = flagship
        self.unhealthy = unhealthy
        self.stages = stages
        self._redact = redact
        self.memory = memory
        self.latency = latency or LatencyBook()
        self._store_problem: str | None = None
        self._lost: TurnRecord | None = None
        self._probe: asyncio.Future[None] | None = None
        self.states = ReplyStates()
        self._settling: set[asyncio.Future[None]] = set()

    def start(self, ask: Ask, *, pin: str | None = None) -> Running:
        """Decide on route and model. No I/O, except that a conversation unknown here is looked up in the store.

        Raises:
            NoEligibleModel: every model is excluded; the turn is recorded all the same (see ``refuse``).
            BudgetExceeded: only money is short, for every model that could answer.
            RateLimited: the client sent too many turns.
            ProviderError: every model that could answer is set aside, and the policy tries none of them.
        """
        guard = self.dispatch.guard
        if guard is not None:
            guard.begin(ask)
        ask = self.states.restore(ask)
        now = datetime.fromtimestamp(ask.arrived_us / 1e6, UTC)
        limits = Limits(
            pin=pin,
            allowed=ask.allowed,
            unhealthy=self.unhealthy,
            now=now,
            key=ask.key_name,
            conversation=ask.conversation_id,
        )
        if first_token_limit(self.routing.policy, ask.turn.channel) is not None:
            predict = self.latency.predict(self.sessions.get(ask).last_model)
            limits = msgspec.structs.replace(limits, predict=predict)
        if guard is None:
            return Running(self, ask, self.route(ask, ask.turn, limits), limits)
        sound = msgspec.structs.replace(
            limits, unhealthy=guard.unhealthy(self.unhealthy), unaffordable=guard.unaffordable(ask)
        )
        try:
            return Running(self, ask, self.route(ask, ask.turn, sound), sound)
        except NoEligibleModel as error:
            if short := out_of_money(error.excluded):
                raise short from error
            if sound.unhealthy is self.unhealthy:
                raise
            # Health is a guess about the next call: where nobody else can answer, it is worth that call.
            decision = self.route(ask, ask.turn, limits)
            if not guard.tries_anyway:
                raise set_aside(error.excluded) from error
            return Running(self, ask, decision, limits)

    def rates(self, ask: Ask) -> RateState | None:
        """Return what is left of the client's rate limits; None where there are none."""
        return None if self.dispatch.guard is None else self.dispatch.guard.rates(ask)

    def route(self, ask: Ask, turn: Turn, limits: Limits) -> Decision:
        """Return how ``turn`` would be routed in the place of the one that was asked."""
        routing, session = ask.routing or self.routing, self.sessions.get(ask)
        try:
            return routing.decide(turn, session, limits)
        except NoEligibleModel:
            if limits.predict is None:
                raise
        # What was learned is a guess about the next call: where nobody is fast enough, a late word is better than none.
        decision = routing.decide(turn, session, msgspec.structs.replace(limits, predict=None))
        note = Reason(
            "eligibility",
            "latency",
            "no model is known to be fast enough: what was learned of their speed is set aside",
        )
        return msgspec.structs.replace(decision, reasons=(*decision.reasons, note))

    async def refuse(self, ask: Ask, error: PointsmanError, decision_id: str) -> None:
        """Keep the record of a turn for which no model could be chosen."""
        decision = Decision(
            id=decision_id,
            route="none",
            model="none",
            tier="none",
            policy=self.routing.policy.version,
            excluded=error.excluded if isinstance(error, NoEligibleModel) else (),
        )
        await self.keep(ask, decision, TurnOutcome("error", (), error=error))

    async def keep(self, ask: Ask, decision: Decision, outcome: TurnOutcome) -> TurnRecord:
        """Write the record; return it once it is durable."""
        record = turn_record(ask, decision, outcome, self.flagship, self.dispatch.catalog.rates)
        if self._redact is not None:
            # What is long takes long to search: the other turns go on meanwhile.
            long = sum(len(raw) for _, raw in record.request) > _LONG
            record = await asyncio.to_thread(self._redact, record) if long else self._redact(record)
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
        self.latency.learn(record.steps)
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
