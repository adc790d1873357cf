"""What the parts of a running turn say to each other: wishes, checks, stages and the desk they work at.

A route that needs more than one model call is a ``Stage``: it looks at the wish as it stands (which turn, which models),
may consult models on the way, and returns the wish to go on with. What must hold of a reply before a customer sees it is a
``Check`` on the wish. The engine runs stages, the wish and its checks in order, keeps every call as a step, and bounds it all.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.decision import Decision
from pointsman.domain.rates import RateState
from pointsman.domain.record import CheckRecord, Handoff, StepRecord
from pointsman.domain.reply import Event, Reply
from pointsman.domain.turn import Turn
from pointsman.errors import BudgetExceeded, PointsmanError, ProviderError
from pointsman.execution.ask import Ask
from pointsman.execution.routes.filler import Filler
from pointsman.providers.seam import Endpoint

MOST_HANDOFFS = 2
"""Handoffs a turn may have. A hard bound: each one adds a model's delay and a chance to lose what the customer said."""

MOST_REDOS = 4
"""How often checks may send a reply back in one turn, whatever their own bounds are."""


class Wish(msgspec.Struct, frozen=True):
    """An answer that is wanted: of which turn, from which models (the first that gives one), and what must hold of it.

    ``purpose`` and ``prompt`` go into the steps. ``relay`` False keeps the client's own bytes from being passed on, for a
    turn that is no longer the client's. ``limit_s`` bounds the whole wish in seconds beyond the turn's own deadline.
    ``opening`` may let a stream be shown from its beginning, without the checks. ``sent_back`` is the purpose of the step of a
    reply that a check did not release; None: as any other. ``stages`` are gone through first where a check returns the wish.
    """

    turn: Turn
    models: tuple[str, ...]
    purpose: str = "reply"
    prompt: str | None = None
    relay: bool = False
    checks: tuple[Check, ...] = ()
    limit_s: float | None = None
    opening: Opening | None = None
    sent_back: str | None = None
    stages: tuple[Stage, ...] = ()


class Desk(Protocol):
    """A running turn as its stages and checks see it."""

    ask: Ask
    decision: Decision

    @property
    def answering(self) -> str:
        """The model id of the call whose reply is being checked; the decision's before there is one."""
        ...

    @property
    def steps(self) -> Sequence[StepRecord]:
        """The calls made so far that have ended, in the order they did."""
        ...

    async def consult(self, wish: Wish) -> Reply:
        """Return the whole reply of an extra call, never shown to the client; every attempt becomes a step.

        Raises:
            PointsmanError: no model of the wish gave one in time.
        """
        ...

    def aside(self, work: Coroutine[Any, Any, Reply]) -> Awaitable[Reply]:
        """Start ``work`` beside the turn; it is cancelled, and its calls kept as steps, when the turn ends first."""
        ...

    def hand_over(self, handoff: Handoff) -> None:
        """Put a handoff on record.

        Raises:
            TooManyHandoffs: the turn has had ``MOST_HANDOFFS``.
        """
        ...

    @property
    def handoffs_left(self) -> int:
        """How many handoffs the turn may still have."""
        ...

    def note(self, check: CheckRecord) -> None:
        """Put the finding of a check on record."""
        ...

    def reroute(self, turn: Turn, route: str | None = None) -> Decision:
        """Return how ``turn`` would be routed now, under the same limits as the turn itself; ``route``: if it took that one."""
        ...

    def take(self, decision: Decision) -> None:
        """Replace the turn's decision; it keeps its id, and the reasons so far stand before the new ones."""
        ...

    def filler(self) -> Filler | None:
        """Return what says words to the client before the reply; None where nobody listens."""
        ...

    def remaining_s(self) -> float:
        """Seconds left of the turn's total deadline."""
        ...


Check = Callable[[Desk, Wish, Reply], Awaitable[Reply | Wish]]
"""Return the reply to release (as it is, or repaired), or the wish to try instead; raise to end the turn with an error."""


class Sieve(Protocol):
    """Changes what is shown of a reply, in its stream and as a whole alike. Only for replies that are not relayed."""

    def events(self, events: list[Event]) -> list[Event]:
        """Return the events to show for these."""
        ...

    def reply(self, reply: Reply) -> Reply:
        """Return the reply as it was shown."""
        ...


Opening = Callable[[Desk, Reply], Sieve | None]
"""Looks at the first content of a stream: a sieve if it may be shown as it comes, None if it is to be read whole and checked."""

Stage = Callable[[Desk, Wish], Awaitable[Wish]]
"""Return the wish to go on with."""

Stages = Callable[[Ask, Decision], tuple[Stage, ...]]
"""Which stages a turn goes through before its answering call. Called for every turn: none must cost next to nothing."""


class Permit(Protocol):
    """Leave to make one call."""

    endpoint: Endpoint | None
    """Where to call instead of the model's usual endpoint (another key of the provider); None: there."""

    turn: Turn | None
    """What to send instead of the wish's turn (a reply made to fit a budget); None: that one."""

    def settle(self, step: StepRecord, retry_after: float | None = None) -> None:
        """Say what became of the call, and how long the provider asked to wait. Called exactly once, for every permit."""
        ...


class Held(Protocol):
    """Money that is set aside."""

    def settle(self, actual: int | None) -> None:
        """Replace it by the actual cost in pico-dollars; None keeps it as spent."""
        ...


class Guard(Protocol):
    """Money, rates and health (``guard.Watch``): asked before every turn and every call."""

    tries_anyway: bool
    """Whether a model is tried when every one that could answer is set aside."""

    def begin(self, ask: Ask) -> None:
        """Count a turn.

        Raises:
            RateLimited: its client sent too many.
        """
        ...

    def rates(self, ask: Ask) -> RateState | None:
        """Return what is left of the client's rate limits; None where there are none."""
        ...

    def unhealthy(self, known: Mapping[str, str]) -> Mapping[str, str]:
        """Return ``known`` and every model that should not be called now, with the reason."""
        ...

    async def set_aside(self, ask: Ask, model: Model, call_id: str) -> Held | None:
        """Reserve money for a call that is made later; None where no budget holds for it.

        Raises:
            BudgetExceeded: it could cost more than is left.
        """
        ...

    def settle_left(self, call_id: str, actual: int | None) -> None:
        """Say what a call cost for which a process that has ended had set money aside (pico-dollars, None unknown)."""
        ...

    def unaffordable(self, ask: Ask) -> Mapping[str, str]:
        """Return the models that are too dear for what is left of a budget whose policy wants a cheaper one, with the reason."""
        ...

    def has_another_key(self, model: Model) -> bool:
        """Return whether another key of the provider may be used at once."""
        ...

    def due_first(self, models: tuple[str, ...]) -> str:
        """Return which of ``models`` to try when all of them are set aside."""
        ...

    async def drain(self) -> None:
        """Wait until what was spent so far is written."""
        ...

    async def admit(
        self, ask: Ask, model: Model, turn: Turn, *, limit_s: float = math.inf, force: bool = False
    ) -> Permit:
        """Return leave for the call, waiting for it at most ``limit_s`` seconds; ``force``: the endpoint's health is not asked.

        Raises:
            PointsmanError: the call may not be made; ``is_refusal`` tells whether another model may be.
        """
        ...


SET_ASIDE = "set_aside"
"""The kind of the error that keeps a call from an endpoint that keeps failing: nothing was sent, so it is no step of the turn."""


def is_refusal(error: PointsmanError) -> bool:
    """Tell whether ``error`` says that one model may not be called now, while another may be."""
    if isinstance(error, BudgetExceeded):
        return error.cheaper
    return isinstance(error, ProviderError) and error.kind == SET_ASIDE
