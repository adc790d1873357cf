"""The parts of a Gemini answer that Pointsman reads (a stream's frames have the same shape), and their meaning."""

from __future__ import annotations

from typing import Any

import msgspec

from pointsman.domain.reply import StopReason
from pointsman.domain.usage import Usage
from pointsman.errors import ProviderError


class WireUsage(msgspec.Struct, rename="camel"):
    """The ``usageMetadata`` object; proto JSON leaves zeros out."""

    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class FunctionCall(msgspec.Struct):
    """A whole call; arguments stay raw."""

    name: str = ""
    args: msgspec.Raw = msgspec.Raw()
    id: str | None = None


class WirePart(msgspec.Struct, rename="camel"):
    """One part of a content."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: FunctionCall | None = None


class Content(msgspec.Struct):
    """The content of a candidate; ``parts`` may be missing."""

    parts: list[WirePart] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One candidate."""

    index: int = 0
    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class PromptFeedback(msgspec.Struct, rename="camel"):
    """Why a prompt was not answered."""

    block_reason: str | None = None


class Response(msgspec.Struct, rename="camel"):
    """A whole answer or one frame of a stream."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: WireUsage | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None


# Not strict: a server that counts tokens as 12.0 must not make its whole reply unreadable.
RESPONSE = msgspec.json.Decoder(Response, strict=False)

_REFUSALS = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"})
_FAILURES = frozenset({
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE", "OTHER", "LANGUAGE", "FINISH_REASON_UNSPECIFIED",
})  # fmt: skip


def stop_reason(finish: str, *, calls: bool) -> StopReason:
    """Return the neutral stop reason. An unknown word is read from what the reply holds.

    Raises:
        ProviderError: the generation failed; trying once more at the same place may help.
    """
    if finish in _FAILURES:
        raise ProviderError(f"the provider gave up on the reply: {finish}", kind="malformed_reply", retry="same")
    if finish == "MAX_TOKENS":
        return "max_tokens"
    if finish in _REFUSALS or finish.startswith("IMAGE_"):
        return "refusal"
    if finish == "CONTINUATION":
        return "pause"
    return "tool_use" if calls else "end_turn"


def usage(wire: WireUsage | None) -> Usage | None:
    """Return the neutral usage; None where the prompt count is missing.

    Thoughts are outside the candidates' count here and are added; tool-use prompts are prompt. There is no counter of
    cache writes: they are billed as plain input, so the count is a true 0.
    """
    if wire is None or wire.prompt_token_count is None:
        return None
    prompt = max(0, wire.prompt_token_count)
    read = wire.cached_content_token_count
    read = None if read is None else min(max(0, read), prompt)
    thought = wire.thoughts_token_count
    return Usage(
        input_uncached=prompt - (read or 0) + (wire.tool_use_prompt_token_count or 0),
        output=(wire.candidates_token_count or 0) + (thought or 0),
        cache_read=read,
        cache_write=0,
        reasoning=thought,
    )


def arguments_of(call: FunctionCall) -> str:
    """Return the JSON text of a call's arguments; no arguments are an empty object."""
    text = bytes(call.args).decode()
    return "{}" if text in {"", "null"} else text
