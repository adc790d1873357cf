"""Anthropic Messages as the server writes it: replies, stream events, errors, headers, model listing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from pointsman.emulator.counting import count
from pointsman.emulator.exchange import Answer, Ask, Call, Frame, RejectedError, Reply, Tokens
from pointsman.emulator.models import ModelFacts
from pointsman.emulator.script import Quirks

_json = msgspec.json.Encoder().encode

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
PING = Frame(data=b'{"type": "ping"}', kind="ping", event="ping")


def signature(thinking: str) -> str:
    """Return the signature that proves a thinking text unchanged."""
    return base64.b64encode(hashlib.sha256(b"emulated thinking\0" + thinking.encode()).digest()).decode()


def error_body(error: RejectedError, serial: int) -> dict[str, Any]:
    """Return the body of an error answer."""
    inner: dict[str, Any] = {"type": error.kind or _KINDS.get(error.status, "api_error"), "message": error.message}
    if error.code:
        inner["details"] = {"error_code": error.code}
    return {"type": "error", "error": inner, "request_id": f"req_{serial:06d}"}


def error_frame(error: RejectedError, serial: int) -> Frame:
    """Return the error event of a stream."""
    return Frame(data=_json(error_body(error, serial)), kind="finish", event="error")


def whole(reply: Reply, quirks: Quirks) -> dict[str, Any]:
    """Return a message."""
    said = reply.answers[0]
    body = _message(reply, [block for block, _ in _content(reply, said)]) | _stop(said, quirks)
    if quirks.usage != "missing":
        body["usage"] = usage(reply.tokens) | {"service_tier": "standard"}
    return body


def usage(tokens: Tokens) -> dict[str, Any]:
    """Return the usage object: ``input_tokens`` excludes the cache."""
    return {
        "input_tokens": tokens.uncached,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write_5m,
            "ephemeral_1h_input_tokens": tokens.cache_write_1h,
        },
        "output_tokens": tokens.output,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning},
    }


def frames(reply: Reply, quirks: Quirks) -> Iterator[Frame]:
    """Yield the events of a stream."""
    said = reply.answers[0]
    start = _message(reply, []) | {"stop_reason": None, "stop_sequence": None}
    if quirks.usage != "missing":
        start["usage"] = usage(reply.tokens) | {"output_tokens": 1, "output_tokens_details": {"thinking_tokens": 0}}
    yield _event("message_start", {"message": start})
    for index, (block, text) in enumerate(_content(reply, said)):
        yield from _block(index, block, text, reply.chunk_chars)
        if index == 0:
            yield PING
    stop = _stop(said, quirks)
    delta: dict[str, Any] = {"delta": stop}
    if quirks.usage != "missing":
        delta["usage"] = {
            "output_tokens": reply.tokens.output,
            "output_tokens_details": {"thinking_tokens": reply.tokens.reasoning},
        }
    yield _event("message_delta", delta, kind="finish")
    yield _event("message_stop", {}, kind="done")


def headers(reply_serial: int) -> dict[str, str]:
    """Return the headers every answer carries."""
    return {"request-id": f"req_{reply_serial:06d}", "anthropic-organization-id": "org-emulated"}


def model_info(facts: ModelFacts) -> dict[str, Any]:
    """Return one entry of the model listing."""

    def able(supported: bool) -> dict[str, bool]:
        return {"supported": supported}

    return {
        "id": facts.name,
        "type": "model",
        "display_name": facts.name.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
        "max_input_tokens": facts.context,
        "max_tokens": facts.max_output,
        "lifecycle": "retired" if facts.retired else "active",
        "capabilities": {
            "batch": able(False),
            "citations": able(False),
            "effort": {word: able(word in facts.efforts) for word in ("low", "medium", "high", "xhigh", "max")},
            "image_input": able(facts.images),
            "pdf_input": able(facts.images),
            "structured_outputs": able(facts.json_schema),
            "thinking": able(bool(facts.thinking)) | {"types": {kind: able(True) for kind in facts.thinking}},
        },
    }


def _message(reply: Reply, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.request_id}",
        "type": "message",
        "role": "assistant",
        "model": reply.ask.model,
        "content": content,
    }


def _stop(said: Answer, quirks: Quirks) -> dict[str, Any]:
    reason: str | None = said.stop
    if quirks.finish is not None:
        reason = None if quirks.finish == "null" else quirks.finish
    details = {"type": "refusal", "category": "policy"} if said.stop == "refusal" else None
    return {"stop_reason": reason, "stop_sequence": said.stop_sequence, "stop_details": details}


def _content(reply: Reply, said: Answer) -> list[tuple[dict[str, Any], str]]:
    """Return the content blocks, each with the text that a stream brings piece by piece."""
    blocks: list[tuple[dict[str, Any], str]] = []
    if said.reasoning:
        shown = said.reasoning if reply.ask.show_reasoning else ""
        blocks.append(({"type": "thinking", "thinking": shown, "signature": signature(shown)}, shown))
    text = said.text or said.refusal
    if text:
        blocks.append(({"type": "text", "text": text}, text))
    blocks += [(_tool_use(reply, call, index), call.arguments) for index, call in enumerate(said.calls)]
    return blocks


def _tool_use(reply: Reply, call: Call, index: int) -> dict[str, Any]:
    try:
        parsed = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        # A whole reply holds an object; only a stream can carry the broken text itself.
        parsed = {"_invalid": call.arguments}
    name = call.id or f"toolu_{reply.request_id}_{index}"
    return {"type": "tool_use", "id": name, "name": call.name, "input": parsed}


def _block(index: int, block: dict[str, Any], text: str, size: int) -> Iterator[Frame]:
    kind = block["type"]
    pieces = _pieces(text, size)
    if kind == "text":
        opened = {"type": kind, "text": ""}
        deltas = [("text_delta", "text", piece) for piece in pieces]
    elif kind == "thinking":
        opened = {"type": kind, "thinking": "", "signature": ""}
        deltas = [("thinking_delta", "thinking", piece) for piece in pieces]
        deltas.append(("signature_delta", "signature", block["signature"]))
    else:
        opened = block | {"input": {}}
        deltas = [("input_json_delta", "partial_json", piece) for piece in ("", *pieces)]
    yield _event("content_block_start", {"index": index, "content_block": opened})
    for name, field, piece in deltas:
        delta = {"type": name, field: piece}
        yield _event("content_block_delta", {"index": index, "delta": delta}, kind="delta", tokens=count(piece))
    yield _event("content_block_stop", {"index": index})


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _event(name: str, fields: dict[str, Any], *, kind: Any = "open", tokens: int = 0) -> Frame:
    return Frame(data=_json({"type": name} | fields), kind=kind, event=name, tokens=tokens)


def count_reply(ask: Ask) -> dict[str, Any]:
    """Return the answer of ``count_tokens``."""
    return {"input_tokens": count(b"".join(ask.prompt.blocks))}
