"""One model call as a span: gen_ai names beside OpenInference's, with tokens and dollars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.monitoring.telemetry import conventions as names
from pointsman.monitoring.telemetry.content import Content
from pointsman.monitoring.telemetry.spans import Span, Trace, Value, span_id

PricesOf = Callable[[StepRecord, int], Mapping[str, Decimal] | None]
"""Dollars by kind of token of a call at a moment (Unix microseconds); None where they are unknown."""
_NS: Final = 1_000_000
_PICO: Final = Decimal("1e-12")
_FINISH: Final = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_call"}
_DETAILS: Final = {
    "input": "llm.cost.prompt_details.input",
    "cache_read": "llm.cost.prompt_details.cache_read",
    "cache_write": "llm.cost.prompt_details.cache_write",
}


def call_span(record: TurnRecord, n: int, trace: Trace, prices: PricesOf, content: Content | None) -> Span:
    """Return the span of call ``n`` of a turn. Where it is not known when the call began, it stands at the turn's start."""
    step = record.steps[n]
    start = record.at_us * 1000 + round((step.started_ms or 0) * _NS)
    answer = step.purpose == "reply" and n == len(record.steps) - 1
    attributes = _attributes(record, step, answer=answer) | _costs(step, record, prices)
    if content is not None:
        attributes |= content.of_call(answer=answer, error=step.error_text)
    return Span(
        name=f"chat {step.model.partition('/')[2] or step.model}",
        kind="client",
        trace_id=trace.trace_id,
        span_id=span_id(record.id, f"call {n}"),
        parent_id=span_id(record.id),
        start_ns=start,
        end_ns=start + round(step.duration_ms * _NS),
        attributes=attributes,
        error=(step.error_code or step.status) if step.status in ("error", "broken") else None,
    )


def _attributes(record: TurnRecord, step: StepRecord, *, answer: bool) -> dict[str, Value]:
    name = step.model.partition("/")[2] or step.model
    reason = None if step.stop_reason is None else _FINISH.get(step.stop_reason, step.stop_reason)
    pairs: dict[str, Value | None] = {
        names.SPAN_KIND: "LLM",
        names.OPERATION: "chat",
        names.PROVIDER: names.provider_name(step.model),
        names.CONVERSATION: record.conversation_id,
        names.SESSION: record.conversation_id,
        names.REQUEST_MODEL: name,
        names.RESPONSE_MODEL: step.upstream_model,
        names.REQUEST_STREAM: True if record.stream and answer else None,
        names.FINISH_REASONS: None if reason is None else (reason,),
        names.FIRST_CHUNK: None if step.ttft_ms is None else step.ttft_ms / 1000,
        names.PROMPT_NAME: step.prompt,
        names.ERROR_TYPE: step.error_code,
        "http.response.status_code": step.http_status,
        "llm.model_name": step.upstream_model or name,
        "llm.request.model_name": name,
        "llm.response.model_name": step.upstream_model,
        "llm.provider": names.openinference_provider(step.model),
        "llm.finish_reason": reason,
        "pointsman.model": step.model,
        "pointsman.purpose": step.purpose,
        "pointsman.attempt": step.attempt,
        "pointsman.status": step.status,
        "pointsman.relayed": step.relayed,
        "pointsman.usage.estimated": True if step.estimated else None,
        "pointsman.start_unknown": True if step.started_ms is None else None,
        "pointsman.chunks": step.chunks,
    }
    return {name: value for name, value in pairs.items() if value is not None} | _tokens(step.usage)


def _tokens(usage: Usage | None) -> dict[str, Value]:
    """Return the counts; the input of both conventions includes what the cache held."""
    if usage is None:
        return {}
    pairs = {
        names.INPUT_TOKENS: usage.prompt,
        names.OUTPUT_TOKENS: usage.output,
        names.CACHE_READ: usage.cache_read,
        names.CACHE_WRITE: usage.cache_write,
        names.REASONING_TOKENS: usage.reasoning,
        "llm.token_count.prompt": usage.prompt,
        "llm.token_count.completion": usage.output,
        "llm.token_count.total": usage.prompt + usage.output,
        "llm.token_count.prompt_details.cache_read": usage.cache_read,
        "llm.token_count.prompt_details.cache_write": usage.cache_write,
        "llm.token_count.completion_details.reasoning": usage.reasoning,
    }
    return {name: count for name, count in pairs.items() if count is not None}


def _costs(step: StepRecord, record: TurnRecord, prices: PricesOf) -> dict[str, Value]:
    """Return the dollars as they were recorded; split up only where today's rates give the same sum."""
    if step.cost_usd is None:
        return {}
    costs: dict[str, Value] = {"llm.cost.total": float(step.cost_usd), "pointsman.cost_usd": float(step.cost_usd)}
    parts = prices(step, record.at_us) or {}
    if abs(sum(parts.values(), Decimal(0)) - step.cost_usd) > _PICO:
        return costs
    output = parts.get("output", Decimal(0))
    written = sum((cost for kind, cost in parts.items() if kind.startswith("cache_write")), Decimal(0))
    told = {**parts, "cache_write": written} if written else parts
    costs |= {"llm.cost.prompt": float(step.cost_usd - output), "llm.cost.completion": float(output)}
    return costs | {name: float(told[kind]) for kind, name in _DETAILS.items() if kind in told}
