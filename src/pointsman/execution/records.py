"""Turns what happened into the records that are kept: steps, costs and the finished turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from pointsman.catalog.prices import Rates
from pointsman.domain.decision import Decision
from pointsman.domain.record import CheckRecord, Handoff, Status, StepRecord, TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.usage import Usage
from pointsman.errors import PointsmanError, ProviderError
from pointsman.execution.ask import Ask
from pointsman.execution.calls import Call

RatesOf = Callable[[str, datetime], Rates | None]
_BYTES_PER_TOKEN = 4
_TIMES, _LARGEST = 4, 10_000_000
"""How often a model's context a believable count may hold (windows grow, and catalogues are late), and one that is unknown."""
_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


def step_of(  # noqa: PLR0913 - what one call ended in, by name
    call: Call,
    status: Status,
    rates: Rates | None,
    error: PointsmanError | None = None,
    attempt: int = 1,
    *,
    ours: bool = False,
) -> StepRecord:
    """Return the record of one call. A call that was cut short is billed by estimate, and says so.

    ``ours``: we cut it, with its answer on the way; of one that the client cut before anything came nothing is known.
    """
    usage = _believable(call.whole.usage if call.whole else call.assembler.usage, call)
    estimated = False
    begun = call.assembler.output_chars or (ours and call.whole is None)
    if status in ("broken", "cancelled") and begun and (usage is None or call.assembler.end is None):
        usage, estimated = _estimate(call, usage), True
    reply = call.whole
    end = call.assembler.end
    return StepRecord(
        purpose="reply",
        model=call.target.model.id,
        status=status,
        duration_ms=round(call.elapsed_ms, 3),
        attempt=attempt,
        http_status=call.http_status,
        error_code=_error_code(error),
        error_text=str(error)[:500] if error else None,
        stop_reason=reply.stop_reason if reply else end.stop_reason if end else None,
        usage=usage,
        estimated=estimated,
        cost_usd=rates.cost(usage) if rates and usage else None,
        ttft_ms=round(call.ttft_ms, 3) if call.ttft_ms is not None and call.whole is None else None,
        relayed=call.relayed,
        upstream_model=call.reply.model or None,
        request_id=call.request_id,
        chunks=call.chunks if call.chunks and call.whole is None else None,
    )


def _believable(usage: Usage | None, call: Call) -> Usage | None:
    """Return the usage a provider reports, or None where it cannot be true: its tokens are then unknown, and so is its cost.

    One reply with a made-up bill would else use up everybody's budget, or none of it.
    """
    if usage is None:
        return None
    whole = call.whole is not None or call.assembler.end is not None
    wrote = bool(call.whole.text) if call.whole is not None else call.assembler.output_chars > 0
    most = _TIMES * (call.target.model.context_window or _LARGEST)
    if 0 < usage.prompt <= most and usage.output <= most and (usage.output or not (whole and wrote)):
        return usage
    _log.warning(
        "%s reports %d prompt and %d output tokens: that cannot be, so what the call cost counts as unknown",
        call.target.model.id,
        usage.prompt,
        usage.output,
    )
    return None


def failed_step(model: str, error: PointsmanError, started_ns: int, attempt: int) -> StepRecord:
    """Return the record of a call that could not even be put into the provider's words."""
    return StepRecord(
        purpose="reply",
        model=model,
        status="error",
        duration_ms=round((time.perf_counter_ns() - started_ns) / 1e6, 3),
        attempt=attempt,
        error_code=_error_code(error),
        error_text=str(error)[:500],
    )


def _error_code(error: PointsmanError | None) -> str | None:
    if error is None:
        return None
    return error.kind if isinstance(error, ProviderError) else error.code


def _estimate(call: Call, reported: Usage | None) -> Usage:
    """Tokens of a stream that was left before its usage came: what the provider said so far, else bytes / 4."""
    output = max(1, call.assembler.output_chars // _BYTES_PER_TOKEN)
    if reported is not None:
        return msgspec.structs.replace(reported, output=max(output, reported.output))
    return Usage(input_uncached=max(1, len(call.outgoing.body) // _BYTES_PER_TOKEN), output=output)


def turn_cost(steps: tuple[StepRecord, ...]) -> Decimal | None:
    """Return the cost of all calls that were answered; None when the cost of one of them is unknown."""
    total = Decimal(0)
    for step in steps:
        if step.status == "error":
            continue
        if step.cost_usd is None:
            return None
        total += step.cost_usd
    return total


def counterfactual(usage: Usage | None, rates: Rates | None) -> Decimal | None:
    """Return what these tokens would have cost at ``rates``. Cache kinds that model does not price count as plain input.

    The token counts are kept as they were: another tokenizer would count a little differently, and the other model's
    cache might have been warmer or colder. Reports call the figure an estimate for this reason.
    """
    if usage is None or rates is None:
        return None
    exact = rates.cost(usage)
    if exact is not None:
        return exact
    plain = Usage(input_uncached=usage.prompt, output=usage.output, reasoning=usage.reasoning)
    return rates.cost(plain)


def asked_for(steps: tuple[StepRecord, ...], estimate: int | None = None) -> Usage | None:
    """Return the tokens of the turn as one model would have had them: the client's prompt read, the last reply written.

    What a planner reads and what a worker is told besides is our doing, not the customer's: a turn of three calls must not be
    compared with a flagship that was called three times, or was given our prompts. So the shortest prompt of a reply counts.
    Where each had an addition of ours, ``estimate`` (tokens of the client's own prompt) counts if that is less. Where a long text
    was condensed, the longest prompt counts: that one had the whole text.
    """
    used = [(step, step.usage) for step in steps if step.usage is not None]
    replies = [(step, usage) for step, usage in used if step.purpose == "reply"]
    if not replies:
        return max((usage for _, usage in used), key=lambda usage: usage.prompt, default=None)
    written = replies[-1][1]
    if any(step.purpose == "summary" for step, _ in used):
        read = max((usage for _, usage in used), key=lambda usage: usage.prompt)
    else:
        read = min((usage for _, usage in replies), key=lambda usage: usage.prompt)
        if estimate and estimate < read.prompt and all(_ours(step) for step, _ in replies):
            return Usage(input_uncached=estimate, output=written.output, reasoning=written.reasoning)
    return msgspec.structs.replace(read, output=written.output, reasoning=written.reasoning)


def _ours(step: StepRecord) -> bool:
    """Tell whether a call was given more than the client's own words: an agent's prompt is that agent's, the others are ours."""
    return any(not one.startswith("agent/") for one in (step.prompt or "").split())


class TurnOutcome(msgspec.Struct, frozen=True):
    """How a turn ended, as far as the record needs it."""

    status: Status
    steps: tuple[StepRecord, ...]
    reply: Reply | None = None
    error: PointsmanError | None = None
    ttft_ms: float | None = None
    dropped: tuple[str, ...] = ()
    simulated: bool = False
    gateway_us: float | None = None
    prepared_ms: float | None = None
    handoffs: tuple[Handoff, ...] = ()
    checks: tuple[CheckRecord, ...] = ()


def _began(ask: Ask, outcome: TurnOutcome) -> bool:
    """Return whether the reply had begun to reach the client when the turn failed: only a stream can break midway."""
    return ask.turn.stream and outcome.status != "error"


def estimated_prompt(decision: Decision) -> int | None:
    """Return the tokens of the client's own prompt as they were estimated for the decision; None where nobody did."""
    size: int | None = decision.signals.get("size", {}).get("prompt_tokens")
    return size


def turn_record(
    ask: Ask, decision: Decision, outcome: TurnOutcome, flagship: str | None, rates_of: RatesOf
) -> TurnRecord:
    """Return the record of a finished turn."""
    used = [step.usage for step in outcome.steps if step.usage is not None]
    usage: Usage | None = None
    for item in used:
        usage = item if usage is None else usage + item
    at = datetime.fromtimestamp(ask.arrived_us / 1e6, UTC)
    error = outcome.error
    return TurnRecord(
        id=decision.id,
        conversation_id=ask.conversation_id,
        at_us=ask.arrived_us,
        dialect=ask.dialect,
        status=outcome.status,
        decision=decision,
        steps=outcome.steps,
        duration_ms=round((time.perf_counter_ns() - ask.started_ns) / 1e6, 3),
        requested_model=ask.turn.model,
        key_id=ask.key_id,
        channel=ask.turn.channel,
        stream=ask.turn.stream,
        http_status=error.status if error is not None and not _began(ask, outcome) else 200,
        error_code=_error_code(error),
        ttft_ms=round(outcome.ttft_ms, 3) if outcome.ttft_ms is not None else None,
        gateway_us=outcome.gateway_us,
        usage=usage,
        cost_usd=turn_cost(outcome.steps),
        flagship_model=flagship,
        flagship_cost_usd=counterfactual(
            asked_for(outcome.steps, estimated_prompt(decision)), rates_of(flagship, at) if flagship else None
        ),
        dropped_params=outcome.dropped,
        simulated=outcome.simulated,
        request=ask.parts,
        reply=_encode(outcome.reply) if outcome.reply is not None else b"",
        metadata=ask.turn.metadata,
        handoffs=outcome.handoffs,
        checks=outcome.checks,
        prepared_ms=round(outcome.prepared_ms, 3) if outcome.prepared_ms is not None else None,
        traceparent=ask.traceparent,
    )
