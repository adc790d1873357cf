"""Stop reasons and usage in the words of OpenAI Chat Completions."""

from __future__ import annotations

from typing import Any

from pointsman.domain.reply import StopReason
from pointsman.domain.usage import Usage
from pointsman.errors import ProviderError

_FINISH: dict[StopReason, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_reason(stop: StopReason, *, called: bool) -> str:
    """Return the finish reason; ``called`` says that the reply has tool calls.

    Raises:
        ProviderError: the model paused its own server-side work, which this dialect cannot say.
    """
    if called and stop in {"end_turn", "stop_sequence"}:
        # Some servers report a plain stop after a forced call; agent loops go by this word alone.
        return "tool_calls"
    word = _FINISH.get(stop)
    if word is None:
        raise ProviderError(
            f"the model stopped with {stop!r}, which OpenAI Chat Completions has no word for",
            kind="unexpected_stop",
            retry="other",
        )
    return word


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return the usage object; details nobody reported are null."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
