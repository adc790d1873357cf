"""The parts of an OpenAI Chat Completions answer that Pointsman reads, whole or in chunks, and their meaning.

Typed and minimal: unknown fields cost nothing, and fields in which servers differ are read without a fixed type.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pointsman.domain.reply import StopReason
from pointsman.domain.usage import Usage
from pointsman.errors import ProviderError


class PromptDetails(msgspec.Struct):
    """Where the prompt tokens came from."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """What the output tokens were spent on."""

    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """The ``usage`` object."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class Function(msgspec.Struct):
    """Name and arguments of a call; arguments raw, since some servers send an object instead of its text."""

    name: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()


class Call(msgspec.Struct):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Body(msgspec.Struct):
    """A ``message`` or a ``delta``."""

    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning: Any = None
    reasoning_content: Any = None
    tool_calls: list[Call] | None = None


class Choice(msgspec.Struct):
    """One choice."""

    index: int = 0
    delta: Body | None = None
    message: Body | None = None
    finish_reason: str | None = None


class XGroq(msgspec.Struct):
    """Groq's own envelope."""

    usage: WireUsage | None = None
    error: Any = None


class Chunk(msgspec.Struct):
    """A whole answer or one chunk of a stream."""

    id: str | int | None = None
    model: str | None = None
    created: Any = None
    choices: list[Choice] | None = None
    usage: WireUsage | None = None
    error: Any = None
    x_groq: XGroq | None = None


# Not strict: a server that counts tokens as 12.0 must not make its whole reply unreadable.
CHUNK = msgspec.json.Decoder(Chunk, strict=False)
_TEXT = msgspec.json.Decoder(str)


def usage(wire: WireUsage | None) -> Usage | None:
    """Return the neutral usage; None where either total is missing."""
    if wire is None or wire.prompt_tokens is None or wire.completion_tokens is None:
        return None
    details, spent = wire.prompt_tokens_details, wire.completion_tokens_details
    read = None if details is None else details.cached_tokens
    write = None if details is None else details.cache_write_tokens
    prompt, output = max(0, wire.prompt_tokens), max(0, wire.completion_tokens)
    # Some servers count the cache twice; the prompt total they name stays the total.
    read = None if read is None else min(max(0, read), prompt)
    write = None if write is None else min(max(0, write), prompt - (read or 0))
    thought = None if spent is None else spent.reasoning_tokens
    return Usage(
        input_uncached=prompt - (read or 0) - (write or 0),
        output=output,
        cache_read=read,
        cache_write=write,
        reasoning=None if thought is None else min(max(0, thought), output),
    )


def text_of(content: str | list[Any] | None) -> str:
    """Return the text of a content, also where a server sends a list of parts."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def reasoning_of(body: Body) -> str:
    """Return reasoning text under either of its names."""
    for found in (body.reasoning_content, body.reasoning):
        if isinstance(found, str) and found:
            return found
    return ""


def arguments_of(raw: msgspec.Raw) -> str:
    """Return the JSON text of arguments: a JSON string's content, or an object as it stands."""
    text = bytes(raw)
    if not text or text == b"null":
        return ""
    return _TEXT.decode(text) if text.startswith(b'"') else text.decode()


def stop_reason(finish: str | None, *, calls: bool, refused: bool) -> StopReason:
    """Return the neutral stop reason. Calls win over ``stop``: a forced call is reported as such by some servers.

    Raises:
        ProviderError: the provider says that the generation failed.
    """
    if finish == "length":
        return "max_tokens"
    if finish == "content_filter":
        return "refusal"
    if finish == "error":
        raise ProviderError(
            "the provider ended the reply with finish_reason 'error'", kind="server_error", retry="same"
        )
    if calls:
        return "tool_use"
    return "refusal" if refused else "end_turn"
