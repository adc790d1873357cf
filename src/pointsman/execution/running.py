"""One turn on its way: its stages, the answer, the checks of the answer, and its record at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.decision import Decision
from pointsman.domain.message import Text
from pointsman.domain.rates import RateState
from pointsman.domain.record import CheckRecord, Handoff, Status, StepRecord, TurnRecord
from pointsman.domain.reply import Event, Reply
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, ProviderError, TooManyHandoffs
from pointsman.execution.assemble import events_of
from pointsman.execution.calls import Call
from pointsman.execution.hop import Hop
from pointsman.execution.records import TurnOutcome
from pointsman.execution.routes.filler import Filler, Say
from pointsman.execution.work import MOST_HANDOFFS, MOST_REDOS, Sieve, Stage, Wish
from pointsman.routing.eligibility import Limits

if TYPE_CHECKING:
    from pointsman.execution.ask import Ask
    from pointsman.execution.engine import Engine


class Running:
    """One turn on its way. Call ``open``, then ``stream`` (or read ``reply``), then ``commit``; or ``cancel``.

    To its stages and checks it is their ``Desk``.
    """

    def __init__(self, engine: Engine, ask: Ask, decision: Decision, limits: Limits) -> None:
        self._engine = engine
        self._limits = limits
        self.ask = ask
        self.decision = decision
        self.record: TurnRecord | None = None
        self.gateway_us: float | None = None
        self._ends_at = time.monotonic() + engine.dispatch.deadlines.total_s
        self._steps: list[StepRecord] = []
        self._handoffs: list[Handoff] = []
        self._checks: list[CheckRecord] = []
        self._asides: set[asyncio.Future[Any]] = set()
        self._hop: Hop | None = None
        self._prepared_ms: float | None = None
        # What was read of a checked reply and is yet to be shown, and the reply that takes its place.
        self._held: list[bytes | list[Event]] | None = None
        self._replaced: Reply | None = None
        self._sieve: Sieve | None = None
        self._filler: Filler | None = None
        self._shown_ns: int | None = None
        self._kept = False

    @property
    def call(self) -> Call:
        """The call that answers the turn; only after ``open``."""
        if self._hop is None or self._hop.call is None:
            raise ProviderError("the turn was not opened", kind="internal", retry="no")
        return self._hop.call

    @property
    def model(self) -> Model:
        """The model that answers (a fallback may differ from the decision)."""
        return self.call.target.model

    @property
    def reply(self) -> Reply:
        """The whole reply, or what has come of it."""
        return self._told(self.call)

    def listen(self, say: Say) -> None:
        """Let the turn say words before its reply; call it before ``open``."""
        self._filler = Filler(say)

    def _told(self, call: Call) -> Reply:
        reply = self._replaced or call.reply
        return reply if self._sieve is None else self._sieve.reply(reply)

    @property
    def relayed(self) -> bool:
        """True when the provider's own bytes are what the client gets."""
        return self._replaced is None and self.call.relayed

    @property
    def answering(self) -> str:
        """See ``Desk.answering``."""
        return self.decision.model if self._hop is None or self._hop.call is None else self.model.id

    @property
    def steps(self) -> Sequence[StepRecord]:
        """See ``Desk.steps``."""
        return self._steps

    @property
    def rates(self) -> RateState | None:
        """What is left of the client's rate limits; None where there are none."""
        return self._engine.rates(self.ask)

    # -- what stages and checks use -------------------------------------------------------------------------------------

    async def consult(self, wish: Wish) -> Reply:
        """See ``Desk.consult``."""
        hop = Hop(self._engine.dispatch, self.ask, _whole(wish), self._steps)
        try:
            await self._opened(hop)
            if hop.call is None:
                raise ProviderError("the call was not opened", kind="internal", retry="no")
            reply = hop.call.reply
            hop.call.close()
        except asyncio.CancelledError:
            hop.finish("cancelled", ours=True)
            raise
        hop.finish("ok")
        return reply

    def aside(self, work: Coroutine[Any, Any, Reply]) -> asyncio.Future[Reply]:
        """See ``Desk.aside``."""
        task = asyncio.ensure_future(work)
        self._asides.add(task)
        return task

    def hand_over(self, handoff: Handoff) -> None:
        """See ``Desk.hand_over``."""
        if not self.handoffs_left:
            kinds = ", ".join(one.kind for one in self._handoffs)
            raise TooManyHandoffs(f"the turn was passed on {MOST_HANDOFFS} times already ({kinds})")
        self._handoffs.append(handoff)

    @property
    def handoffs_left(self) -> int:
        """See ``Desk.handoffs_left``."""
        return MOST_HANDOFFS - len(self._handoffs)

    def note(self, check: CheckRecord) -> None:
        """See ``Desk.note``."""
        self._checks.append(check)

    def reroute(self, turn: Turn, route: str | None = None) -> Decision:
        """See ``Desk.reroute``."""
        limits = self._limits if route is None else msgspec.structs.replace(self._limits, route=route)
        return self._engine.route(self.ask, turn, limits)

    def take(self, decision: Decision) -> None:
        """See ``Desk.take``."""
        reasons = self.decision.reasons + decision.reasons
        self.decision = msgspec.structs.replace(decision, id=self.decision.id, reasons=reasons)

    def filler(self) -> Filler | None:
        """See ``Desk.filler``."""
        return self._filler

    def remaining_s(self) -> float:
        """See ``Desk.remaining_s``."""
        return self._ends_at - time.monotonic()

    # -- the turn's way -------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Go through the turn's stages and get an answer that passes its checks, or begins to be shown.

        Raises:
            PointsmanError: there is none; the turn has been recorded.
        """
        try:
            wish = Wish(self.ask.turn, (self.decision.model, *self.decision.fallbacks), relay=True)
            await self._answer(await self._through(self._engine.stages(self.ask, self.decision), wish))
        except asyncio.CancelledError:
            await self.cancel()
            raise
        except PointsmanError as error:
            await self._end_asides()
            await self._keep(self._outcome("error", error=error))
            raise

    async def _through(self, stages: tuple[Stage, ...], wish: Wish) -> Wish:
        for stage in stages:
            wish = await stage(self, wish)
        return wish

    async def _answer(self, wish: Wish) -> None:
        redos = 0
        while True:
            if self._steps:
                self._prepared_ms = (time.perf_counter_ns() - self.ask.started_ns) / 1e6
            if self._spoken is not None:
                wish = msgspec.structs.replace(wish, relay=False)  # it goes on what we began
            hop = self._hop = Hop(self._engine.dispatch, self.ask, wish, self._steps)
            await self._opened(hop)
            if not wish.checks or self._opens(wish):
                return
            again = await self._check(hop)
            if again is None:
                return
            redos += 1
            if redos > MOST_REDOS:
                raise ProviderError("no reply passed its checks", kind="unsatisfied", retry="no")
            wish = await self._through(again.stages, msgspec.structs.replace(again, stages=()))

    def _opens(self, wish: Wish) -> bool:
        """Tell whether a stream may be shown from its first content on, unchecked."""
        if wish.opening is None or self.call.whole is not None:
            return False
        self._sieve = wish.opening(self, self.call.reply)
        return self._sieve is not None

    async def _check(self, hop: Hop) -> Wish | None:
        """Read the whole reply and check it; return the wish to go on with, None when it may be released."""
        wish, call = hop.wish, self.call
        try:
            pieces = [] if call.whole is not None and not wish.turn.stream else [piece async for piece in call.stream()]
        except ProviderError as error:
            # Nothing was shown, so another model may still answer.
            rest = wish.models[wish.models.index(call.target.model.id) + 1 :]
            hop.finish("broken", error)
            if not rest:
                raise
            return msgspec.structs.replace(wish, models=rest)
        reply = call.reply
        try:
            for check in wish.checks:
                found = await check(self, wish, reply)
                if isinstance(found, Wish):
                    self._close_checked(hop)
                    return found
                reply = found
        except PointsmanError:
            self._close_checked(hop)
            raise
        self._held = pieces
        if reply != call.reply:
            self._replaced = reply
            self._held = [events_of(reply)]
        return None

    def _close_checked(self, hop: Hop) -> None:
        call = self.call
        if hop.wish.sent_back is not None:
            hop.wish = msgspec.structs.replace(hop.wish, purpose=hop.wish.sent_back)
        hop.finish("ok")
        self._engine.settle(call)

    async def _opened(self, hop: Hop) -> None:
        try:
            await hop.open(self._ends_at)
        finally:
            # Whatever becomes of the call: from its beginning on the time is the provider's.
            self._see_first(hop)

    def _see_first(self, hop: Hop) -> None:
        if self.gateway_us is None and hop.first_call_ns is not None:
            self.gateway_us = round((hop.first_call_ns - self.ask.started_ns) / 1e3, 1)

    async def stream(self) -> AsyncIterator[bytes | list[Event]]:
        """Yield what comes, all but the terminal frame. A failure is recorded before it is raised."""
        if self._held is not None:
            self._shown_ns = time.perf_counter_ns()
            for piece in self._held:
                yield piece
            return
        try:
            async for piece in self.call.stream():
                yield piece if self._sieve is None or isinstance(piece, bytes) else self._sieve.events(piece)
        except ProviderError as error:
            await self._finish("broken", error)
            raise

    async def commit(self) -> TurnRecord:
        """Keep the record of the complete reply; after this its last byte may be released."""
        reply = self.reply
        self._engine.sessions.remember(self.ask, self.decision, self.model.id, reply, self._handoffs)
        self._engine.states.keep(self.ask, reply, self.model.id)
        memory = self._engine.memory
        noted = None if memory is None else memory.note(self.ask, self.decision, reply, self._handoffs)
        record = await self._finish("ok", None)
        if noted is not None:
            await noted
        return record

    async def cancel(self) -> None:
        """The client left: cut the upstream call and keep what was streamed."""
        if not self._kept:
            await self._finish("cancelled", None)

    async def fail(self, error: PointsmanError) -> None:
        """The turn cannot be finished for a reason outside the call: keep the record as broken, unless it is kept."""
        if not self._kept:
            await self._finish("broken", error)

    async def _finish(self, status: Status, error: PointsmanError | None) -> TurnRecord:
        if self._asides:
            await self._end_asides()
        hop = self._hop
        call = hop.call if hop is not None and not hop.finished else None
        if hop is None or call is None:
            return await self._keep(self._outcome("cancelled" if status == "cancelled" else "error", error=error))
        hop.finish(status, error)
        outcome = self._outcome(status, call=call, error=error)
        record = await self._keep(outcome)
        if status == "ok":
            self._engine.settle(call)
        return record

    def _outcome(self, status: Status, *, call: Call | None = None, error: PointsmanError | None) -> TurnOutcome:
        if status == "error" and self._spoken is not None:
            status = "broken"  # the client got the beginning of a stream
        return TurnOutcome(
            status,
            tuple(self._steps),
            reply=None if call is None else self._heard(call),
            error=error,
            ttft_ms=None if call is None else self._ttft_ms(call),
            dropped=() if call is None else call.outgoing.dropped,
            simulated=self._simulated(call),
            gateway_us=self.gateway_us,
            prepared_ms=self._prepared_ms,
            handoffs=tuple(self._handoffs),
            checks=(*self._said_first(), *self._checks),
        )

    def _simulated(self, call: Call | None) -> bool:
        """Tell whether no real model was at work; a turn that failed counts as those it called, or would have called."""
        if call is not None:
            return call.target.endpoint.simulated
        dispatch = self._engine.dispatch
        called = {step.model for step in self._steps} or {self.decision.model}
        endpoints = [dispatch.endpoints.get(dispatch.catalog.get(name).provider) for name in called]
        return all(endpoint is not None and endpoint.simulated for endpoint in endpoints)

    @property
    def _spoken(self) -> str | None:
        return None if self._filler is None else self._filler.spoken

    def _heard(self, call: Call) -> Reply:
        """Return the reply as the client got it: words said before it are a part of their own."""
        reply = self._told(call)
        if self._spoken is None:
            return reply
        return msgspec.structs.replace(reply, parts=(Text(self._spoken), *reply.parts))

    def _said_first(self) -> tuple[CheckRecord, ...]:
        if self._filler is None or self._filler.spoken is None:
            return ()
        after = (self._filler.at_ns - self.ask.started_ns) / 1e6
        text = f"said after {after:.0f} ms, no model's words: {self._filler.spoken.strip()}"
        return (CheckRecord("voice.filler", True, self.decision.model, "released", text),)

    def _ttft_ms(self, call: Call) -> float | None:
        """Time to first token as the client saw it: from the arrival of the request, all that came before included."""
        if not self.ask.turn.stream:
            return None
        if self._held is not None:
            return None if self._shown_ns is None else (self._shown_ns - self.ask.started_ns) / 1e6
        if call.ttft_ms is None or call.whole is not None:
            return None
        return (call.started_ns - self.ask.started_ns) / 1e6 + call.ttft_ms

    async def _end_asides(self) -> None:
        """Stop what was started beside the turn; its calls become steps before the record is written."""
        asides, self._asides = self._asides, set()
        for task in asides:
            task.cancel()
        await asyncio.gather(*asides, return_exceptions=True)

    async def _keep(self, outcome: TurnOutcome) -> TurnRecord:
        self._kept = True
        self.record = await self._engine.keep(self.ask, self.decision, outcome)
        return self.record


def _whole(wish: Wish) -> Wish:
    """Return the wish for a reply that nobody waits to see word by word."""
    turn = wish.turn
    return msgspec.structs.replace(wish, turn=msgspec.structs.replace(turn, stream=False)) if turn.stream else wish
