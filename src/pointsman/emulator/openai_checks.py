"""What a Chat Completions server refuses, in the order it looks: the request's own fields.

``openai_turns`` checks the messages. Groq and OpenAI refuse fields they do not know; local servers and Together ignore them.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from pointsman.emulator.counting import block, count
from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.models import ModelFacts
from pointsman.emulator.openai_schemas import check_strict
from pointsman.emulator.openai_tools import check_tools
from pointsman.emulator.openai_turns import check_turns, mentions_json

Json = dict[str, Any]

_FIELDS = frozenset(
    {
        "model",
        "messages",
        "max_completion_tokens",
        "max_tokens",
        "temperature",
        "top_p",
        "n",
        "stop",
        "seed",
        "logprobs",
    }
    | {"top_logprobs", "logit_bias", "presence_penalty", "frequency_penalty", "stream", "stream_options", "tools"}
    | {"tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "verbosity", "service_tier"}
    | {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "user", "store"}
    | {
        "metadata",
        "modalities",
        "audio",
        "prediction",
        "moderation",
        "web_search_options",
        "functions",
        "function_call",
    }
)
_GROQ_FIELDS = _FIELDS | {"reasoning_format", "include_reasoning", "search_settings", "compound_custom", "documents"}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "top_logprobs": (0, 20),
    "n": (1, 128),
}
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_BYTES = 50_000_000
_MOST_STOPS = 4
_MOST_METADATA = 16


def refuse(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> NoReturn:
    """Raise the refusal of a request."""
    raise RejectedError(message, status=status, param=param, code=code)


def check_completion(body: Json, facts: ModelFacts | None, *, size: int) -> ModelFacts:
    """Check a request and return the facts of its model.

    Raises:
        RejectedError: the real server would refuse it.
    """
    if size > _MOST_BYTES:
        refuse("The request body is too large.", code="request_too_large", status=413)
    if not isinstance(body.get("model"), str) or not body["model"]:
        refuse("you must provide a model parameter")
    if facts is None:
        name = body["model"]
        refuse(f"The model `{name}` does not exist or you do not have access to it.", None, "model_not_found", 404)
    _check_fields(body, facts)
    _check_numbers(body)
    _check_limits(body, facts)
    _check_reasoning(body, facts)
    _check_stream(body)
    check_tools(body, facts)
    _check_format(body, facts)
    check_turns(body, facts)
    if (body.get("response_format") or {}).get("type") == "json_object" and not mentions_json(body["messages"]):
        refuse(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        )
    _check_context(body, facts)
    return facts


def _check_fields(body: Json, facts: ModelFacts) -> None:
    if facts.vendor in {"together", "local"}:
        return
    known = _GROQ_FIELDS if facts.vendor == "groq" else _FIELDS
    for name in body:
        if name not in known:
            refuse(f"Unrecognized request argument supplied: {name}", name, "unknown_parameter")
    if facts.vendor == "groq":
        for name in ("logprobs", "top_logprobs", "logit_bias"):
            if body.get(name):
                refuse(f"`{name}` is not supported by this model", name, "unsupported_parameter")
        if body.get("n") not in {None, 1}:
            refuse("'n' : number must be at most 1", "n")


def _check_numbers(body: Json) -> None:
    for name, (low, high) in _RANGES.items():
        value = body.get(name)
        if value is None or isinstance(value, bool):
            continue
        if not isinstance(value, int | float):
            refuse(f"Invalid type for '{name}': expected a number, but got something else.", name, "invalid_type")
        if not low <= value <= high:
            side, code = (
                ("above maximum", "decimal_above_max_value")
                if value > high
                else ("below minimum", "decimal_below_min_value")
            )
            refuse(
                f"Invalid '{name}': {side} value. Expected a value between {low} and {high}, but got {value}.",
                name,
                code,
            )
    stops = body.get("stop")
    if isinstance(stops, list) and len(stops) > _MOST_STOPS:
        refuse(
            "Invalid 'stop': array too long. Expected an array with maximum length 4.", "stop", "array_above_max_length"
        )
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        refuse("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs")
    if len(body.get("metadata") or ()) > _MOST_METADATA:
        refuse("Invalid 'metadata': too many properties.", "metadata", "object_above_max_properties")


def _check_limits(body: Json, facts: ModelFacts) -> None:
    both = [name for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None]
    if len(both) > 1:
        refuse(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            None,
            "invalid_parameter_combination",
        )
    for name in both:
        value = body[name]
        if name == "max_tokens" and facts.vendor == "openai" and facts.efforts:
            refuse(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                "max_tokens",
                "unsupported_parameter",
            )
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            refuse(
                f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value}.",
                name,
                "integer_below_min_value",
            )
        if value > facts.max_output and facts.vendor != "local":
            refuse(
                f"{name} is too large: {value}. This model supports at most {facts.max_output} completion tokens, "
                f"whereas you provided {value}.",
                name,
                "invalid_value",
            )


def _check_reasoning(body: Json, facts: ModelFacts) -> None:
    effort = body.get("reasoning_effort")
    if effort is not None and facts.vendor in {"openai", "groq"}:
        if not facts.efforts:
            refuse(
                "Unrecognized request argument supplied: reasoning_effort", "reasoning_effort", "unsupported_parameter"
            )
        if effort not in facts.efforts:
            refuse(
                f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
                f"Supported values are: {', '.join(repr(word) for word in facts.efforts)}.",
                "reasoning_effort",
                "unsupported_value" if effort in _EFFORTS else "invalid_value",
            )
    if facts.sampling == "yes" or (facts.sampling == "with_none" and effort == "none"):
        return
    for name in _SAMPLING:
        value = body.get(name)
        if value is None or value is False or (name == "temperature" and value == 1):
            continue
        if name == "temperature":
            refuse(
                f"Unsupported value: 'temperature' does not support {value} with this model. "
                "Only the default (1) value is supported.",
                name,
                "unsupported_value",
            )
        refuse(f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter")


def _check_stream(body: Json) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")


def _check_format(body: Json, facts: ModelFacts) -> None:
    shape = body.get("response_format")
    if shape is None:
        return
    kind = shape.get("type") if isinstance(shape, dict) else None
    if kind not in {"text", "json_object", "json_schema"}:
        refuse(
            f"Invalid value: {kind!r}. Supported values are: 'json_object', 'json_schema', and 'text'.",
            "response_format.type",
            "invalid_value",
        )
    if kind != "json_schema" or facts.vendor in {"together", "local"}:
        return
    if not facts.json_schema:
        refuse(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
            "response_format",
            "unsupported_parameter",
        )
    inner = shape.get("json_schema")
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        refuse(
            "Missing required parameter: 'response_format.json_schema.name'.",
            "response_format.json_schema.name",
            "missing_required_parameter",
        )
    if not _NAME.fullmatch(inner["name"]):
        refuse(
            "Invalid 'response_format.json_schema.name': string does not match pattern.",
            "response_format.json_schema.name",
            "invalid_value",
        )
    if inner.get("strict") and (problem := check_strict(inner.get("schema"))):
        refuse(
            f"Invalid schema for response_format '{inner['name']}': {problem}", "response_format", "invalid_json_schema"
        )


def _check_context(body: Json, facts: ModelFacts) -> None:
    used = count(block(body["messages"])) + count(block(body.get("tools") or []))
    most = facts.max_input or facts.context
    if used > most:
        refuse(
            f"This model's maximum context length is {most} tokens. However, your messages resulted in {used} tokens. "
            "Please reduce the length of the messages.",
            "messages",
            "context_length_exceeded",
        )
