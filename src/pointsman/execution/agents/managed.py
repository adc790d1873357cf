"""A managed run in the shape of a running turn: the gateway and the Python door answer with either."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.decision import Decision
from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Event, RefusalDelta, Reply, ReplyEnd, ReplyStart, TextDelta, UsageReport
from pointsman.errors import PointsmanError, ProviderError
from pointsman.execution.agents.loop import Loop
from pointsman.execution.ask import Ask
from pointsman.execution.assemble import events_of
from pointsman.execution.calls import Call
from pointsman.store.agent_runs import AgentRuns, Ending, RunState

ROUTE = "agent"
_LEFT = Ending("cancelled", "client", error_text="the client left")


class ManagedRun:
    """One request for an agent. ``open`` does all the work; then ``stream`` or ``reply``, and ``commit``; or ``cancel``.

    ``loop`` None: the run has its answer already (the request was sent again), which is ``ready``.
    """

    relayed = False

    def __init__(  # noqa: PLR0913 - what a run is known by, by name
        self,
        ask: Ask,
        run_id: str,
        runs: AgentRuns,
        *,
        policy: str,
        loop: Loop | None = None,
        ready: Reply | None = None,
    ) -> None:
        self.ask = ask
        self.run_id = run_id
        self.ending: Ending | None = None
        self._runs = runs
        self._loop = loop
        self._ready = ready
        # Named until a model has been chosen: nothing is known of one before the first step.
        self._nobody = Decision(id=run_id, route=ROUTE, model=ask.turn.model, tier="small", policy=policy)

    @property
    def loop(self) -> Loop:
        """The run's loop.

        Raises:
            ProviderError: the run has its answer already and does nothing more.
        """
        if self._loop is None:
            raise ProviderError("the run has its answer already", kind="internal", retry="no")
        return self._loop

    @property
    def state(self) -> RunState:
        """How the run stands."""
        if self.ending is not None:
            return self.ending.state
        return "running" if self._loop is not None else "done"

    @property
    def decision(self) -> Decision:
        """The decision of the latest step."""
        current = self._loop.current if self._loop else None
        return self._nobody if current is None else current.decision

    @property
    def steps(self) -> tuple[TurnRecord, ...]:
        """The turns this request has taken so far, in order."""
        return tuple(self._loop.records) if self._loop else ()

    @property
    def answered(self) -> bool:
        """Whether a model has answered in this request (the answer to an approval may need none)."""
        return bool(self.steps)

    @property
    def call(self) -> Call:
        """The model call of the latest step."""
        if self._loop is None or self._loop.current is None:
            raise ProviderError("no model was called", kind="internal", retry="no")
        return self._loop.current.call

    @property
    def model(self) -> Model:
        """The model of the latest step."""
        return self.call.target.model

    @property
    def reply(self) -> Reply:
        """The final reply, or the question for an approval; only after ``open``."""
        reply = self._ready if self.ending is None else self.ending.reply
        if reply is None:
            raise ProviderError("the run has no reply yet", kind="internal", retry="no")
        return reply

    @property
    def cost_usd(self) -> Decimal | None:
        """What this request cost; None when the cost of one step is unknown."""
        costs = [record.cost_usd for record in self.steps]
        return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))

    async def open(self) -> None:
        """Run until there is a reply for the customer, or the final one has begun to come to a client that streams.

        Raises:
            PointsmanError: there is none. Everything the run did is kept, and the same request takes it up again.
        """
        if self._loop is None:
            return
        async with self._kept_on_failure():
            ending = await self._loop.go()
            if ending is not None:
                await self._end(ending)

    @contextlib.asynccontextmanager
    async def _kept_on_failure(self) -> AsyncIterator[None]:
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            if self.ending is None:  # ``cancel`` may have been first, and the run taken up again since
                await asyncio.shield(self._end(_LEFT))
            raise
        except PointsmanError as error:
            await self._end(Ending("failed", "error", error_code=error.code, error_text=str(error)[:500]))
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {error}"[:500]
            await self._end(Ending("failed", "error", error_code="internal_error", error_text=text))
            raise

    async def _end(self, ending: Ending) -> None:
        if self._loop is not None:
            await self._runs.end(self.run_id, self._loop.run.owner, ending)
        self.ending = ending

    async def stream(self) -> AsyncIterator[list[Event]]:
        """Yield the reply as events: the final step's while they come, once it is known which step that is."""
        loop = self._loop
        if loop is None or loop.live is None:
            yield events_of(self.reply)
            return
        began, said, ending = False, False, None
        async with self._kept_on_failure():
            while ending is None:
                live = loop.live
                if live is not None:
                    async for piece in live.running.stream():
                        events = [event for event in piece if _shown(event, began)] if isinstance(piece, list) else []
                        began = began or bool(events)
                        said = said or any(isinstance(event, TextDelta) for event in events)
                        if events:
                            yield events
                    ending = await loop.finish_live()
                    if ending is not None and ending.state == "done":
                        break  # what was shown is the reply
                if ending is None:
                    ending = await loop.go()
                if ending is not None:
                    yield [TextDelta(("\n\n" if said else "") + (ending.reply.text if ending.reply else ""))]
            await self._end(ending)
        yield [*_usage(self.reply), ReplyEnd(self.reply.stop_reason, self.reply.stop_sequence)]

    async def commit(self) -> TurnRecord:
        """Return the record of the last step with the cost of the whole request; everything was kept while it ran.

        From here on the reply counts as delivered.
        """
        if self.state == "done":
            await self._runs.deliver(self.run_id)
        if not self.steps:
            return _nothing_called(self.ask, self._nobody)
        return msgspec.structs.replace(self.steps[-1], cost_usd=self.cost_usd)

    async def cancel(self) -> None:
        """The client left: a reply that was coming is cut and recorded; one that is complete is kept for the next try."""
        live = self._loop.live if self._loop else None
        if live is not None:
            await live.running.cancel()
        if self._loop is not None and self.ending is None:
            await self._end(_LEFT)

    async def fail(self, error: PointsmanError) -> None:
        """The reply cannot be shown; what the run did is kept."""
        if self._loop is not None and self.ending is None:
            await self._end(Ending("failed", "error", error_code=error.code, error_text=str(error)[:500]))


def _shown(event: Event, began: bool) -> bool:
    """Return whether an event of a step is for the customer: its words are, its calls and its end are the run's."""
    return isinstance(event, TextDelta | RefusalDelta) or (isinstance(event, ReplyStart) and not began)


def _usage(reply: Reply) -> list[Event]:
    return [] if reply.usage is None else [UsageReport(reply.usage)]


def _nothing_called(ask: Ask, decision: Decision) -> TurnRecord:
    return TurnRecord(
        id=decision.id,
        conversation_id=ask.conversation_id,
        at_us=ask.arrived_us,
        dialect=ask.dialect,
        status="ok",
        decision=decision,
        steps=(),
        duration_ms=0.0,
        cost_usd=Decimal(0),
    )
