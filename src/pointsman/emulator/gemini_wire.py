"""Gemini generateContent as the server writes it: replies, stream frames, errors, model listing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pointsman.emulator.counting import count
from pointsman.emulator.exchange import Answer, Ask, Call, Frame, RejectedError, Reply, Stop, Tokens
from pointsman.emulator.models import ModelFacts
from pointsman.emulator.script import Quirks

_json = msgspec.json.Encoder().encode
Json = dict[str, Any]

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_FINISH: dict[Stop, str] = {
    "end_turn": "STOP",
    "stop_sequence": "STOP",
    "max_tokens": "MAX_TOKENS",
    "tool_use": "STOP",
    "refusal": "SAFETY",
    "pause_turn": "OTHER",
}
_TYPE = "type.googleapis.com/google.rpc."


def thought_signature(facts: ModelFacts, name: str = "") -> str:
    """Return the signature of a function call (by its name), or of a reply without calls, of one model."""
    return base64.b64encode(hashlib.sha256(f"emulated thought\0{facts.name}\0{name}".encode()).digest()).decode()


def error_body(error: RejectedError) -> Json:
    """Return the body of an error answer; a wait stands in its details, not in a header."""
    inner: Json = {
        "code": error.status,
        "message": error.message,
        "status": error.kind or _STATUS.get(error.status, "UNKNOWN"),
    }
    details: list[Json] = []
    if error.code:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": error.code, "domain": "googleapis.com"})
    if error.retry_after_s is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after_s:g}s"})
    return {"error": inner | ({"details": details} if details else {})}


def error_frame(error: RejectedError) -> Frame:
    """Return the error frame of a stream."""
    return Frame(data=_json(error_body(error)), kind="finish")


def whole(reply: Reply, quirks: Quirks) -> Json:
    """Return a response."""
    candidates = []
    for index, said in enumerate(reply.answers):
        parts = [*_thoughts(reply, said), *([{"text": said.text}] if said.text else []), *_calls(reply, said)]
        if said.refusal:
            parts.append({"text": said.refusal})
        candidates.append(_candidate(index, _signed(reply, said, parts), _finish(said, quirks)))
    return _body(reply, candidates, with_usage=quirks.usage != "missing")


def frames(reply: Reply, quirks: Quirks) -> Iterator[Frame]:
    """Yield the frames of a stream; the finish reason stands in the last frame of each candidate."""
    for index, said in enumerate(reply.answers):
        parts = list(_stream_parts(reply, said))
        last_candidate = index == len(reply.answers) - 1
        for number, (part, tokens) in enumerate(parts):
            last = number == len(parts) - 1
            shown = _signed(reply, said, [part]) if last else [part]
            with_usage = quirks.usage in {"normal", "every"} or (
                quirks.usage == "on_finish" and last and last_candidate
            )
            candidate = _candidate(index, shown, _finish(said, quirks) if last else None)
            yield Frame(data=_json(_body(reply, [candidate], with_usage=with_usage)), kind="delta", tokens=tokens)
        if not parts:
            candidate = _candidate(index, [], _finish(said, quirks))
            yield Frame(data=_json(_body(reply, [candidate], with_usage=quirks.usage != "missing")), kind="finish")


def usage(tokens: Tokens) -> Json:
    """Return the usage metadata: the prompt includes the cache, candidates exclude thoughts."""
    body = {"promptTokenCount": tokens.prompt, "totalTokenCount": tokens.prompt + tokens.output}
    if tokens.output > tokens.reasoning:
        body["candidatesTokenCount"] = tokens.output - tokens.reasoning
    if tokens.reasoning:
        body["thoughtsTokenCount"] = tokens.reasoning
    if tokens.cache_read:
        body["cachedContentTokenCount"] = tokens.cache_read
    return body | {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens.prompt}]}


def model_info(facts: ModelFacts) -> Json:
    """Return one entry of the model listing."""
    return {
        "name": f"models/{facts.name}",
        "version": "001",
        "displayName": facts.name.replace("-", " ").title(),
        "inputTokenLimit": facts.context,
        "outputTokenLimit": facts.max_output,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": bool(facts.thinking),
    }


def listing(models: list[ModelFacts], query: Mapping[str, str]) -> Json:
    """Return one page of models."""
    size = int(query["pageSize"]) if query.get("pageSize", "").isdigit() else 50
    start = int(query["pageToken"]) if query.get("pageToken", "").isdigit() else 0
    page = models[start : start + max(1, size)]
    more = {"nextPageToken": str(start + len(page))} if start + len(page) < len(models) else {}
    return {"models": [model_info(facts) for facts in page]} | more


def count_reply(ask: Ask) -> Json:
    """Return the answer of ``countTokens``."""
    total = count(b"".join(ask.prompt.blocks))
    return {"totalTokens": total, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}]}


def _body(reply: Reply, candidates: list[Json], *, with_usage: bool) -> Json:
    body: Json = {"candidates": candidates}
    if with_usage:
        body["usageMetadata"] = usage(reply.tokens)
    return body | {"modelVersion": reply.ask.facts.name, "responseId": f"resp{reply.request_id}"}


def _candidate(index: int, parts: list[Json], finish: str | None) -> Json:
    content: Json = {"role": "model"} | ({"parts": parts} if parts else {})
    reason = {"finishReason": finish} if finish is not None else {}
    return {"content": content} | reason | {"index": index}


def _finish(said: Answer, quirks: Quirks) -> str | None:
    if quirks.finish is not None:
        return None if quirks.finish == "null" else quirks.finish
    return _FINISH[said.stop]


def _thoughts(reply: Reply, said: Answer) -> list[Json]:
    return [{"text": said.reasoning, "thought": True}] if said.reasoning and reply.ask.show_reasoning else []


def _calls(reply: Reply, said: Answer) -> list[Json]:
    return [_call(reply, call, index) for index, call in enumerate(said.calls)]


def _call(reply: Reply, call: Call, index: int) -> Json:
    try:
        args = msgspec.json.decode(call.arguments or "{}")
    except msgspec.DecodeError:
        # The dialect has no text form for arguments: a call that cannot be read never leaves the server.
        args = {"_invalid": call.arguments}
    body: Json = {"name": call.name, "args": args}
    facts = reply.ask.facts
    if call.id or facts.signatures:
        body["id"] = call.id or f"fc{reply.request_id}{index}"
    signed = {"thoughtSignature": thought_signature(facts, call.name)} if facts.signatures and index == 0 else {}
    return {"functionCall": body} | signed


def _signed(reply: Reply, said: Answer, parts: list[Json]) -> list[Json]:
    """Put the signature of a reply without calls on its last part."""
    if not reply.ask.facts.signatures or said.calls or not parts:
        return parts
    return [*parts[:-1], parts[-1] | {"thoughtSignature": thought_signature(reply.ask.facts)}]


def _stream_parts(reply: Reply, said: Answer) -> Iterator[tuple[Json, int]]:
    size = reply.chunk_chars
    if reply.ask.show_reasoning:
        for piece in _pieces(said.reasoning, size):
            yield {"text": piece, "thought": True}, count(piece)
    for piece in _pieces(said.text or said.refusal, size):
        yield {"text": piece}, count(piece)
    for index, call in enumerate(said.calls):
        yield _call(reply, call, index), count(call.arguments)


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
