"""What is remembered of a conversation beyond its messages: the last plan, named facts, and what hangs in the air."""

from __future__ import annotations

import msgspec


class Fact(msgspec.Struct, frozen=True):
    """Something with a name that came up: ``order_id`` is ``4411-22``. ``turn`` is the turn it was learned in."""

    name: str
    value: str
    turn: str
    at_us: int


class Memory(msgspec.Struct, frozen=True):
    """The memory of one conversation.

    ``plan`` is the last plan as JSON. ``open_risky_action`` is an action that waits for the customer's word. ``promised`` are
    the agent's commitments in its own words, the newest last. ``facts`` have one entry per name, the newest last.
    """

    plan: bytes | None = None
    facts: tuple[Fact, ...] = ()
    open_risky_action: str | None = None
    escalated: bool = False
    promised: tuple[str, ...] = ()


NO_MEMORY = Memory()
