"""A received span as a finished turn: what is known goes into the record's own fields, all of it into a part named ``span``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.domain.captured import CAPTURED, EXTERNAL
from pointsman.domain.chat_json import messages_from_openai, tools_from_openai
from pointsman.domain.decision import Decision, Reason
from pointsman.domain.message import Message, Reasoning, Refusal, Text, ToolCall
from pointsman.domain.record import Status, StepRecord, TurnRecord
from pointsman.domain.reply import Reply, StopReason
from pointsman.domain.turn import Sampling, Turn
from pointsman.domain.usage import Usage
from pointsman.errors import PointsmanError
from pointsman.evaluation.importers.trace_names import event_messages, said_in
from pointsman.execution.ask import neutral_parts
from pointsman.monitoring.otlp import reading
from pointsman.monitoring.otlp.wire import Received

SPAN: Final = "span"
"""The name of the request part that holds what else the span said."""
_REASONS: Final = (Reason("captured", CAPTURED, "a call of another program, taken in from its traces"),)
_FAILED_STATUS: Final = 500
_STOPS: Final = frozenset({"end_turn", "stop_sequence", "max_tokens", "tool_use", "refusal", "pause"})
_WORDS: Final = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.tools.",
    "llm.request.functions.",
)
_LONGEST: Final = 64 * 1024
_MOST_ATTRIBUTES: Final = 1000


def turn_id(span: Received) -> str:
    """Return the id of the turn that a span is: the same span is the same turn, however often it is sent."""
    return f"otlp-{span.trace_id}-{span.span_id}"


def turn_of_span(span: Received, catalog: Catalog, key_id: str | None, conversation: str) -> TurnRecord:
    """Return the turn of a model call."""
    flat = span.attributes
    provider, answered, asked = reading.model_names(flat)
    model = _model(catalog, provider, answered, asked)
    usage = reading.usage_of(flat)
    turn, reply = _said(span, answered or asked)
    step = _step(span, model, usage, _cost(catalog, model, usage, span.start_ns), answered)
    user = reading.user_of(span)
    decision = Decision(turn_id(span), EXTERNAL, model, "none", EXTERNAL, reasons=_REASONS)
    return TurnRecord(
        id=decision.id,
        conversation_id=conversation,
        at_us=span.start_ns // 1000,
        dialect=CAPTURED,
        status=step.status,
        decision=decision,
        steps=(step,),
        duration_ms=step.duration_ms,
        requested_model=asked or answered or "unknown",
        key_id=key_id,
        stream=turn.stream or step.ttft_ms is not None,
        http_status=200 if step.status == "ok" else step.http_status or _FAILED_STATUS,
        error_code=step.error_code,
        ttft_ms=step.ttft_ms,
        usage=usage,
        cost_usd=step.cost_usd,
        request=(*neutral_parts(turn), (SPAN, _rest(span, read=bool(turn.messages)))),
        reply=b"" if reply is None else msgspec.json.encode(reply),
        metadata={} if user is None else {"user": user},
    )


def _step(span: Received, model: str, usage: Usage | None, cost: Decimal | None, answered: str) -> StepRecord:
    flat = span.attributes
    status: Status = "error" if span.failed else "ok"
    code = flat.get("error.type")
    http = reading.number(flat.get("http.response.status_code", flat.get("http.status_code")))
    request_id = flat.get("gen_ai.response.id")
    return StepRecord(
        purpose="reply",
        model=model,
        status=status,
        duration_ms=round(max(0, span.end_ns - span.start_ns) / 1e6, 3),
        http_status=int(http) if http is not None and http < 1000 else None,  # noqa: PLR2004 - no status has four digits
        error_code=(str(code)[:100] if code else "error") if span.failed else None,
        error_text=span.message[:500] or None if span.failed else None,
        stop_reason=reading.stop_reason(flat),
        usage=usage,
        cost_usd=cost,
        ttft_ms=reading.first_token_ms(span),
        upstream_model=answered or None,
        request_id=str(request_id)[:200] if request_id else None,
        started_ms=0.0,
    )


def _model(catalog: Catalog, provider: str, answered: str, asked: str) -> str:
    """Return the catalogue's id of a model, else what it was called, so that its cost stays unknown."""
    for name in (answered, asked):
        for full in (f"{provider}/{name}", name) if provider else (name,):
            found = catalog.find(full) if name else None
            if found is not None and (not provider or found.provider == provider or "/" in name):
                return found.id
    return f"{provider or 'unknown'}/{answered or asked or 'unknown'}"


def _cost(catalog: Catalog, model: str, usage: Usage | None, start_ns: int) -> Decimal | None:
    if usage is None or catalog.find(model) is None:
        return None
    rates = catalog.rates(model, datetime.fromtimestamp(start_ns / 1e9, UTC))
    return None if rates is None else rates.cost(usage)


def _said(span: Received, model: str) -> tuple[Turn, Reply | None]:
    """Return the turn as it was asked and the reply; without messages where they are not told, or cannot be read."""
    flat = span.attributes
    for event in span.events:
        flat = {**event_messages({"attributes": event.attributes}), **flat}
    wishes = Turn(
        (),
        model=model or "unknown",
        max_output_tokens=_whole(flat.get("gen_ai.request.max_tokens")),
        sampling=Sampling(
            temperature=reading.number(flat.get("gen_ai.request.temperature")),
            top_p=reading.number(flat.get("gen_ai.request.top_p")),
            top_k=_whole(flat.get("gen_ai.request.top_k")),
            seed=_whole(flat.get("gen_ai.request.seed")),
        ),
        stream=bool(flat.get("gen_ai.request.stream") or flat.get("llm.is_streaming")),
    )
    try:
        found = said_in(flat)
        if found is None:
            return wishes, None
        asked, said, tools = found
        turn = msgspec.structs.replace(
            wishes, messages=messages_from_openai(asked), tools=tools_from_openai(_functions(tools))
        )
        return turn, None if said is None else _reply(span, said, model)
    except (PointsmanError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return wishes, None


def _functions(tools: list[Any]) -> list[Any]:
    """Return the tools that are functions; others (a provider's own search) have no schema to keep."""
    return [one for one in tools if isinstance(one, Mapping) and (one.get("name") or one.get("function"))]


def _reply(span: Received, said: Mapping[str, Any], model: str) -> Reply:
    message: Message = messages_from_openai([{**said, "role": "assistant"}])[0]
    parts = tuple(part for part in message.parts if isinstance(part, Text | ToolCall | Reasoning | Refusal))
    reason = reading.stop_reason(span.attributes)
    called = any(isinstance(part, ToolCall) for part in parts)
    stop: StopReason = msgspec.convert(reason, StopReason) if reason in _STOPS else "tool_use" if called else "end_turn"
    return Reply(str(span.attributes.get("gen_ai.response.id") or "")[:200], model, parts, stop)


def _rest(span: Received, *, read: bool) -> bytes:
    """Return all that the span said as JSON, but for the words where they stand in messages of their own."""
    kept = {
        name: _bounded(value)
        for name, value in list(span.attributes.items())[:_MOST_ATTRIBUTES]
        if not (read and name.startswith(_WORDS))
    }
    events = [
        {"name": one.name, "at_ns": one.at_ns, "attributes": {} if read else _bounded(one.attributes)}
        for one in span.events[:100]
    ]
    told = {
        "attributes": kept,
        "events": events,
        "name": span.name[:500],
        "parent": span.parent_id,
        "resource": {name: _bounded(value) for name, value in list(span.resource.items())[:100]},
        "scope": span.scope[:200],
    }
    return msgspec.json.encode(told)


def _bounded(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]} [{len(value) - _LONGEST} characters more]"
    if isinstance(value, list):
        return [_bounded(one, depth + 1) for one in value[:_MOST_ATTRIBUTES]] if depth < 20 else None  # noqa: PLR2004
    if isinstance(value, dict):
        return {str(name)[:500]: _bounded(one, depth + 1) for name, one in value.items()} if depth < 20 else None  # noqa: PLR2004
    return value


def _whole(value: Any) -> int | None:
    found = reading.number(value)
    return None if found is None or found > 1e12 else int(found)  # noqa: PLR2004 - no limit on tokens is larger
