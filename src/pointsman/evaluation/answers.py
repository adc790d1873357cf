"""What a model made of a case, and what the graders say of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from pointsman.domain.message import Message
from pointsman.domain.reply import Reply
from pointsman.domain.usage import Usage

Origin = Literal["live", "simulated", "recorded"]


class EndState(msgspec.Struct, frozen=True):
    """The world after a run: ``right`` or not (None: unknown, ``text`` says why), and what the calls did to it.

    ``writes`` counts calls that changed a row, ``reads`` those that changed none, ``failed`` those that returned an error.
    """

    right: bool | None
    kind: str | None
    text: str
    reads: int
    writes: int
    failed: int


class Way(msgspec.Struct, frozen=True):
    """How a replay that ran freely went: what was said after the case's turn, and whether it left the recorded conversation.

    ``diverged_at`` is the model call, from 1, of which a tool call is not on the tape; ``divergence`` says which. ``whole`` tells
    that every taped call was made and every word of the customer was used: the recorded conversation came about again.
    ``writes_blocked`` counts calls to tools that may change something and that the tape does not hold: none was executed.
    ``state`` is the world afterwards, where the run acted on one.
    """

    messages: tuple[Message, ...]
    calls: int
    whole: bool
    diverged_at: int | None = None
    divergence: str = ""
    writes_blocked: int = 0
    state: EndState | None = None


class Answer(msgspec.Struct, frozen=True):
    """One repeat of one case on one model. ``reply`` is None where there was none, and ``error`` then says why.

    ``ttft_ms`` and ``latency_ms`` are None where not measured; ``usage`` and ``cost_usd`` where unknown. ``text_calls`` is the
    raw output of a recorded model that wrote its calls as text. ``way`` is there where the conversation ran on freely; ``reply``
    then holds every call the model made in it, and its last words.
    """

    case_id: str
    model: str
    repeat: int
    origin: Origin
    reply: Reply | None = None
    error: str | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    ttft_ms: float | None = None
    latency_ms: float | None = None
    text_calls: str | None = None
    way: Way | None = None


class Grade(msgspec.Struct, frozen=True):
    """What one grader says of one answer. ``passed`` is None where it has no say (no gold, nothing to check).

    ``kind`` is a stable word for what is wrong (``wrong_tool``, ``missing_call`` ...), None where nothing is. ``score`` is in
    [0, 1]. ``grader`` is ``name@version``.
    """

    grader: str
    passed: bool | None
    kind: str | None = None
    score: float | None = None
    text: str = ""
