"""What the Python door gives back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from pointsman.domain.decision import Decision
from pointsman.domain.message import ToolCall
from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Reply
from pointsman.library.asks import AnyMessage


class TurnResult(msgspec.Struct, frozen=True):
    """A finished turn: the reply, and the record that was kept of it.

    ``messages`` is the conversation up to and including this reply, ready to be the ``history`` of the next turn;
    written as the caller wrote it, and without what was given as ``system``.

    ``value`` is what the reply says where the turn asked for an ``output``: the Pydantic model's instance, validated, or the
    decoded JSON. It is None where nothing was asked for and where the reply is no answer: it calls tools, refuses, asks for an
    approval, or was cut short by the caller's own limit.
    """

    reply: Reply
    record: TurnRecord
    messages: tuple[AnyMessage, ...]
    value: Any = None

    @property
    def text(self) -> str:
        """The plain text of the reply."""
        return self.reply.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls the model asks for, in order; ``arguments`` is JSON text as the model wrote it."""
        return self.reply.tool_calls

    @property
    def decision(self) -> Decision:
        """Which route and model answered, and why."""
        return self.record.decision

    @property
    def cost_usd(self) -> Decimal | None:
        """US dollars of all calls of the turn; None where a price or a count is unknown."""
        return self.record.cost_usd
