"""Labelled turns for training the routing scorer: what was said, what was measured of it, how it was routed, how it ended."""

from __future__ import annotations

from typing import Any

import msgspec

from pointsman.domain.message import Message
from pointsman.learning.distill_clean import Content, words_of
from pointsman.learning.distill_sample import Sample
from pointsman.learning.distill_sieve import checks_failed, complained, praised, sufficient


def router_line(sample: Sample, content: Content, signals: dict[str, Any]) -> dict[str, Any]:
    """Return a line. ``sufficient`` is whether the turn was handled well enough; null where nobody can tell.

    ``signals`` are what routing measured at the time, redacted.
    """
    record, outcome = sample.record, sample.outcome
    corrected = next((one for one in reversed(sample.feedback) if one.route or one.intent), None)
    said = [message for message in content.messages if message.role == "user"]
    return {
        "text": words_of(said[-1]) if said else "",
        "before": _before(content.messages),
        "features": {
            "messages": len(content.messages),
            "customer_turns": len(said),
            "tools": len(content.tools),
            "in_tool_loop": sample.turn.in_tool_loop,
            "channel": record.channel,
            "signals": signals,
        },
        "route": record.decision.route,
        "model": sample.model,
        "tier": record.decision.tier,
        "intent": record.decision.intent,
        "should_route": None if corrected is None else corrected.route,
        "should_intent": None if corrected is None else corrected.intent,
        "sufficient": sufficient(sample),
        "outcome": {
            "status": record.status,
            "checks_failed": checks_failed(record),
            "thumb": "down" if complained(sample.feedback) else "up" if praised(sample.feedback) else None,
            "resolved": None if outcome is None else outcome.resolved,
            "escalated": None if outcome is None else outcome.escalated,
            "reopened": None if outcome is None else outcome.reopened,
            "csat": None if outcome is None else outcome.csat,
        },
        "cost_usd": None if record.cost_usd is None else str(record.cost_usd),
    }


def _before(messages: tuple[Message, ...]) -> str:
    """Return the agent's last words before the customer's."""
    last = next((message for message in reversed(messages) if message.role == "assistant"), None)
    return "" if last is None else words_of(last)


def measured(sample: Sample) -> Any:
    """Return the signals of a decision as plain data."""
    return msgspec.to_builtins(sample.record.decision.signals)
