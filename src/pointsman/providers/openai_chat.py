"""The OpenAI Chat Completions dialect, for OpenAI itself and every host that follows it.

Pure: no I/O. What hosts do differently is data in ``hosts``; what models can do is in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.message import Reasoning, Refusal, Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import ProviderError
from pointsman.providers import failures, openai_chat_encode
from pointsman.providers import openai_chat_wire as wire
from pointsman.providers.hosts import HOSTS, HostProfile, host, path_prefix
from pointsman.providers.openai_chat_stream import OpenAIChatDecoder
from pointsman.providers.seam import Endpoint, Outgoing
from pointsman.providers.splice import TopLevel, with_model
from pointsman.providers.tool_names import client_name, made_up_id

_USAGE_WISH = b'{"include_usage":true}'
_USAGE_TAIL = b',"stream_options":' + _USAGE_WISH

_BY_CODE: Mapping[str, failures.Rule] = {
    "context_length_exceeded": ("context_length", "other"),
    "string_above_max_length": ("context_length", "other"),
    "unsupported_parameter": ("unsupported_parameter", "no"),
    "unsupported_value": ("unsupported_parameter", "no"),
    "content_policy_violation": ("content_filter", "no"),
    "content_filter": ("content_filter", "no"),
    "invalid_api_key": ("authentication", "other"),
    "model_not_found": ("not_found", "other"),
    "insufficient_quota": ("quota", "other"),
    "credit_balance_exhausted": ("quota", "other"),
    "billing_hard_limit_reached": ("quota", "other"),
    "billing_not_active": ("billing", "other"),
    "rate_limit_exceeded": ("rate_limit", "same"),
    "slow_down": ("rate_limit", "same"),
    "server_is_overloaded": ("overloaded", "same"),
    "overloaded": ("overloaded", "same"),
    "capacity_exceeded": ("overloaded", "same"),
    "tool_use_failed": ("malformed_reply", "same"),
    "json_validate_failed": ("malformed_reply", "same"),
}
_SPENT = ("spend_limit", "spending_limit", "quota_exceeded", "budget_exceeded")
_CONTEXT_WORDS = (
    "maximum context length",
    "context length",
    "context window",
    "too many tokens",
    "exceeds the available context",
)


class OpenAIChat:
    """``Dialect`` for Chat Completions. ``hosts`` is the table of host profiles to follow."""

    name = "openai_chat"

    def __init__(self, hosts: Mapping[str, HostProfile] = HOSTS) -> None:
        self._hosts = hosts

    def encode(self, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Return the request for ``turn``; see ``Dialect.encode``."""
        profile = host(endpoint.host, self._hosts)
        body, dropped = openai_chat_encode.body(turn, model, profile)
        return self._outgoing(body, profile, endpoint, dropped)

    def splice(self, body: bytes, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Return the client's body for relay, see ``Dialect.splice``.

        Where the body as it stands would be refused by this host or model (a sampling parameter it lacks, the other
        name of the output limit, an effort word it does not know), the turn is encoded instead: the reply still is in the
        client's dialect and its bytes can be relayed.
        """
        profile = host(endpoint.host, self._hosts)
        asked = openai_chat_encode.wish(turn, model, profile, relay=True)
        unwanted = _unwanted_limit(model, profile)
        certain = b'"stream_options"' not in body and (unwanted is None or unwanted.encode() not in body)
        if certain and not asked.rewritten:
            tail = _USAGE_TAIL if turn.stream and profile.usage_option else b""
            renamed = with_model(body, turn.model, model.name, tail)
            if renamed is not None:
                return self._outgoing(renamed, profile, endpoint, ())
        top = TopLevel(body)
        if asked.rewritten or (unwanted is not None and unwanted in top.spans):
            return self.encode(turn, model, endpoint)
        changes = {"model": msgspec.json.encode(model.name)}
        if turn.stream and profile.usage_option:
            wish = _usage_wish(top.value("stream_options"))
            if wish is not None:
                changes["stream_options"] = wish
        return self._outgoing(top.replaced(changes), profile, endpoint, ())

    def decode_reply(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Read a whole reply; see ``Dialect.decode_reply``."""
        try:
            answer = wire.CHUNK.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _malformed(f"the provider's reply is not the OpenAI dialect: {error}") from None
        if answer.error is not None:
            raise self.decode_error(200, headers, body)
        if answer.x_groq is not None and answer.x_groq.error is not None:
            raise self.decode_error(200, headers, msgspec.json.encode({"error": answer.x_groq.error}))
        choice = next((choice for choice in answer.choices or () if choice.index == 0), None)
        message = None if choice is None else choice.message
        if choice is None or message is None:
            raise _malformed("the provider's reply holds no message")
        reply_id = str(answer.id or "")
        calls = [_tool_call(call, reply_id, number) for number, call in enumerate(message.tool_calls or ())]
        text = wire.text_of(message.content)
        return Reply(
            id=reply_id,
            model=answer.model or "",
            parts=_parts(message, text, calls),
            stop_reason=wire.stop_reason(
                choice.finish_reason, calls=bool(calls), refused=bool(message.refusal) and not text
            ),
            usage=wire.usage(answer.usage or (answer.x_groq.usage if answer.x_groq is not None else None)),
            request_id=failures.request_id(headers),
            created=answer.created if isinstance(answer.created, int) else None,
        )

    def decoder(self, headers: Mapping[str, str]) -> OpenAIChatDecoder:
        """Return a fresh decoder for one stream."""
        return OpenAIChatDecoder(headers, self.decode_error)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Classify an error answer; see ``Dialect.decode_error``."""
        said = failures.read_error(body)
        # An error inside a stream has no status of its own; some servers put one into the body.
        if status < 400 and said.code.isdigit() and 400 <= int(said.code) < 600:  # noqa: PLR2004
            status = int(said.code)
        return failures.failure(status, headers, said, _rule(status, said))

    def _outgoing(self, body: bytes, profile: HostProfile, endpoint: Endpoint, dropped: tuple[str, ...]) -> Outgoing:
        headers = {"content-type": "application/json"}
        if endpoint.api_key:
            headers["authorization"] = f"Bearer {endpoint.api_key}"
        path = path_prefix(profile, endpoint.base_url) + "/chat/completions"
        return Outgoing(path, headers, body, dropped)


def _unwanted_limit(model: Model, profile: HostProfile) -> str | None:
    """Return the name of the output limit that this host, or a reasoning model, does not take; None: it takes both."""
    if profile.max_tokens == "max_tokens":
        return None if profile.both_max_tokens else "max_completion_tokens"
    return None if profile.both_max_tokens and model.reasoning.kind == "none" else "max_tokens"


def _usage_wish(present: bytes | None) -> bytes | None:
    """Return the ``stream_options`` to put in place, or None where usage is asked for already."""
    if present is None:
        return _USAGE_WISH
    try:
        options = msgspec.json.decode(present, type=dict[str, msgspec.Raw] | None)
    except msgspec.ValidationError:
        return None
    if options is None:
        return _USAGE_WISH
    if bytes(options.get("include_usage", b"")) == b"true":
        return None
    return msgspec.json.encode({**options, "include_usage": True})


def _tool_call(call: wire.Call, reply_id: str, number: int) -> ToolCall:
    function = call.function
    if function is None or not function.name:
        raise _malformed("the provider's reply holds a tool call without a name")
    return ToolCall(
        id=call.id or made_up_id(reply_id, number),
        name=client_name(function.name),
        arguments=wire.arguments_of(function.arguments) or "{}",
    )


def _parts(message: wire.Body, text: str, calls: list[ToolCall]) -> tuple[Text | ToolCall | Reasoning | Refusal, ...]:
    parts: list[Text | ToolCall | Reasoning | Refusal] = []
    thought = wire.reasoning_of(message)
    if thought:
        parts.append(Reasoning(origin="", text=thought))
    if text:
        parts.append(Text(text))
    if message.refusal:
        parts.append(Refusal(message.refusal))
    return (*parts, *calls)


def _rule(status: int, said: failures.ErrorBody) -> failures.Rule:
    for word in (said.code, said.type):
        known = _BY_CODE.get(word)
        if known is not None:
            # "slow_down" comes as 429 and as 503.
            return ("overloaded", "same") if word == "slow_down" and status == 503 else known  # noqa: PLR2004
        if any(spent in word for spent in _SPENT):
            return "quota", "other"
    text = said.message.lower()
    if status in {400, 413, 422} and any(words in text for words in _CONTEXT_WORDS):
        return "context_length", "other"
    if said.type in {"authentication_error", "permission_error"} and status == 200:  # noqa: PLR2004
        return "authentication", "other"
    return failures.by_status(status)


def _malformed(message: str) -> ProviderError:
    return ProviderError(message, kind="malformed_reply", retry="same")
