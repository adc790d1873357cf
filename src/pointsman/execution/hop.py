"""One answer, wanted from the first of several models that gives one; every call made becomes a step."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.models import Model
from pointsman.catalog.prices import Rates
from pointsman.domain.record import Status, StepRecord
from pointsman.errors import (
    BudgetExceeded,
    PointsmanError,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    RequestError,
)
from pointsman.execution.ask import Ask
from pointsman.execution.calls import Call, Deadlines, Target
from pointsman.execution.hedging import Hedge, Try, race
from pointsman.execution.records import failed_step, step_of
from pointsman.execution.work import SET_ASIDE, Guard, Permit, Wish, is_refusal
from pointsman.providers.seam import Dialect, Endpoint, Transport

_BACKOFF_S = 0.5
_LONGEST_WAIT_S = 8.0
_SPREAD = 0.1
"""Share by which a wait that the provider named is stretched by chance, so that not all who wait come back at once."""
_ABOUT_THE_KEY = frozenset({"rate_limit", "authentication", "permission", "billing", "quota"})
_OUTRUN = "another model showed its first content sooner"
_SHARE = 0.5
"""Of the time that is left, what one call may take while there is another model to try: silence must leave time for it."""


class Attempts(msgspec.Struct, frozen=True):
    """How often an answer may be tried for: calls in all, and calls to one model."""

    total: int = 4
    per_model: int = 2


class Dispatch(msgspec.Struct, frozen=True):
    """What every call needs, put together once."""

    catalog: Catalog
    endpoints: Mapping[str, Endpoint]
    dialects: Mapping[str, Dialect]
    transport: Transport
    deadlines: Deadlines
    attempts: Attempts
    guard: Guard | None = None
    hedge: Hedge | None = None

    def target(self, model: Model, endpoint: Endpoint | None = None) -> Target:
        """Return where ``model`` is called: at ``endpoint``, or where its provider is usually reached."""
        endpoint = endpoint or self.endpoints[model.provider]
        return Target(model, endpoint, self.dialects[endpoint.dialect])


class Hop:
    """A wish on its way. Call ``open``, read ``call``, and ``finish`` in every case."""

    def __init__(self, dispatch: Dispatch, ask: Ask, wish: Wish, steps: list[StepRecord]) -> None:
        self.wish = wish
        self.call: Call | None = None
        self.finished = False
        self.first_call_ns: int | None = None
        self._dispatch = dispatch
        self._ask = ask
        self._steps = steps
        self._made: list[StepRecord] = []
        self._attempt = 1
        self._permit: Permit | None = None
        self._rival: str | None = None

    async def open(self, ends_at: float) -> None:
        """Call models in the wish's order until one shows its first content (or answers whole).

        ``ends_at`` is the turn's deadline on the monotonic clock.

        Raises:
            PointsmanError: none did; the error is the last one.
        """
        if self.wish.limit_s is not None:
            ends_at = min(ends_at, time.monotonic() + self.wish.limit_s)
        error: PointsmanError | None = None
        refusal: PointsmanError | None = None
        for model_id, attempt in self._order():
            if (attempt > 1 or error is not None) and not await self._may_go_on(error, model_id, attempt, ends_at):
                continue
            last = len(self._made) + 1 >= self._dispatch.attempts.total or len(self.wish.models) == 1
            share = 1 if last else _SHARE
            hedge = self._dispatch.hedge
            other = None if hedge is None or self._made else self._beside(model_id)
            if hedge is None or other is None:
                found = await self._try(model_id, attempt, ends_at, share)
            else:
                found = await self._try_two(hedge, model_id, other, ends_at, share)
            if found is None:
                return
            if not self._is_step(model_id, attempt):
                refusal = found
                continue
            error = found
            if _is_final(error) or time.monotonic() >= ends_at:
                break
        if error is None and self._all_set_aside(refusal):
            error = await self._try(self._guard().due_first(self.wish.models), 1, ends_at, 1, force=True)
            if error is None:
                return
        raise error or refusal or ProviderError("no model was tried", kind="internal", retry="no")

    def _is_step(self, model_id: str, attempt: int) -> bool:
        """Tell whether the last try was a call, or one that was never made."""
        return bool(self._made) and (self._made[-1].model, self._made[-1].attempt) == (model_id, attempt)

    def _all_set_aside(self, refusal: PointsmanError | None) -> bool:
        guard = self._dispatch.guard
        set_aside = isinstance(refusal, ProviderError) and refusal.kind == SET_ASIDE
        return set_aside and guard is not None and guard.tries_anyway

    def _guard(self) -> Guard:
        if self._dispatch.guard is None:
            raise ProviderError("there is no guard", kind="internal", retry="no")
        return self._dispatch.guard

    def finish(self, status: Status, error: PointsmanError | None = None, *, ours: bool = False) -> StepRecord | None:
        """Keep the step of the call that was opened, if there is one; see ``step_of`` for ``ours``."""
        call = self.call
        if call is None or self.finished:
            return None
        self.finished = True
        if status != "ok":
            call.close()
        return self._keep(step_of(call, status, self._rates(call), error, self._attempt, ours=ours), error)

    def _keep(self, step: StepRecord, error: PointsmanError | None) -> StepRecord:
        since_ms = (time.perf_counter_ns() - self._ask.started_ns) / 1e6
        step = msgspec.structs.replace(
            step,
            purpose=self.wish.purpose,
            prompt=_prompt(self._ask, self.wish),
            started_ms=round(max(since_ms - step.duration_ms, 0.0), 3),
        )
        self._made.append(step)
        self._steps.append(step)
        permit, self._permit = self._permit, None
        if permit is not None:
            permit.settle(step, error.retry_after if isinstance(error, ProviderError) else None)
        return step

    def _order(self) -> Iterator[tuple[str, int]]:
        """Yield (model, attempt) pairs in the order they would be tried."""
        for model in self.wish.models:
            for attempt in range(1, self._dispatch.attempts.per_model + 1):
                if model != self._rival:
                    yield model, attempt

    async def _may_go_on(self, error: PointsmanError | None, model_id: str, attempt: int, ends_at: float) -> bool:
        """Return whether the next pair is worth trying after ``error``; waits before a repeat at the same model."""
        if len(self._made) >= self._dispatch.attempts.total:
            return False
        if attempt == 1:
            return True
        if not self._is_step(model_id, attempt - 1) or not isinstance(error, ProviderError):
            return False
        if error.kind in _ABOUT_THE_KEY and self._has_another_key(model_id):
            return True
        wait = _wait(error, attempt)
        if error.retry != "same" or wait > min(_LONGEST_WAIT_S, ends_at - time.monotonic()):
            return False
        await asyncio.sleep(wait)
        return True

    def _has_another_key(self, model_id: str) -> bool:
        guard = self._dispatch.guard
        return guard is not None and guard.has_another_key(self._dispatch.catalog.get(model_id))

    async def _try(
        self, model_id: str, attempt: int, ends_at: float, share: float, *, force: bool = False
    ) -> PointsmanError | None:
        """Make one call; return None when it has something to show, else the error, recorded as a step if it was made."""
        started_ns = time.perf_counter_ns()
        self._attempt = attempt
        model = self._dispatch.catalog.get(model_id)
        try:
            call = self._written(model, await self._admitted(model, ends_at - time.monotonic(), force=force))
        except PointsmanError as error:
            if is_refusal(error) or (self._made and isinstance(error, BudgetExceeded | RateLimited)):
                return error
            if not isinstance(error, RequestError | ProviderError):
                raise
            self._keep(failed_step(model_id, error, started_ns, attempt), error)
            return error
        self.call = call
        if self.first_call_ns is None:
            self.first_call_ns = time.perf_counter_ns()
        remaining_s = ends_at - time.monotonic()
        try:
            await call.open(self._dispatch.transport, remaining_s * share, remaining_s)
        except ProviderError as error:
            # It has its step now: whatever ends the turn from here on is not about this call any more.
            self._keep(step_of(call, "error", self._rates(call), error, attempt), error)
            call.close()
            self.call = None
            return error
        return None

    def _beside(self, model_id: str) -> str | None:
        """Return the model of a second call, where there may be one: somebody waits for words, and it may say them too."""
        wish = self.wish
        if not wish.turn.stream or wish.turn.in_tool_loop or self._rival or self._dispatch.attempts.total == 1:
            return None
        return next(iter(wish.models[wish.models.index(model_id) + 1 :]), None)

    async def _try_two(
        self, hedge: Hedge, model_id: str, other: str, ends_at: float, share: float
    ) -> PointsmanError | None:
        """Like ``_try``, with a second call to ``other`` where the first shows nothing for too long."""
        hedge.count()
        rival = Hop(self._dispatch, self._ask, self.wish, self._steps)

        def second() -> Try:
            self._rival = other
            return rival._try(other, 1, ends_at, share)

        won: int | None = None
        try:
            won, error = await race(self._try(model_id, 1, ends_at, share), second, hedge)
        finally:
            if won == 1:
                self._lose(ours=True)
            else:
                rival._lose(ours=won == 0)
        self._made = [*rival._made, *self._made]
        if won == 1:
            self.call, self._permit, self._attempt = rival.call, rival._permit, 1
        return error

    def _lose(self, *, ours: bool) -> None:
        """Cut the call, if there is one, and keep its step: another was faster, or (not ``ours``) the client left."""
        call = self.call
        if call is None:
            return
        step = step_of(call, "cancelled", self._rates(call), None, self._attempt, ours=ours)
        call.close()
        self.call = None
        self._keep(msgspec.structs.replace(step, error_text=_OUTRUN) if ours else step, None)

    async def _admitted(self, model: Model, limit_s: float, *, force: bool) -> Permit | None:
        guard = self._dispatch.guard
        if guard is None:
            return None
        self._permit = await guard.admit(self._ask, model, self.wish.turn, limit_s=limit_s, force=force)
        return self._permit

    def _written(self, model: Model, permit: Permit | None) -> Call:
        """Put the wish into the words of the model's provider."""
        dispatch, ask, wish = self._dispatch, self._ask, self.wish
        target = dispatch.target(model, permit.endpoint if permit is not None else None)
        changed = permit.turn if permit is not None else None
        relay = wish.relay and changed is None and ask.body is not None and target.dialect.name == ask.dialect
        return Call(target, changed or wish.turn, ask.body if relay else None, dispatch.deadlines)

    def _rates(self, call: Call) -> Rates | None:
        at = datetime.fromtimestamp(self._ask.arrived_us / 1e6, UTC)
        return self._dispatch.catalog.rates(call.target.model.id, at)


def _prompt(ask: Ask, wish: Wish) -> str | None:
    """Return the versions of the prompts a call was given: the agent's own, and behind it that of the route's stage."""
    if wish.prompt is None or (wish.purpose == "reply" and ask.prompt is not None):
        return " ".join(filter(None, (ask.prompt, wish.prompt))) or None
    return wish.prompt


def _is_final(error: PointsmanError) -> bool:
    """Return True when neither another try nor another model can help."""
    if isinstance(error, ProviderTimeout):
        return False
    return isinstance(error, ProviderError) and error.retry == "no"


def _wait(error: ProviderError, attempt: int) -> float:
    """Return the seconds to wait before a repeat: what the provider named, else full jitter (Brooker, AWS, 2015)."""
    if error.retry_after is not None:
        return error.retry_after * (1 + _SPREAD * random.random())  # noqa: S311 - chance, no secret
    return random.uniform(0, _BACKOFF_S * 2.0 ** (attempt - 2))  # noqa: S311
