"""Stop reasons, usage and the ownership of thinking in the words of Anthropic Messages.

The dialect has no word for unknown usage: ``input_tokens`` and ``output_tokens`` are required integers, and strict clients
refuse null there. So 0 is sent for them, together with null (never 0) in every optional count, which no true count of this
gateway looks like: a real prompt is never empty. The record keeps "unknown".
"""

from __future__ import annotations

from typing import Any

from pointsman.domain.reply import StopReason
from pointsman.domain.usage import Usage

_STOP: dict[StopReason, str] = {
    "end_turn": "end_turn",
    "stop_sequence": "stop_sequence",
    "max_tokens": "max_tokens",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "pause": "pause_turn",
}


def stop_reason(stop: StopReason, *, called: bool) -> str:
    """Return the stop reason; ``called`` says that the reply has tool calls."""
    return "tool_use" if called and stop in {"end_turn", "stop_sequence"} else _STOP[stop]


def usage_json(usage: Usage | None) -> dict[str, Any]:
    """Return the usage object of a message; None is unknown usage."""
    if usage is None:
        return {
            "input_tokens": 0,
            "cache_creation_input_tokens": None,
            "cache_read_input_tokens": None,
            "cache_creation": None,
            "output_tokens": 0,
            "output_tokens_details": None,
            "service_tier": None,
        }
    split = None
    if usage.cache_write is not None and (usage.cache_write_1h is not None or usage.cache_write == 0):
        long = usage.cache_write_1h or 0
        split = {"ephemeral_5m_input_tokens": usage.cache_write - long, "ephemeral_1h_input_tokens": long}
    return {
        "input_tokens": usage.input_uncached,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": split,
        "output_tokens": usage.output,
        "output_tokens_details": None if usage.reasoning is None else {"thinking_tokens": usage.reasoning},
        "service_tier": None,
    }


def delta_usage_json(usage: Usage | None) -> dict[str, Any]:
    """Return the usage object of ``message_delta``: cumulative, it overwrites what ``message_start`` said."""
    if usage is None:
        return {"output_tokens": 0}
    whole = usage_json(usage)
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    said = {name: whole[name] for name in names if whole[name] is not None}
    if whole["output_tokens_details"] is not None:
        said["output_tokens_details"] = whole["output_tokens_details"]
    return said


def thinks_here(origin: str) -> bool:
    """Return True when reasoning of ``origin`` (a provider, or a model id) may be shown as Anthropic thinking.

    A thinking block must carry Anthropic's signature when it comes back; text of other models could never be replayed.
    """
    return origin.partition("/")[0] == "anthropic"
