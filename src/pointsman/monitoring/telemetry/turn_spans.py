"""A turn as spans: the turn itself, the decision, each model call, each handoff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pointsman.domain.record import CheckRecord, TurnRecord
from pointsman.monitoring.telemetry import conventions as names
from pointsman.monitoring.telemetry.call_spans import PricesOf, call_span
from pointsman.monitoring.telemetry.content import Content
from pointsman.monitoring.telemetry.spans import Event, Span, Trace, Value, span_id

_NS: Final = 1_000_000
_AGENT: Final = "agent"
"""The dialect of the turns of its runs."""


def turn_spans(record: TurnRecord, trace: Trace, prices: PricesOf, content: Content | None = None) -> list[Span]:
    """Return the spans of a turn, the turn's own first. Nothing said by a customer or a model is in them without ``content``."""
    start = record.at_us * 1000
    end = start + round(record.duration_ms * _NS)
    turn = Span(
        name=_name(record),
        kind="server",
        trace_id=trace.trace_id,
        span_id=span_id(record.id),
        parent_id=trace.parent_id,
        start_ns=start,
        end_ns=end,
        attributes=_turn_attributes(record) | (content.of_turn() if content else {}),
        events=tuple(_evaluation(check, end, content) for check in record.checks),
        error=record.error_code or record.status if record.status not in ("ok", "cancelled") else None,
    )
    calls = [call_span(record, n, trace, prices, content) for n in range(len(record.steps))]
    return [turn, _decision(record, trace), *calls, *_handoffs(record, trace, content)]


def agent_of(record: TurnRecord) -> str | None:
    """Return the agent that Pointsman ran the turn for, None where the client runs its own."""
    return record.metadata.get("agent") if record.dialect == _AGENT else None


def told(pairs: Mapping[str, Value | None]) -> dict[str, Value]:
    """Return the attributes that are known."""
    return {name: value for name, value in pairs.items() if value is not None}


def _name(record: TurnRecord) -> str:
    agent = agent_of(record)
    return f"invoke_workflow {record.decision.route}" if agent is None else f"invoke_agent {agent}"


def _turn_attributes(record: TurnRecord) -> dict[str, Value]:
    agent, usage, cost = agent_of(record), record.usage, record.cost_usd
    return told(
        {
            names.SPAN_KIND: "CHAIN" if agent is None else "AGENT",
            names.OPERATION: "invoke_workflow" if agent is None else "invoke_agent",
            names.AGENT_NAME: agent,
            names.WORKFLOW_NAME: record.decision.route if agent is None else None,
            names.CONVERSATION: record.conversation_id,
            names.SESSION: record.conversation_id,
            names.REQUEST_MODEL: record.requested_model,
            names.ERROR_TYPE: record.error_code,
            "pointsman.turn.id": record.id,
            "pointsman.status": record.status,
            "pointsman.http_status": record.http_status,
            "pointsman.dialect": record.dialect,
            "pointsman.channel": record.channel,
            "pointsman.simulated": record.simulated,
            "pointsman.stream": record.stream,
            "pointsman.time_to_first_token": _seconds(record.ttft_ms),
            "pointsman.gateway_seconds": None if record.gateway_us is None else record.gateway_us / 1e6,
            "pointsman.prepared_seconds": _seconds(record.prepared_ms),
            "pointsman.usage.input_tokens": None if usage is None else usage.prompt,
            "pointsman.usage.output_tokens": None if usage is None else usage.output,
            "pointsman.cost_usd": None if cost is None else float(cost),
            "pointsman.flagship_cost_usd": None
            if record.flagship_cost_usd is None
            else float(record.flagship_cost_usd),
            "pointsman.dropped_params": record.dropped_params or None,
        }
        | _choice(record)
    )


def _choice(record: TurnRecord) -> dict[str, Value | None]:
    decision = record.decision
    return {
        "pointsman.route": decision.route,
        "pointsman.model": decision.model,
        "pointsman.tier": decision.tier,
        "pointsman.policy": decision.policy,
        "pointsman.intent": decision.intent,
        "pointsman.confidence": decision.confidence,
    }


def _decision(record: TurnRecord, trace: Trace) -> Span:
    """Return the decision's span. It begins with the turn: what came before it (reading the request) is part of it here."""
    decision, start = record.decision, record.at_us * 1000
    runner_up = decision.runner_up
    chosen: dict[str, Any] = {
        "route": decision.route,
        "model": decision.model,
        "tier": decision.tier,
        "confidence": decision.confidence,
    }
    attributes = told(
        {
            names.SPAN_KIND: "DECISION",
            "decision.system": names.SCOPE,
            "decision.provider": names.SCOPE,
            "decision.model_name": f"policy@{decision.policy}",
            names.CONVERSATION: record.conversation_id,
            names.SESSION: record.conversation_id,
            names.OUTPUT_VALUE: msgspec.json.encode(chosen).decode(),
            names.OUTPUT_MIME: names.JSON_MIME,
            "pointsman.decision.id": decision.id,
            "pointsman.reasons": tuple(f"{reason.kind}:{reason.name}" for reason in decision.reasons) or None,
            "pointsman.eligible": decision.eligible or None,
            "pointsman.fallbacks": decision.fallbacks or None,
            "pointsman.excluded": tuple(f"{out.model}:{out.constraint}" for out in decision.excluded) or None,
            "pointsman.runner_up": None if runner_up is None else f"{runner_up.route}:{runner_up.model}",
            "pointsman.expected_cost_usd": None
            if decision.expected_cost_usd is None
            else float(decision.expected_cost_usd),
        }
        | _choice(record)
    )
    return Span(
        name=f"decide {decision.route}",
        kind="internal",
        trace_id=trace.trace_id,
        span_id=span_id(record.id, "decision"),
        parent_id=span_id(record.id),
        start_ns=start,
        end_ns=start + round(decision.decided_us * 1000),
        attributes=attributes,
        error="no_eligible_model" if decision.model == "none" else None,
    )


def _handoffs(record: TurnRecord, trace: Trace, content: Content | None) -> list[Span]:
    """Return a span of no length for each handoff, at the end of the call whose work was handed on."""
    found = []
    for n, handoff in enumerate(record.handoffs):
        ends = [
            step.started_ms + step.duration_ms
            for step in record.steps
            if step.model == handoff.source and step.purpose != "reply" and step.started_ms is not None
        ]
        at = record.at_us * 1000 + round((ends[-1] if ends else 0) * _NS)
        attributes: dict[str, Value] = {
            names.SPAN_KIND: "CHAIN",
            names.SESSION: record.conversation_id,
            "pointsman.handoff.kind": handoff.kind,
            "pointsman.handoff.source": handoff.source,
            "pointsman.handoff.target": handoff.target,
        }
        if content is not None:
            attributes |= {names.OUTPUT_VALUE: content.handoff(n), names.OUTPUT_MIME: names.JSON_MIME}
        found.append(
            Span(
                name=f"handoff {handoff.kind}",
                kind="internal",
                trace_id=trace.trace_id,
                span_id=span_id(record.id, f"handoff {n}"),
                parent_id=span_id(record.id),
                start_ns=at,
                end_ns=at,
                attributes=attributes,
            )
        )
    return found


def _evaluation(check: CheckRecord, at_ns: int, content: Content | None) -> Event:
    attributes: dict[str, Value] = {
        names.EVALUATION_NAME: check.name,
        names.EVALUATION_SCORE: 1.0 if check.passed else 0.0,
        names.EVALUATION_LABEL: "pass" if check.passed else "fail",
        "pointsman.check.model": check.model,
        "pointsman.check.action": check.action,
    }
    if content is not None and check.text:
        attributes[names.EVALUATION_EXPLANATION] = content.text(check.text)
    return Event(names.EVALUATION_EVENT, at_ns, attributes)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
