"""OpenAI Chat Completions as the servers write it: replies, chunks, errors, model listing.

Groq, Together and local servers deviate where their rows in the table of models say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from pointsman.emulator.counting import count
from pointsman.emulator.exchange import Answer, Ask, Frame, RejectedError, Reply, Stop, Tokens
from pointsman.emulator.models import ModelFacts
from pointsman.emulator.script import Quirks

_json = msgspec.json.Encoder().encode
DONE = Frame(data=b"[DONE]", kind="done")

_KINDS = {401: "invalid_request_error", 403: "permission_error", 429: "requests"}
_FINISH: dict[Stop, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "stop",
}


def error_body(error: RejectedError) -> dict[str, Any]:
    """Return the body of an error answer."""
    usual = "server_error" if error.status >= 500 else _KINDS.get(error.status, "invalid_request_error")  # noqa: PLR2004 - HTTP classes
    code = error.code or ("rate_limit_exceeded" if error.status == 429 else None)  # noqa: PLR2004 - HTTP status
    return {"error": {"message": error.message, "type": error.kind or usual, "param": error.param, "code": code}}


def error_frame(error: RejectedError) -> Frame:
    """Return the error chunk of a stream."""
    return Frame(data=_json(error_body(error)), kind="finish")


def whole(reply: Reply, quirks: Quirks) -> dict[str, Any]:
    """Return a completion."""
    body = _top(reply, "chat.completion") | {
        "choices": [
            {"index": index, "message": _message(reply, said, index), "logprobs": _logprobs(reply, said.text)}
            | {"finish_reason": _finish(reply, said, quirks)}
            for index, said in enumerate(reply.answers)
        ]
    }
    if quirks.usage != "missing":
        body["usage"] = usage(reply)
    return body


def usage(reply: Reply) -> dict[str, Any]:
    """Return the usage object: ``prompt_tokens`` includes the cache."""
    tokens: Tokens = reply.tokens
    body: dict[str, Any] = {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.prompt + tokens.output,
    }
    if reply.ask.facts.vendor in {"openai", "groq"}:
        cached = {"cached_tokens": tokens.cache_read}
        if reply.ask.facts.cache_writes:
            cached["cache_write_tokens"] = tokens.cache_write
        body["prompt_tokens_details"] = cached
        body["completion_tokens_details"] = {"reasoning_tokens": tokens.reasoning}
    if reply.ask.facts.vendor == "groq":
        body |= {"queue_time": 0.001, "prompt_time": 0.002, "completion_time": 0.01, "total_time": 0.012}
    return body


def frames(reply: Reply, quirks: Quirks) -> Iterator[Frame]:
    """Yield the chunks of a stream."""
    placing = _usage_place(reply, quirks)
    for index, said in enumerate(reply.answers):
        yield _chunk(reply, index, {"role": "assistant", "content": ""}, placing)
        yield from _deltas(reply, index, said, placing)
    for index, said in enumerate(reply.answers):
        last = index == len(reply.answers) - 1
        yield _last(reply, index, _finish(reply, said, quirks), placing, with_usage=last)
    if placing in {"own", "every"}:
        yield Frame(
            data=_json(_top(reply, "chat.completion.chunk") | {"choices": [], "usage": usage(reply)}), kind="usage"
        )
    yield DONE


def headers(serial: int, facts: ModelFacts | None) -> dict[str, str]:
    """Return the headers every answer carries."""
    found = {"x-request-id": f"req_{serial:06d}"}
    if facts is None or facts.vendor == "openai":
        found |= {"openai-processing-ms": "12", "openai-version": "2020-10-01"}
    return found


def model_info(facts: ModelFacts) -> dict[str, Any]:
    """Return one entry of the model listing."""
    return {"id": facts.name, "object": "model", "created": 1_767_225_600, "owned_by": facts.vendor}


def count_reply(ask: Ask) -> dict[str, Any]:
    """Return the answer of ``responses/input_tokens``."""
    return {"object": "response.input_tokens", "input_tokens": count(b"".join(ask.prompt.blocks))}


def _usage_place(reply: Reply, quirks: Quirks) -> str:
    """Say where a stream carries its usage: ``own`` chunk, on the ``finish`` chunk, ``every`` chunk, ``x_groq``, or ``none``."""
    if quirks.usage == "missing":
        return "none"
    if quirks.usage == "on_finish" or (quirks.usage == "normal" and reply.ask.facts.vendor == "together"):
        return "finish"
    if quirks.usage == "every":
        return "every"
    if reply.ask.include_usage:
        return "own"
    return "x_groq" if reply.ask.facts.vendor == "groq" else "none"


def _top(reply: Reply, kind: str) -> dict[str, Any]:
    top: dict[str, Any] = {
        "id": f"chatcmpl-{reply.request_id}",
        "object": kind,
        "created": reply.now,
        "model": reply.ask.model,
    }
    if reply.ask.facts.vendor == "openai":
        top |= {"service_tier": "default", "system_fingerprint": None}
    return top


def _message(reply: Reply, said: Answer, choice: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": said.refusal or None}
    if not (said.text or said.calls or said.refusal):
        message["content"] = ""
    if said.reasoning and reply.ask.facts.vendor in {"groq", "together", "local"}:
        message["reasoning"] = said.reasoning
    if said.calls:
        message["tool_calls"] = [
            {"id": _call_id(reply, choice, index, call.id), "type": "function"}
            | {"function": {"name": call.name, "arguments": call.arguments}}
            for index, call in enumerate(said.calls)
        ]
    return message


def _call_id(reply: Reply, choice: int, index: int, given: str) -> str:
    return given or f"call_{reply.request_id}_{choice}{index}"


def _finish(reply: Reply, said: Answer, quirks: Quirks) -> str | None:
    if quirks.finish is not None:
        return None if quirks.finish == "null" else quirks.finish
    reason = _FINISH[said.stop]
    return "eos" if reason == "stop" and reply.ask.facts.vendor == "together" else reason


def _deltas(reply: Reply, index: int, said: Answer, placing: str) -> Iterator[Frame]:
    size = reply.chunk_chars
    if reply.ask.facts.vendor in {"groq", "together", "local"}:
        for piece in _pieces(said.reasoning, size):
            yield _chunk(reply, index, {"reasoning": piece}, placing, tokens=count(piece))
    for field, text in (("content", said.text), ("refusal", said.refusal)):
        for piece in _pieces(text, size):
            logprobs = _logprobs(reply, piece) if field == "content" else None
            yield _chunk(reply, index, {field: piece}, placing, tokens=count(piece), logprobs=logprobs)
    whole_calls = reply.ask.facts.vendor == "local"
    for number, call in enumerate(said.calls):
        opened = {"name": call.name, "arguments": call.arguments if whole_calls else ""}
        head = {"index": number, "id": _call_id(reply, index, number, call.id), "type": "function", "function": opened}
        yield _chunk(reply, index, {"tool_calls": [head]}, placing, tokens=count(call.name))
        for piece in [] if whole_calls else _pieces(call.arguments, size):
            more = {"index": number, "function": {"arguments": piece}}
            yield _chunk(reply, index, {"tool_calls": [more]}, placing, tokens=count(piece))


def _chunk(  # noqa: PLR0913 - the fields of a chunk, by name
    reply: Reply, index: int, delta: dict[str, Any], placing: str, *, tokens: int = 0, logprobs: Any = None
) -> Frame:
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
    body = _top(reply, "chat.completion.chunk") | {"choices": [choice]}
    if placing == "own":
        body["usage"] = None
    if placing == "every":
        body["usage"] = usage(reply)
    return Frame(data=_json(body), kind="delta" if tokens else "open", tokens=tokens)


def _last(reply: Reply, index: int, finish: str | None, placing: str, *, with_usage: bool) -> Frame:
    choice = {"index": index, "delta": {}, "logprobs": None, "finish_reason": finish}
    body = _top(reply, "chat.completion.chunk") | {"choices": [choice]}
    if placing == "own":
        body["usage"] = None
    if placing == "every" or (placing == "finish" and with_usage):
        body["usage"] = usage(reply)
    if placing == "x_groq" and with_usage:
        body["x_groq"] = {"id": f"req_{reply.request_id}", "usage": usage(reply)}
    return Frame(data=_json(body), kind="finish")


def _logprobs(reply: Reply, text: str) -> dict[str, Any] | None:
    """Return made-up log probabilities, one per word piece; None unless asked for."""
    if not reply.ask.logprobs:
        return None
    pieces = _pieces(text, 4)
    return {
        "content": [
            {"token": piece, "logprob": -0.05, "bytes": list(piece.encode()), "top_logprobs": []} for piece in pieces
        ],
        "refusal": None,
    }


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
