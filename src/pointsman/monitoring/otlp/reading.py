"""What the attributes of a model call say, by all the names that are in use: usage, times, model, reason of the end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from pointsman.domain.usage import Usage
from pointsman.evaluation.importers.trace_names import SESSIONS, first_of, token_count
from pointsman.monitoring.otlp.wire import Received

_CALLS: Final = frozenset({"chat", "text_completion", "generate_content", "completion"})
_MODELS: Final = (
    "gen_ai.response.model",
    "llm.response.model_name",
    "gen_ai.request.model",
    "llm.request.model_name",
    "llm.model_name",
    "llm.request.model",
)
_ASKED: Final = ("gen_ai.request.model", "llm.request.model_name", "llm.request.model", "llm.model_name")
_PROVIDERS: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "llm.vendor")
_READ: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.input_tokens.cached",
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.details.cached_tokens",
    "llm.token_count.prompt_details.cache_read",
    "llm.usage.cache_read_input_tokens",
)
_WRITTEN: Final = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
    "llm.usage.cache_creation_input_tokens",
)
_WRITTEN_1H: Final = ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",)
_REASONED: Final = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.output_tokens.reasoning",
    "gen_ai.usage.details.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
    "llm.usage.reasoning_tokens",
)
_TOTALS: Final = ("gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens")
_REASONS: Final = (
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "llm.finish_reason",
    "anthropic.message.stop_reason",
)
_FIRST_S: Final = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "llm.time_to_first_token",
)
_FIRST_EVENTS: Final = frozenset(
    {"first token stream event", "gen_ai.content.first_chunk", "first_token", "llm.first_token"}
)
_USERS: Final = (
    "user.id",
    "enduser.id",
    "gen_ai.user.id",
    "traceloop.association.properties.user_id",
    "langfuse.user.id",
)
_OURS: Final = {
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "vertex_ai": "google",
    "gemini": "google",
    "az.ai.openai": "openai",
    "azure.ai.openai": "openai",
    "azure": "openai",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "x_ai": "xai",
    "moonshot_ai": "moonshot",
}
_ENDS: Final = {
    "stop": "end_turn",
    "end_turn": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "tool_call": "tool_use",
    "tool_calls": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "safety": "refusal",
}
_MOST_TOKENS: Final = 1 << 40
_LONGEST_NAME: Final = 200
_LONGEST_ID: Final = 128


def is_model_call(span: Received) -> bool:
    """Tell whether a span is a call to a model that answers in words; embeddings, tools and agents are not."""
    flat = span.attributes
    kind = flat.get("openinference.span.kind")
    if kind is not None:
        return str(kind).upper() == "LLM"
    operation = flat.get("gen_ai.operation.name") or flat.get("llm.request.type")
    if operation is not None:
        return str(operation) in _CALLS
    if flat.get("traceloop.span.kind") is not None:
        return False
    return first_of(flat, _MODELS) is not None and first_of(flat, _PROVIDERS) is not None


def usage_of(flat: Mapping[str, Any]) -> Usage | None:
    """Return the tokens of a call; None where input or output is not told, or the counts cannot be.

    The conventions of today count cached tokens as part of the input. Some instrumentation counts them beside it: told by
    the total where there is one, else by more cached tokens than input.
    """
    given, output = token_count(flat, "input", "prompt"), token_count(flat, "output", "completion")
    if given is None or output is None:
        return None
    read, written, reasoned = (_count(first_of(flat, names)) for names in (_READ, _WRITTEN, _REASONED))
    cached = (read or 0) + (written or 0)
    beside = cached > given or (cached > 0 and _count(first_of(flat, _TOTALS)) == given + cached + output)
    uncached = given if beside else given - cached
    if max(uncached, output, cached) > _MOST_TOKENS:
        return None
    hour = _count(first_of(flat, _WRITTEN_1H))
    return Usage(
        uncached, output, read, written, hour if hour is not None and hour <= (written or 0) else None, reasoned
    )


def first_token_ms(span: Received) -> float | None:
    """Return the time to the first token, from an attribute in seconds or an event; None where neither is there."""
    seconds = number(first_of(span.attributes, _FIRST_S))
    if seconds is not None:
        return round(seconds * 1000, 3)
    for event in span.events:
        if event.name.strip().lower() in _FIRST_EVENTS and event.at_ns >= span.start_ns:
            return round((event.at_ns - span.start_ns) / 1e6, 3)
    return None


def model_names(flat: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return provider, the model that answered and the model asked for; empty where it is not told."""
    provider = str(first_of(flat, _PROVIDERS) or "").strip().lower()[:_LONGEST_NAME]
    answered = str(first_of(flat, _MODELS) or "").strip()[:_LONGEST_NAME]
    asked = str(first_of(flat, _ASKED) or "").strip()[:_LONGEST_NAME]
    return _OURS.get(provider, provider), answered, asked


def stop_reason(flat: Mapping[str, Any]) -> str | None:
    """Return why the reply ended, in our words where they are known."""
    said = first_of(flat, _REASONS)
    said = said[0] if isinstance(said, list) and said else said
    if not isinstance(said, str) or not said:
        return None
    return _ENDS.get(said.lower(), said.lower()[:60])


def session_of(span: Received) -> str | None:
    """Return the conversation a span names."""
    return _name(first_of(span.attributes, SESSIONS))


def user_of(span: Received) -> str | None:
    """Return the user a span names."""
    return _name(first_of(span.attributes, _USERS))


def _name(said: Any) -> str | None:
    """Return a name as the gateway takes it in a header: printable, and not longer than that."""
    text = str(said)[:_LONGEST_NAME] if isinstance(said, str | int) and not isinstance(said, bool) else ""
    return "".join(filter(str.isprintable, text))[:_LONGEST_ID].strip() or None


def number(value: Any) -> float | None:
    """Return a number that is finite and not negative, also where it was written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def _count(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)
