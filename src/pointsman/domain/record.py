"""What is kept of a finished turn. The engine writes it once; nothing changes it afterwards."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from pointsman.domain.decision import Decision
from pointsman.domain.turn import Channel
from pointsman.domain.usage import Usage

Status = Literal["ok", "error", "broken", "cancelled"]
"""ok: the last byte was released. error: no reply. broken: the stream failed after content. cancelled: the client left."""


class StepRecord(msgspec.Struct, frozen=True):
    """One model call inside a turn, including calls that failed and were tried again.

    ``ttft_ms`` runs from the sending of the request to the first text or tool delta, on a monotonic clock; None when the
    call was not streamed or nothing came. ``purpose`` is ``reply`` for the call that answers and otherwise says what the
    call was for (``plan``, ``summary``, ``route``, ``verify`` ...). ``prompt`` names the prompt version it was given, as
    ``role@version``; None when it was given the client's own messages only. ``usage`` and ``cost_usd`` are None where
    unknown. ``estimated`` is True when the token counts are our estimate (a stream that broke or was left before its
    usage came), never the provider's. ``started_ms`` is when the call began, counted from the turn's arrival; ``chunks`` how many
    pieces of text or tool call a stream brought. Both are None where they were not measured.
    """

    purpose: str
    model: str
    status: Status
    duration_ms: float
    attempt: int = 1
    http_status: int | None = None
    error_code: str | None = None
    error_text: str | None = None
    stop_reason: str | None = None
    usage: Usage | None = None
    estimated: bool = False
    cost_usd: Decimal | None = None
    ttft_ms: float | None = None
    relayed: bool = False
    upstream_model: str | None = None
    request_id: str | None = None
    prompt: str | None = None
    started_ms: float | None = None
    chunks: int | None = None


class Handoff(msgspec.Struct, frozen=True):
    """Work passed from one model to another inside a turn. ``artifact`` is what was passed on, as JSON.

    ``kind`` is ``plan``, ``summary`` or another stable word; ``source`` and ``target`` are model ids.
    """

    kind: str
    source: str
    target: str
    artifact: msgspec.Raw


class CheckRecord(msgspec.Struct, frozen=True):
    """What a check of a reply found before the reply was released, or instead of that.

    ``name`` is a stable word such as ``plan.must_mention``, ``contract`` or ``verify.grounding``; ``model`` the model whose
    reply was checked; ``action`` what followed (``released``, ``repaired``, ``retried``, ``escalated``, ``failed``).
    """

    name: str
    passed: bool
    model: str
    action: str
    text: str = ""


class TurnRecord(msgspec.Struct, frozen=True):
    """A finished turn.

    ``at_us`` is Unix time in microseconds when the request arrived. ``request`` holds the inbound body as named raw JSON
    parts in order (``params``, ``system``, ``tools``, then one ``message`` each), so that a history sent again is stored once;
    ``reply`` is the neutral reply as JSON (empty when there was none). ``flagship_cost_usd`` is what the same tokens would
    have cost on ``flagship_model``, uncached counts kept as they were; None where a price or count is unknown.
    ``gateway_us`` is Pointsman's own time before the first upstream byte was sent, in microseconds. ``prepared_ms`` is the
    time other models were at work before the answering call began (a planner, a summarizer), part of ``ttft_ms``; None when
    none was. ``handoffs`` and ``checks`` are in the order they happened. ``traceparent`` is the client's own trace (W3C Trace
    Context), None where it named none.
    """

    id: str
    conversation_id: str
    at_us: int
    dialect: str
    status: Status
    decision: Decision
    steps: tuple[StepRecord, ...]
    duration_ms: float
    requested_model: str = "auto"
    key_id: str | None = None
    channel: Channel = "chat"
    stream: bool = False
    http_status: int = 200
    error_code: str | None = None
    ttft_ms: float | None = None
    gateway_us: float | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    flagship_model: str | None = None
    flagship_cost_usd: Decimal | None = None
    dropped_params: tuple[str, ...] = ()
    simulated: bool = False
    request: tuple[tuple[str, bytes], ...] = ()
    reply: bytes = b""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    handoffs: tuple[Handoff, ...] = ()
    checks: tuple[CheckRecord, ...] = ()
    prepared_ms: float | None = None
    traceparent: str | None = None
