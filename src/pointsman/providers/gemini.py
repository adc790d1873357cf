"""The Gemini generateContent dialect. Pure: no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.message import Reasoning, Refusal, Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import ProviderError
from pointsman.providers import failures, gemini_encode, parameters
from pointsman.providers import gemini_wire as wire
from pointsman.providers.gemini_stream import GeminiDecoder
from pointsman.providers.hosts import HOSTS, HostProfile, host
from pointsman.providers.seam import Endpoint, Outgoing
from pointsman.providers.tool_names import client_name, made_up_id

_VERSION = re.compile(r"/v\d+(?:alpha|beta)?\d*\Z")

_BY_WORD: Mapping[str, failures.Rule] = {
    "INVALID_ARGUMENT": ("invalid_request", "no"),
    "FAILED_PRECONDITION": ("permission", "other"),
    "OUT_OF_RANGE": ("invalid_request", "no"),
    "UNAUTHENTICATED": ("authentication", "other"),
    "PERMISSION_DENIED": ("permission", "other"),
    "NOT_FOUND": ("not_found", "other"),
    "RESOURCE_EXHAUSTED": ("rate_limit", "same"),
    "CANCELLED": ("cancelled", "no"),
    "INTERNAL": ("server_error", "same"),
    "UNKNOWN": ("server_error", "same"),
    "UNAVAILABLE": ("overloaded", "same"),
    "DEADLINE_EXCEEDED": ("timeout", "same"),
}
_SIGNATURE = re.compile(r"thought.?signature", re.IGNORECASE)
_CONTEXT_WORDS = ("exceeds the maximum number of tokens", "input token count", "context length")


class Gemini:
    """``Dialect`` for generateContent. ``hosts`` is the table of host profiles to follow."""

    name = "gemini"

    def __init__(self, hosts: Mapping[str, HostProfile] = HOSTS) -> None:
        self._hosts = hosts

    def encode(self, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Return the request for ``turn``; see ``Dialect.encode``."""
        profile = host(endpoint.host, self._hosts)
        body, dropped = gemini_encode.body(turn, model, profile)
        return self._outgoing(body, turn, model, endpoint, dropped)

    def splice(self, body: bytes, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Return the client's body for relay, see ``Dialect.splice``: here the model stands in the path alone."""
        profile = host(endpoint.host, self._hosts)
        parameters.check_turn(turn, model, profile, relay=True)
        return self._outgoing(body, turn, model, endpoint, ())

    def decode_reply(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Read a whole reply; see ``Dialect.decode_reply``."""
        try:
            answer = wire.RESPONSE.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _malformed(f"the provider's reply is not the Gemini dialect: {error}") from None
        if answer.error is not None:
            raise self.decode_error(200, headers, body)
        candidate = next((found for found in answer.candidates or () if found.index == 0), None)
        blocked = answer.prompt_feedback is not None and bool(answer.prompt_feedback.block_reason)
        if candidate is None and not blocked:
            raise _malformed("the provider's reply holds no candidate")
        reply_id = answer.response_id or ""
        parts = () if candidate is None or candidate.content is None else _parts(candidate.content, reply_id)
        finish = "SAFETY" if candidate is None else candidate.finish_reason or "STOP"
        return Reply(
            id=reply_id,
            model=answer.model_version or "",
            parts=parts,
            stop_reason=wire.stop_reason(finish, calls=any(type(part) is ToolCall for part in parts)),
            usage=wire.usage(answer.usage_metadata),
            request_id=failures.request_id(headers) or answer.response_id,
        )

    def decoder(self, headers: Mapping[str, str]) -> GeminiDecoder:
        """Return a fresh decoder for one stream."""
        return GeminiDecoder(headers, self.decode_error)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Classify an error answer; see ``Dialect.decode_error``. The waiting time stands in the body here."""
        said = failures.read_error(body)
        if status < 400 and said.code.isdigit() and 400 <= int(said.code) < 600:  # noqa: PLR2004
            status = int(said.code)
        details = [found for found in said.details if isinstance(found, dict)] if isinstance(said.details, list) else []
        wait = next((failures.duration_s(found["retryDelay"]) for found in details if "retryDelay" in found), None)
        return failures.failure(status, headers, said, _rule(status, said, details), retry_after=wait)

    def _outgoing(
        self, body: bytes, turn: Turn, model: Model, endpoint: Endpoint, dropped: tuple[str, ...]
    ) -> Outgoing:
        base_url = endpoint.base_url.rstrip("/")
        prefix = "" if _VERSION.search(base_url) else host(endpoint.host, self._hosts).prefix
        verb = "streamGenerateContent?alt=sse" if turn.stream else "generateContent"
        headers = {"content-type": "application/json"}
        if endpoint.api_key:
            headers["x-goog-api-key"] = endpoint.api_key
        name = quote(model.name.removeprefix("models/"), safe="")
        return Outgoing(f"{prefix}/models/{name}:{verb}", headers, body, dropped)


def _parts(content: wire.Content, reply_id: str) -> tuple[Text | ToolCall | Reasoning | Refusal, ...]:
    parts: list[Text | ToolCall | Reasoning | Refusal] = []
    calls = 0
    for part in content.parts or ():
        if part.function_call is not None:
            call = part.function_call
            call_id = call.id or made_up_id(reply_id, calls)
            arguments = wire.arguments_of(call)
            parts.append(ToolCall(call_id, client_name(call.name), arguments, origin_state=part.thought_signature))
            calls += 1
        elif part.thought:
            parts.append(Reasoning("", part.text or "", part.thought_signature))
        else:
            if part.text:
                parts.append(Text(part.text))
            if part.thought_signature:
                parts.append(Reasoning("", state=part.thought_signature))
    return tuple(parts)


def _rule(status: int, said: failures.ErrorBody, details: list[dict[str, object]]) -> failures.Rule:
    text = said.message.lower()
    if any(found.get("reason") == "API_KEY_INVALID" for found in details) or "api key not valid" in text:
        return "authentication", "other"
    if said.type == "RESOURCE_EXHAUSTED" and _per_day(details):
        return "quota", "other"
    if status == 400 and any(words in text for words in _CONTEXT_WORDS):  # noqa: PLR2004
        return "context_length", "other"
    if status == 400 and _SIGNATURE.search(said.message):  # noqa: PLR2004 - another provider needs no signature
        return "invalid_request", "other"
    if status == 402:  # noqa: PLR2004
        return "billing", "other"
    return _BY_WORD.get(said.type) or failures.by_status(status)


def _per_day(details: list[dict[str, object]]) -> bool:
    """True where a quota of the day is spent: waiting seconds will not help."""
    return any("violations" in found and "PerDay" in str(found["violations"]) for found in details)


def _malformed(message: str) -> ProviderError:
    return ProviderError(message, kind="malformed_reply", retry="same")
