"""Money, rates and health, asked before every call: one ``admit``, one ``settle``.

``admit`` takes, in this order, a place at the endpoint's breaker, the tokens of the rate limits, the money of the budgets and a
key; when one refuses, what was taken before goes back. ``settle`` hears the step that became of the call and gives each of
them its truth.

What a call is taken to have cost, when it did not end well:

* an error answer, or a connection that was never made: nothing;
* a stream that broke or was left after some content: the estimate in its record;
* any other end (silence, a cut before the first content, a client that left before anything came): unknown, so the
  whole reservation stays spent. Unknown is never zero.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.models import Model
from pointsman.domain.decision import Exclusion
from pointsman.domain.rates import RateState
from pointsman.domain.record import StepRecord
from pointsman.domain.turn import Turn
from pointsman.errors import BudgetExceeded, ProviderError
from pointsman.execution.ask import Ask
from pointsman.execution.limits.breakers import Breakers, Outcome, outcome_of_kind
from pointsman.execution.limits.budgets import Budgets, Hold
from pointsman.execution.limits.rates import Rates, Ticket
from pointsman.execution.limits.scopes import Scopes, scopes_of
from pointsman.execution.limits.spread import Lease, Spread
from pointsman.execution.limits.worst_case import Measure, Quote
from pointsman.execution.work import SET_ASIDE
from pointsman.providers.seam import Endpoint
from pointsman.providers.transport_errors import was_never_sent
from pointsman.routing.policy import Policy
from pointsman.store.money import to_pico

_OK = 200
_NOT_EVEN_WRITTEN = frozenset({"invalid_request", "unsupported_parameter", "invalid_endpoint"})
"""Without a status of the provider these mean that we could not put the turn into its words."""


class CallPermit:
    """Leave to make one call. ``turn`` is what must be sent instead of the turn that was asked for; None: that one."""

    def __init__(
        self, lease: Lease, report: Callable[[Outcome], None], hold: Hold | None, ticket: Ticket | None
    ) -> None:
        self.endpoint: Endpoint | None = lease.endpoint
        self.turn: Turn | None = None
        self._lease = lease
        self._report = report
        self._hold = hold
        self._ticket = ticket

    def settle(self, step: StepRecord, retry_after: float | None = None) -> None:
        """Say what became of the call; see the module's text."""
        self._lease.give_back(step.error_code, retry_after)
        self._report(_health(step))
        free = _cost_nothing(step)
        if self._hold is not None:
            self._hold.settle(0 if free else to_pico(step.cost_usd))
        if self._ticket is not None:
            usage = step.usage
            self._ticket.settle(0 if free else None if usage is None else usage.prompt + usage.output)


class Watch:
    """The guard of one router (``work.Guard``). ``budgets`` and ``rates`` are None where the policy limits nothing."""

    def __init__(  # noqa: PLR0913 - the composition root passes each collaborator by name
        self,
        *,
        policy: Policy,
        catalog: Catalog,
        breakers: Breakers,
        spread: Spread,
        budgets: Budgets | None = None,
        rates: Rates | None = None,
    ) -> None:
        self._policy = policy
        self._catalog = catalog
        self._breakers = breakers
        self._spread = spread
        self._budgets = budgets
        self._rates = rates
        self._measure = Measure(policy.budgets.bytes_per_token, policy.budgets.max_output_tokens)
        self.tries_anyway = policy.breaker.when_all_open == "try"
        self._numbers = itertools.count()

    def adopt(self, policy: Policy) -> None:
        """Guard the models of another policy; its budgets, rates and breakers must be the same."""
        self._policy = policy

    def begin(self, ask: Ask) -> None:
        """Count the turn against the rate limits.

        Raises:
            RateLimited: there were too many in the last minute.
        """
        if self._rates is not None:
            self._rates.admit(scopes_of(ask))

    def rates(self, ask: Ask) -> RateState | None:
        """Return what is left of the client's rate limits; None where there are none."""
        return None if self._rates is None else self._rates.state(scopes_of(ask))

    def unhealthy(self, known: Mapping[str, str]) -> Mapping[str, str]:
        """Return ``known`` with every model that should not be called now, and the reason."""
        broken, resting, refused = self._breakers.refused(), self._spread.resting(), self._spread.refused()
        if not (broken or resting or refused):
            return known
        by_provider = {
            model.id: refused[model.provider] for model in self._catalog.models() if model.provider in refused
        }
        return {**by_provider, **resting, **broken, **known}

    def unaffordable(self, ask: Ask) -> Mapping[str, str]:
        """See ``work.Guard.unaffordable``."""
        if self._budgets is None or not self._budgets.prefers_cheaper:
            return {}
        scopes = scopes_of(ask)
        found = {}
        for name in (ask.routing.policy if ask.routing is not None else self._policy).models():
            model = self._catalog.get(name)
            short = self._budgets.shortage(scopes, self._quote(ask, model, ask.turn))
            if short is not None and short.cheaper:
                found[name] = str(short)
        return found

    def has_another_key(self, model: Model) -> bool:
        """Return whether another key of the provider may be used at once."""
        return self._spread.has_another(model.provider, model.id)

    def due_first(self, models: tuple[str, ...]) -> str:
        """Return which of ``models`` is tried when all of them are set aside."""
        return min(models, key=self._breakers.due_in)

    async def drain(self) -> None:
        """Wait until what was spent so far is written."""
        if self._budgets is not None:
            await self._budgets.drain()

    async def set_aside(self, ask: Ask, model: Model, call_id: str) -> Hold | None:
        """Reserve the worst case of a call that is made later, by a batch; None where no budget holds for it.

        Raises:
            BudgetExceeded: it could cost more than is left.
        """
        if self._budgets is None:
            return None
        return await self._budgets.reserve(scopes_of(ask), self._quote(ask, model, ask.turn), call_id)

    def settle_left(self, call_id: str, actual: int | None) -> None:
        """Say what a call cost for which a process that has ended had set money aside (pico-dollars, None unknown)."""
        if self._budgets is not None:
            self._budgets.settle_left(call_id, actual)

    async def admit(
        self, ask: Ask, model: Model, turn: Turn, *, limit_s: float = math.inf, force: bool = False
    ) -> CallPermit:
        """Return leave for a call, waiting for it at most ``limit_s`` seconds; ``force`` asks no breaker.

        Raises:
            ProviderError: of kind ``set_aside``: the endpoint keeps failing.
            BudgetExceeded: it could cost more than is left.
            RateLimited: it could take more tokens than may be taken now.
        """
        report = self._breakers.enter(model.id, force=force)
        if report is None:
            reason = self._breakers.refusal(model.id) or "it kept failing"
            raise ProviderError(
                f"{model.id} is set aside: {reason}",
                provider=model.provider,
                kind=SET_ASIDE,
                retry="other",
                retry_after=self._breakers.due_in(model.id) or None,
            )
        try:
            return await self._permit(ask, model, turn, report, limit_s)
        except BaseException:
            report("nothing")
            raise

    async def _permit(
        self, ask: Ask, model: Model, turn: Turn, report: Callable[[Outcome], None], limit_s: float
    ) -> CallPermit:
        if self._budgets is None and self._rates is None:
            return CallPermit(self._spread.take(model.provider, model.id), report, None, None)
        scopes = scopes_of(ask)
        quote = self._quote(ask, model, turn)
        quote = self._within_rates(scopes, quote)
        hold = None
        if self._budgets is not None:
            hold = await self._budgets.reserve(scopes, quote, f"{scopes.turn}#{next(self._numbers)}", limit_s)
            quote = msgspec.structs.replace(quote, tokens=hold.max_output or quote.tokens)
        try:
            ticket = None if self._rates is None else self._rates.take(scopes, quote.most_tokens)
            permit = CallPermit(self._spread.take(model.provider, model.id), report, hold, ticket)
        except BaseException:
            if hold is not None:
                hold.settle(0)
            raise
        permit.turn = self._shortened(model, turn, quote)
        return permit

    def _quote(self, ask: Ask, model: Model, turn: Turn) -> Quote:
        at = datetime.fromtimestamp(ask.arrived_us / 1e6, UTC)
        return self._measure.quote(
            model, self._catalog.rates(model.id, at), turn, self._policy.budgets.min_output_tokens
        )

    def _within_rates(self, scopes: Scopes, quote: Quote) -> Quote:
        """Shorten a reply whose length the client left open to half of what the minute holds, if that is worth it."""
        room = None if self._rates is None else self._rates.room(scopes)
        if room is None or quote.named or quote.prompt_tokens is None or quote.tokens is None:
            return quote
        most = (room - quote.prompt_tokens) // quote.copies
        if quote.shortest <= most < quote.tokens:
            # Half of it, as with money: one open-ended reply must not lock out all others for its minute.
            half = (room // 2 - quote.prompt_tokens) // quote.copies
            return msgspec.structs.replace(quote, tokens=max(half, quote.shortest))
        return quote

    def _shortened(self, model: Model, turn: Turn, quote: Quote) -> Turn | None:
        """Return the turn with the limit that the reservation stands on, where the client set none and the model's is longer."""
        if turn.max_output_tokens is not None or quote.tokens is None:
            return None
        usual, _ = Measure().output_tokens(model, turn)
        if usual is not None and quote.tokens >= usual:
            return None
        return msgspec.structs.replace(turn, max_output_tokens=quote.tokens)


def set_aside(excluded: tuple[Exclusion, ...]) -> ProviderError:
    """Return the error of a turn that only models could answer that are set aside, where the policy tries none of them."""
    why = "; ".join(f"{item.model}: {item.text}" for item in excluded if item.constraint == "health")
    return ProviderError(why or "every model is set aside", kind=SET_ASIDE, retry="no")


def out_of_money(excluded: tuple[Exclusion, ...]) -> BudgetExceeded | None:
    """Return the error of a turn for which only money was short; None where it was something else."""
    short = [item for item in excluded if item.constraint == "budget"]
    return BudgetExceeded(short[0].text) if short else None


def _health(step: StepRecord) -> Outcome:
    if step.status == "ok":
        return "ok"
    return "nothing" if step.status == "cancelled" else outcome_of_kind(step.error_code)


def _cost_nothing(step: StepRecord) -> bool:
    if step.status != "error" or step.cost_usd:
        return False
    if step.http_status is not None:
        return step.http_status != _OK
    return step.error_code in _NOT_EVEN_WRITTEN or was_never_sent(step.error_text or "")
