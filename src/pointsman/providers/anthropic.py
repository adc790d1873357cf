"""The Anthropic Messages dialect. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.message import Reasoning, Refusal, Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import ProviderError
from pointsman.providers import anthropic_encode, failures, reasoning
from pointsman.providers import anthropic_wire as wire
from pointsman.providers.anthropic_stream import AnthropicDecoder
from pointsman.providers.hosts import HOSTS, HostProfile, host
from pointsman.providers.seam import Endpoint, Outgoing
from pointsman.providers.splice import TopLevel, with_model
from pointsman.providers.tool_names import client_name, made_up_id

VERSION = "2026-10-21"
SAMPLING_VERSION = "2023-06-01"
"""The version that still knows temperature, top_p and top_k; under ``VERSION`` any value of theirs is a 400."""

_BY_TYPE: Mapping[str, failures.Rule] = {
    "invalid_request_error": ("invalid_request", "no"),
    "authentication_error": ("authentication", "other"),
    "billing_error": ("billing", "other"),
    "permission_error": ("permission", "other"),
    "not_found_error": ("not_found", "other"),
    "conflict_error": ("conflict", "same"),
    "request_too_large": ("too_large", "other"),
    "rate_limit_error": ("rate_limit", "same"),
    "api_error": ("server_error", "same"),
    "timeout_error": ("timeout", "same"),
    "overloaded_error": ("overloaded", "same"),
}
_SPENT_CODES = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})
_SPENT_WORDS = ("spend limit", "usage limits", "credit balance is too low")
_CONTEXT_WORDS = ("prompt is too long", "exceed context limit", "exceeds the context window")


class Anthropic:
    """``Dialect`` for Messages. ``hosts`` is the table of host profiles to follow."""

    name = "anthropic"

    def __init__(self, hosts: Mapping[str, HostProfile] = HOSTS) -> None:
        self._hosts = hosts

    def encode(self, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Return the request for ``turn``; see ``Dialect.encode``."""
        profile = host(endpoint.host, self._hosts)
        body, dropped, sampled = anthropic_encode.body(turn, model, profile)
        return self._outgoing(body, turn, endpoint, dropped, sampled=sampled)

    def splice(self, body: bytes, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Return the client's body for relay, see ``Dialect.splice``.

        Where the body as it stands would be refused by this model (sampling parameters it lacks, thinking in another
        form or of another model, later system turns), the turn is encoded instead: the reply still is in the client's dialect.
        """
        profile = host(endpoint.host, self._hosts)
        asked = anthropic_encode.wish(turn, model, profile, relay=True)
        if asked.rewritten or _must_rewrite(turn, model):
            return self.encode(turn, model, endpoint)
        spliced = with_model(body, turn.model, model.name)
        if spliced is None:
            spliced = TopLevel(body).replaced({"model": msgspec.json.encode(model.name)})
        return self._outgoing(spliced, turn, endpoint, (), sampled=asked.sampled)

    def decode_reply(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Read a whole reply; see ``Dialect.decode_reply``."""
        try:
            message = wire.MESSAGE.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _malformed(f"the provider's reply is not the Anthropic dialect: {error}") from None
        if message.type != "message":
            if b'"error"' in body:
                raise self.decode_error(200, headers, body)
            raise _malformed("the provider's reply is not an Anthropic message")
        parts = _parts(message)
        return Reply(
            id=message.id,
            model=message.model,
            parts=parts,
            stop_reason=wire.stop_reason(message.stop_reason, calls=any(type(part) is ToolCall for part in parts)),
            usage=wire.usage(message.usage),
            stop_sequence=message.stop_sequence,
            request_id=failures.request_id(headers),
        )

    def decoder(self, headers: Mapping[str, str]) -> AnthropicDecoder:
        """Return a fresh decoder for one stream."""
        return AnthropicDecoder(headers, self.decode_error)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Classify an error answer; see ``Dialect.decode_error``."""
        said = failures.read_error(body)
        return failures.failure(status, headers, said, _rule(status, said))

    def _outgoing(
        self, body: bytes, turn: Turn, endpoint: Endpoint, dropped: tuple[str, ...], *, sampled: bool
    ) -> Outgoing:
        own_version = SAMPLING_VERSION if sampled else VERSION
        headers = {
            "content-type": "application/json",
            "anthropic-version": _header_text(turn.extras.get("anthropic-version")) or own_version,
        }
        beta = _header_text(turn.extras.get("anthropic-beta"))
        if beta:
            headers["anthropic-beta"] = beta
        if endpoint.api_key:
            headers["x-api-key"] = endpoint.api_key
        path = "/messages" if endpoint.base_url.rstrip("/").endswith("/v1") else "/v1/messages"
        return Outgoing(path, headers, body, dropped)


def _header_text(found: Any) -> str | None:
    """Return a client's header value if it can stand in a header."""
    return found if isinstance(found, str) and found.isascii() and found.isprintable() else None


def _must_rewrite(turn: Turn, model: Model) -> bool:
    """True where the messages as the client wrote them would be refused by this model."""
    opening = True
    for message in turn.messages:
        if message.role == "system":
            if not opening and not model.system_turns:
                return True
            continue
        opening = False
        for part in message.parts:
            if type(part) is Reasoning and not reasoning.travels_to(part.origin, model):
                return True
    last = turn.messages[-1] if turn.messages else None
    return last is not None and last.role == "assistant" and not model.prefill


def _parts(message: wire.WireMessage) -> tuple[Text | ToolCall | Reasoning | Refusal, ...]:
    parts: list[Text | ToolCall | Reasoning | Refusal] = []
    calls = 0
    for block in message.content:
        if block.type == "text" and block.text:
            parts.append(Text(block.text))
        elif block.type == "tool_use":
            call_id = block.id or made_up_id(message.id, calls)
            parts.append(ToolCall(call_id, client_name(block.name or ""), wire.input_text(block.input) or "{}"))
            calls += 1
        elif block.type == "thinking":
            parts.append(Reasoning("", block.thinking or "", block.signature or None))
        elif block.type == "redacted_thinking":
            parts.append(Reasoning("", state=block.data, redacted=True))
    return tuple(parts)


def _rule(status: int, said: failures.ErrorBody) -> failures.Rule:
    details = said.details if isinstance(said.details, dict) else {}
    text = said.message.lower()
    if details.get("error_code") in _SPENT_CODES or any(words in text for words in _SPENT_WORDS):
        return "quota", "other"
    if status in {200, 400, 413} and any(words in text for words in _CONTEXT_WORDS):
        return "context_length", "other"
    # "api_error" says less than a status of its own (503, 504, 529).
    if said.type == "api_error" and status in failures.BY_STATUS:
        return failures.by_status(status)
    return _BY_TYPE.get(said.type) or failures.by_status(status)


def _malformed(message: str) -> ProviderError:
    return ProviderError(message, kind="malformed_reply", retry="same")
