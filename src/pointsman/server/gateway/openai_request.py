"""Reads the body of an OpenAI Chat Completions request into a ``Turn``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from pointsman.domain.turn import Channel, Sampling, Turn
from pointsman.errors import UnsupportedParameter
from pointsman.server.gateway.body import bad, extras, fields, store_parts, typed
from pointsman.server.gateway.codec import Inbound, hint
from pointsman.server.gateway.openai_messages import MessageIn, read_messages
from pointsman.server.gateway.openai_tools import ChoiceIn, FormatIn, ToolIn, read_choice, read_format, read_tools

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
_Bias = Annotated[float, msgspec.Meta(ge=-100, le=100)]
_Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max", "default"]

MAX_STOPS = 4
MAX_PAIRS, MAX_KEY, MAX_VALUE = 16, 64, 512
"""Limits of ``metadata``: pairs, and characters of a key and of a value."""
CONVERSATION_KEYS = ("conversation_id", "session_id", "thread_id")
"""Metadata keys under which agent frameworks name the conversation, in order of preference."""
CHANNELS: dict[str, Channel] = {"chat": "chat", "voice": "voice", "email": "email"}


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: list[MessageIn]
    max_completion_tokens: _Count | None = None
    max_tokens: _Count | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    logit_bias: dict[str, _Bias] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[ToolIn] | None = None
    tool_choice: str | ChoiceIn | None = None
    parallel_tool_calls: bool | None = None
    response_format: FormatIn | None = None
    reasoning_effort: _Effort | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    modalities: list[str] | None = None


_BODY = msgspec.json.Decoder(_Body)

_REFUSED = {
    "functions": "the legacy form is not supported; use tools",
    "function_call": "the legacy form is not supported; use tool_choice",
    "audio": "spoken replies are not supported",
    "web_search_options": "search on the vendor's servers is not supported; give a search tool of your own",
    "moderation": "moderation on the vendor's servers is not supported",
}
"""Features of the vendor's servers that would change the reply, so that leaving them out silently would be wrong."""

_KNOWN = (frozenset(_Body.__struct_fields__) | frozenset(_REFUSED)) - {"user", "safety_identifier"}
"""``user`` and ``safety_identifier`` are metadata, and also stay in ``extras``: a provider of this dialect gets them."""


def read_request(body: bytes) -> Inbound:
    """Return the request.

    Raises:
        RequestError: the body is not a chat completions request; ``param`` names the field.
        UnsupportedParameter: it asks for a feature only the vendor's servers have.
    """
    found = fields(body)
    asked = typed(_BODY, body)
    unknown = extras(found, _KNOWN) if found.keys() - _KNOWN else {}
    for name in found.keys() & _REFUSED.keys():
        if found[name] != msgspec.Raw(b"null"):
            raise UnsupportedParameter(f"{name}: {_REFUSED[name]}", param=name)
    metadata = _metadata(asked)
    return Inbound(
        _turn(asked, metadata, unknown),
        store_parts(found),
        next((said for key in CONVERSATION_KEYS if (said := hint(metadata.get(key)))), None) if metadata else None,
    )


def _turn(asked: _Body, metadata: dict[str, str], unknown: dict[str, object]) -> Turn:
    _check(asked)
    tools = read_tools(asked.tools)
    options = asked.stream_options
    return Turn(
        messages=read_messages(asked.messages),
        model=asked.model,
        tools=tools,
        tool_choice=read_choice(asked.tool_choice, asked.parallel_tool_calls, tools),
        output_format=read_format(asked.response_format),
        max_output_tokens=asked.max_completion_tokens or asked.max_tokens,
        stop=_stop(asked.stop),
        sampling=_sampling(asked),
        reasoning_effort=asked.reasoning_effort,
        n=asked.n,
        logprobs=bool(asked.logprobs),
        top_logprobs=asked.top_logprobs,
        logit_bias=asked.logit_bias or None,
        stream=bool(asked.stream),
        include_usage=bool(options is not None and options.include_usage),
        channel=CHANNELS.get(metadata.get("channel", ""), "chat"),
        metadata=metadata,
        extras=unknown,
    )


def _sampling(asked: _Body) -> Sampling:
    return Sampling(
        asked.temperature, asked.top_p, asked.top_k, asked.seed, asked.presence_penalty, asked.frequency_penalty
    )


def _metadata(asked: _Body) -> dict[str, str]:
    metadata = dict(asked.metadata) if asked.metadata else {}
    if len(metadata) > MAX_PAIRS:
        raise bad("metadata", f"at most {MAX_PAIRS} pairs are allowed, not {len(metadata)}")
    for key, value in metadata.items():
        if len(key) > MAX_KEY or len(value) > MAX_VALUE:
            raise bad("metadata", f"a key has at most {MAX_KEY} characters and a value at most {MAX_VALUE}")
    if asked.user is not None:
        metadata.setdefault("user", asked.user)
    if asked.safety_identifier is not None:
        metadata.setdefault("safety_identifier", asked.safety_identifier)
    return metadata


def _check(asked: _Body) -> None:
    if asked.max_tokens is not None and asked.max_completion_tokens is not None:
        raise bad("max_tokens", "cannot be set together with max_completion_tokens")
    if asked.top_logprobs is not None and not asked.logprobs:
        raise bad("top_logprobs", "only allowed when logprobs is true")
    if asked.stream_options is not None and not asked.stream:
        raise bad("stream_options", "only allowed when stream is true")
    if asked.modalities is not None and set(asked.modalities) - {"text"}:
        raise UnsupportedParameter("modalities: only text replies are supported", param="modalities")


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    if stop is None:
        return ()
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    if len(stops) > MAX_STOPS:
        raise bad("stop", f"at most {MAX_STOPS} stop sequences are allowed, not {len(stops)}")
    if "" in stops:
        raise bad("stop", "a stop sequence must not be empty")
    return stops
