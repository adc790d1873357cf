"""What is kept of shadow checks, as it is read: checks, choices, counts and money."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["waiting", "batched", "answered", "judged", "failed", "over_budget", "not_allowed"]
STATES: tuple[State, ...] = ("waiting", "batched", "answered", "judged", "failed", "over_budget", "not_allowed")


def shadow_conversation(turn_id: str) -> str:
    """Return the conversation under which the shadow of a turn is kept where it was sent by batch."""
    return f"shadow-{turn_id}"


class ShadowRow(msgspec.Struct, frozen=True):
    """One chosen turn. Money in pico-dollars, None unknown; ``reply`` is the stronger model's as JSON, ``detail`` JSON text.

    ``material``: the difference would matter to the customer, so the turn was misrouted.
    """

    turn_id: str
    turn_seq: int
    chosen_at_us: int
    changed_at_us: int
    why: str
    probability: float
    state: State
    model: str | None = None
    batch_id: str | None = None
    reply: bytes | None = None
    error_text: str | None = None
    cost_pico: int | None = None
    judge_cost_pico: int | None = None
    verdict: str | None = None
    material: bool | None = None
    decided_by: str | None = None
    judge: str | None = None
    flipped: bool | None = None
    detail: str = "{}"
    spent_at_us: int | None = None
    held_pico: int = 0
    lost_pico: int = 0
    asked_at_us: int | None = None
    owner: str | None = None
    review: float | None = None
    simulated: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where a turn is counted: its day (since 1970-01-01 UTC), route and intent ("": not recognised)."""

    day: int
    route: str
    intent: str
    simulated: bool


class Candidate(msgspec.Struct, frozen=True):
    """A turn as the sampler sees it. ``whole``: a routed turn with a whole reply, so that it can be checked.

    ``asked_again``: the turn before it, where the customer asks in this one what was asked before; None: not
    so, or the flagship had answered that one. ``routed_pico``: what it cost, where it was routed and that is known.
    """

    seq: int
    id: str
    at_us: int
    route: str
    intent: str | None
    confidence: float | None
    simulated: bool
    whole: bool
    asked_again: Place | None = None
    conversation_id: str = ""
    key_id: str | None = None
    routed_pico: int = 0


class Choice(msgspec.Struct, frozen=True):
    """A turn that was chosen: why, and with which probability."""

    turn: Candidate
    why: str
    probability: float


class Memory(msgspec.Struct, frozen=True):
    """What the sampler remembers: the salt of its draw and the latest known confidences."""

    salt: bytes
    recent: tuple[float, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """How many turns could have been chosen on a day (since 1970-01-01), of one route and intent ("": not recognised)."""

    day: int
    route: str
    intent: str
    simulated: bool
    turns: int
    unknown: int
    reasked: int


class Chosen(msgspec.Struct, frozen=True):
    """A chosen turn with what its share is taken by. ``cluster`` tells conversations apart.

    ``review`` is the chance with which people were to see it, ``human`` what the last of them said; None: not that far.
    """

    turn_id: str
    probability: float
    state: State
    verdict: str | None
    material: bool | None
    decided_by: str | None
    review: float | None
    human: bool | None
    route: str
    intent: str
    cluster: str
    simulated: bool


class Money(msgspec.Struct, frozen=True):
    """Pico-dollars of a period: set aside, spent on shadow replies, on judging, and on calls that were not heard of."""

    held: int
    shadow: int
    judge: int
    lost: int

    @property
    def total(self) -> int:
        """All of it: what counts against the budget."""
        return self.held + self.shadow + self.judge + self.lost


class SpentBy(msgspec.Struct, frozen=True):
    """What the checks of the turns of one route and intent cost, in pico-dollars. ``lost``: of calls not heard of (yet)."""

    route: str
    intent: str
    shadow: int
    judge: int
    lost: int
    chosen: int


class Routed(msgspec.Struct, frozen=True):
    """What the routed turns of a period cost in pico-dollars as far as it is known, and how many could have been checked."""

    pico: int
    turns: int


class Reservation(msgspec.Struct, frozen=True):
    """Money for one call: at most ``pico``, of a period whose limit is ``limit`` pico-dollars. ``state``: as the check stands."""

    turn_id: str
    state: State
    pico: int
    limit: int
    since_us: int
    until_us: int
    at_us: int
    owner: str
    simulated: bool
    model: str | None = None
