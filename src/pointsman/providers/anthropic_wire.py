"""The parts of an Anthropic Messages answer that Pointsman reads, whole or as stream events, and their meaning."""

from __future__ import annotations

import msgspec

from pointsman.domain.reply import StopReason
from pointsman.domain.usage import Usage


class CacheCreation(msgspec.Struct):
    """Cache writes by lifetime."""

    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """What the output tokens were spent on."""

    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """The ``usage`` object; in a stream, values are cumulative and absent ones keep what was said before."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None


class Block(msgspec.Struct):
    """A content block, or the opening of one."""

    type: str = ""
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw()
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class Delta(msgspec.Struct):
    """What a ``content_block_delta`` or ``message_delta`` adds."""

    type: str | None = None
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class WireMessage(msgspec.Struct):
    """A whole reply, or its empty beginning in ``message_start``."""

    type: str = ""
    id: str = ""
    model: str = ""
    content: list[Block] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: WireUsage | None = None


class StreamEvent(msgspec.Struct):
    """Any stream event: flat, so that a type we do not know is read and ignored."""

    type: str = ""
    index: int = 0
    delta: Delta | None = None
    content_block: Block | None = None
    message: WireMessage | None = None
    usage: WireUsage | None = None


# Not strict: a server that counts tokens as 12.0 must not make its whole reply unreadable.
MESSAGE = msgspec.json.Decoder(WireMessage, strict=False)
EVENT = msgspec.json.Decoder(StreamEvent, strict=False)

_STOPS: dict[str, StopReason] = {
    "end_turn": "end_turn",
    "stop_sequence": "stop_sequence",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "pause_turn": "pause",
}


def stop_reason(said: str | None, *, calls: bool) -> StopReason:
    """Return the neutral stop reason; a word we do not know, or none, is read from what the reply holds."""
    return _STOPS.get(said or "", "tool_use" if calls else "end_turn")


def merged(old: WireUsage | None, new: WireUsage | None) -> WireUsage | None:
    """Return ``old`` overwritten by what ``new`` says."""
    if old is None or new is None:
        return new or old
    return WireUsage(
        old.input_tokens if new.input_tokens is None else new.input_tokens,
        old.output_tokens if new.output_tokens is None else new.output_tokens,
        old.cache_read_input_tokens if new.cache_read_input_tokens is None else new.cache_read_input_tokens,
        old.cache_creation_input_tokens if new.cache_creation_input_tokens is None else new.cache_creation_input_tokens,
        new.cache_creation or old.cache_creation,
        new.output_tokens_details or old.output_tokens_details,
    )


def usage(wire: WireUsage | None) -> Usage | None:
    """Return the neutral usage; None where either total is missing. ``input_tokens`` excludes the cache already."""
    if wire is None or wire.input_tokens is None or wire.output_tokens is None:
        return None
    spent = wire.output_tokens_details
    thought = None if spent is None else spent.thinking_tokens
    output = max(0, wire.output_tokens)
    write = wire.cache_creation_input_tokens
    long_lived = None if wire.cache_creation is None else wire.cache_creation.ephemeral_1h_input_tokens
    return Usage(
        input_uncached=max(0, wire.input_tokens),
        output=output,
        cache_read=wire.cache_read_input_tokens,
        cache_write=write,
        cache_write_1h=None if long_lived is None or write is None else min(long_lived, write),
        reasoning=None if thought is None else min(thought, output),
    )


def input_text(raw: msgspec.Raw) -> str:
    """Return the JSON text of a tool call's input, as the provider wrote it; empty where there is none."""
    text = bytes(raw).decode()
    return "" if text in {"", "null"} or text.replace(" ", "") == "{}" else text
