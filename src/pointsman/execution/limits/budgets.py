"""Budgets: the worst case of a call is reserved before it is sent, and settled to what it cost.

What counts against a cap is spent + held. A reservation is taken from every cap that applies or from none, in one step of the
event loop, so no number of concurrent calls can overshoot a cap: the sum of what may still be billed never exceeds it. The
actual cost replaces the reservation; an unknown cost keeps it, since unknown is never zero.

The amounts live in memory, for one process per store, and are written behind: a reservation when it is made, the cost when
it is settled. After a crash the reservations found in the store count as spent. What a crash can lose is the reservations of
the last commit that had not become durable (milliseconds), never a settled amount whose reservation was.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Protocol

import msgspec

from pointsman.domain.money import in_dollars
from pointsman.errors import BudgetExceeded, StoreError
from pointsman.execution.limits.scopes import Scopes, scope_id, words
from pointsman.execution.limits.worst_case import Quote
from pointsman.routing.sections_budgets import WAIT_S, Cap, Per
from pointsman.store.money import from_pico, to_pico
from pointsman.store.spend import Account, Job, Spend

_log = logging.getLogger(__name__)

_FOR_GOOD = "total"
_EXHAUSTED = "it is used up"
_LEAST = Decimal("0.0001")


class Book(Protocol):
    """Where accounts are kept (``pointsman.store.spend.SpendBook``)."""

    def find(self, account: Account) -> Spend:
        """Return what the account has spent."""
        ...

    def hold(self, call_id: str, accounts: tuple[Account, ...], pico: int, at_us: int) -> Job:
        """Return the job that notes a reservation."""
        ...

    def settle(self, call_id: str, accounts: tuple[Account, ...], spend: Spend) -> Job:
        """Return the job that turns it into what was spent."""
        ...

    def settle_left(self, call_id: str, pico: int | None) -> Job:
        """Return the job that turns a reservation of another process into what was spent; None: unknown."""
        ...

    def post(self, job: Job) -> asyncio.Future[None]:
        """Line a job up; the future resolves once it is durable."""
        ...


class _State:
    """An account in memory: pico-dollars spent, and held for calls on their way."""

    __slots__ = ("assumed", "held", "spent", "unwritten", "warned")

    def __init__(self, spend: Spend) -> None:
        self.spent = spend.spent
        self.assumed = spend.assumed
        self.held = 0
        self.unwritten = 0
        self.warned = False


class _Charge(msgspec.Struct, frozen=True):
    """One cap that applies to a call, with its account. ``limit`` is in pico-dollars."""

    cap: Cap
    account: Account
    state: _State
    limit: int

    @property
    def left(self) -> int:
        return self.limit - self.state.spent - self.state.held


class Hold:
    """A reservation. ``max_output`` is the limit the reply must be given so that it fits; None: as it was."""

    def __init__(self, budgets: Budgets, call_id: str, charges: Sequence[_Charge], worst: int | None) -> None:
        self._budgets = budgets
        self._call_id = call_id
        self.charges = charges
        self.worst = worst
        self.max_output: int | None = None
        self._open = True

    def settle(self, actual: int | None) -> None:
        """Replace the reservation by the actual cost in pico-dollars; None keeps it as spent. Later calls change nothing."""
        if self._open:
            self._open = False
            self._budgets.close(self._call_id, self.charges, self.worst, actual)


class Budgets:
    """All caps of a policy. Used by one event loop; ``clock`` gives the time in UTC."""

    def __init__(
        self,
        caps: Sequence[Cap],
        book: Book,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        most: int = 50_000,
    ) -> None:
        self._caps = tuple((cap, to_pico(cap.usd) or 0) for cap in caps)
        self._book = book
        self._clock = clock
        self._most = most
        self._named = {(cap.of, cap.name, cap.per) for cap in caps if cap.name is not None}
        self._states: OrderedDict[Account, _State] = OrderedDict()
        self._waiting: set[asyncio.Future[None]] = set()
        self._writes: set[asyncio.Future[None]] = set()
        self._told = False

    @property
    def prefers_cheaper(self) -> bool:
        """Whether a cap wants a cheaper model to be tried when a call does not fit."""
        return any(cap.at_cap == "cheaper" for cap, _ in self._caps)

    async def reserve(self, scopes: Scopes, quote: Quote, call_id: str, limit_s: float = math.inf) -> Hold:
        """Reserve the worst case of one call, waiting where the policy says so, but at most ``limit_s`` seconds.

        Raises:
            BudgetExceeded: it does not fit; the message names the cap.
            StoreError: an account cannot be read.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            charges = self._charges(scopes)
            short = self._short(charges, quote)
            if short is None:
                return self._hold(charges, quote, call_id)
            left_s = min(limit_s, short.cap.wait_s or WAIT_S) - (loop.time() - started)
            if short.cap.at_cap != "queue" or left_s <= 0 or not _may_free(short, quote):
                raise self._refusal(short, quote)
            await self._settled_within(left_s)

    def shortage(self, scopes: Scopes, quote: Quote) -> BudgetExceeded | None:
        """Return why a call could not be made now, None when it could; reserves nothing and does not wait."""
        short = self._short(self._charges(scopes), quote)
        return None if short is None else self._refusal(short, quote)

    def left(self, scopes: Scopes) -> int | None:
        """Return the pico-dollars left of the tightest cap that applies; None when none does."""
        return min((charge.left for charge in self._charges(scopes)), default=None)

    async def drain(self) -> None:
        """Wait until everything settled so far is written."""
        if self._writes:
            await asyncio.wait(set(self._writes))

    def _charges(self, scopes: Scopes) -> list[_Charge]:
        now = self._clock()
        found = []
        for cap, limit in self._caps:
            who = scope_id(scopes, cap.of)
            if who is None or not self._applies(cap, scopes.name(cap.of)):
                continue
            account = Account(cap.of, who, scopes.turn if cap.per == "turn" else period_of(cap.per, now))
            found.append(_Charge(cap, account, self._state(account, kept=cap.per != "turn"), limit))
        return found

    def _applies(self, cap: Cap, name: str | None) -> bool:
        if cap.name is not None:
            return cap.name == name
        return (cap.of, name, cap.per) not in self._named

    def _state(self, account: Account, *, kept: bool) -> _State:
        state = self._states.get(account)
        if state is not None:
            self._states.move_to_end(account)
            return state
        state = self._states[account] = _State(self._book.find(account) if kept else Spend())
        while len(self._states) > self._most and self._forget_one():
            pass
        return state

    def _forget_one(self) -> bool:
        """Drop the account that was used least recently, if the store knows as much of it as we do."""
        for account, state in self._states.items():
            if state.held == 0 and state.unwritten == 0:
                del self._states[account]
                return True
        return False

    def _short(self, charges: list[_Charge], quote: Quote) -> _Charge | None:
        """Return the first cap the call does not fit into, even with the shortest reply worth asking for."""
        for charge in charges:
            if quote.worst is None:
                if charge.cap.unknown_price == "refuse":
                    return charge
                continue
            least = quote.least if charge.cap.fit else quote.worst
            if least > max(0, charge.left):
                return charge
        return None

    def _hold(self, charges: list[_Charge], quote: Quote, call_id: str) -> Hold:
        worst, lowered = quote.worst, None
        left = min((charge.left for charge in charges), default=None)
        if worst is not None and left is not None and worst > max(0, left):
            # Half of what is left: one open-ended reply must not lock out everybody else until it has settled.
            lowered = max(quote.output_within(left // 2), min(quote.shortest, quote.output_within(left)))
            worst = quote.at(lowered)
        hold = Hold(self, call_id, charges, worst)
        hold.max_output = lowered
        for charge in charges:
            charge.state.held += worst or 0
        kept = _kept(charges)
        if kept and worst:
            self._write(charges, self._book.hold(call_id, kept, worst, int(self._clock().timestamp() * 1e6)))
        return hold

    def close(self, call_id: str, charges: Sequence[_Charge], worst: int | None, actual: int | None) -> None:
        """Replace what ``charges`` hold for a call by what it cost (pico-dollars, None unknown)."""
        held = worst or 0
        spent = held if actual is None else actual
        guessed = actual is None and worst is not None
        spend = Spend(spent, held if guessed else 0, int(guessed), int(actual is None and worst is None))
        for charge in charges:
            charge.state.held -= held
            charge.state.spent += spent
            charge.state.assumed += spend.assumed
            self._warn(charge)
        kept = _kept(charges)
        if kept and (held or spent or spend.unpriced_calls):
            self._write(charges, self._book.settle(call_id, kept, spend))
        for charge in charges:
            if charge.cap.per == "turn" and charge.state.held == 0 and charge.state.spent == 0:
                self._states.pop(charge.account, None)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def settle_left(self, call_id: str, actual: int | None) -> None:
        """Put what a call cost in the place of what another process had reserved for it.

        On record only: in memory the reservation, which is more, counts until the next start.
        """
        self._write((), self._book.settle_left(call_id, actual))

    async def _settled_within(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait([future], timeout=seconds)
        finally:
            self._waiting.discard(future)

    def _warn(self, charge: _Charge) -> None:
        cap, state = charge.cap, charge.state
        if state.warned or state.spent < charge.limit * cap.warn_at:
            return
        state.warned = True
        _log.warning("budget of %s: %s of %s spent", _title(charge), _usd(state.spent), in_dollars(cap.usd))

    def _refusal(self, charge: _Charge, quote: Quote) -> BudgetExceeded:
        cap, state = charge.cap, charge.state
        cheaper = cap.at_cap == "cheaper"
        if quote.worst is None:
            return BudgetExceeded(
                f"the budget of {_title(charge)} is a hard cap, and what a call of {quote.model} may cost is unknown "
                f"({quote.why_unknown})",
                cheaper=cheaper,
            )
        need = quote.least if cap.fit else quote.worst
        left = f"{_usd(max(0, charge.left))} is left" if charge.left > 0 else _EXHAUSTED
        busy = f" and {_usd(state.held)} reserved for calls on their way" if state.held else ""
        return BudgetExceeded(
            f"the budget of {_title(charge)} is {in_dollars(cap.usd)}, {_usd(state.spent)} spent{busy}: {left}; "
            f"a call of {quote.model} may cost up to {_usd(need)}",
            retry_after=_until_next(cap.per, self._clock()) if need <= charge.limit else None,
            cheaper=cheaper,
        )

    def _write(self, charges: Sequence[_Charge], job: Job) -> None:
        # Lined up at once, so that a turn's record is never durable before what it spent.
        try:
            writing = self._book.post(job)
        except StoreError as error:
            self._tell(error)
            return
        for charge in charges:
            charge.state.unwritten += 1
        self._writes.add(writing)
        writing.add_done_callback(partial(self._written, charges))

    def _written(self, charges: Sequence[_Charge], writing: asyncio.Future[None]) -> None:
        self._writes.discard(writing)
        if writing.cancelled():
            return
        if error := writing.exception():
            self._tell(error)
            return
        self._told = False
        for charge in charges:
            charge.state.unwritten -= 1

    def _tell(self, error: BaseException) -> None:
        """Log once that spending is not on record.

        Memory stays right; a reservation that stays in the store makes the next start count too much, never too little.
        """
        if not self._told:
            _log.warning("what budgets spend is not on record: %s", error)
        self._told = True


def period_of(per: Per, now: datetime) -> str:
    """Return the period ``now`` falls into: 2026-11-22, 2026-11, or total. Days and months are those of UTC."""
    if per == "day":
        return now.strftime("%Y-%m-%d")
    return now.strftime("%Y-%m") if per == "month" else _FOR_GOOD


def start_of(per: Per, now: datetime) -> datetime:
    """Return when the period of ``now`` began; the beginning of time for ``total``."""
    if per == "day":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "month":
        return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return datetime(1970, 1, 1, tzinfo=UTC)


def _until_next(per: Per, now: datetime) -> float | None:
    if per == "day":
        return (start_of("day", now) + timedelta(days=1) - now).total_seconds()
    if per == "month":
        return (start_of("month", start_of("month", now) + timedelta(days=32)) - now).total_seconds()
    return None


def _may_free(charge: _Charge, quote: Quote) -> bool:
    """Tell whether the call would fit if every call on its way turned out to cost nothing."""
    if quote.worst is None or charge.state.held == 0:
        return False
    need = quote.least if charge.cap.fit else quote.worst
    return need <= charge.limit - charge.state.spent


def _kept(charges: Sequence[_Charge]) -> tuple[Account, ...]:
    return tuple(dict.fromkeys(charge.account for charge in charges if charge.cap.per != "turn"))


def _title(charge: _Charge) -> str:
    if charge.cap.per == "turn":
        return "this turn"
    per = {"day": "per day", "month": "per month", "total": "in all"}[charge.cap.per]
    return f"{words(charge.cap.of, charge.account.id)} {per}"


def _usd(pico: int) -> str:
    """Four decimals where cents do not say it all: what is left and what a call may cost often differ by less than a cent."""
    amount = from_pico(pico)
    if amount is None:
        return "unknown"
    fraction = amount >= _LEAST and amount != round(amount, 2)
    return f"${amount:,.4f}" if fraction else in_dollars(amount)
