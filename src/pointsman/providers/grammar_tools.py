"""Tools and JSON replies for a local model whose chat template knows neither: one compact grammar, mapped back to tool calls.

Wraps another dialect. The offered tools are described in the system prompt, earlier calls and results are shown to the
model as text, and a reply of the form ``{"@tool": NAME, "arguments": {...}}`` becomes a tool call again. Every request carries a
grammar in which only an offered tool can be called, so neither a customer's words nor an old call can bring up another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.message import JsonObject, Message, Part, Text, Tool, ToolCall, ToolResult
from pointsman.domain.reply import (
    Event,
    Reply,
    ReplyEnd,
    ReplyStart,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from pointsman.domain.turn import Turn
from pointsman.errors import ProviderError, RequestError, UnsupportedParameter
from pointsman.providers.grammar import CALL_KEY, tool_grammar
from pointsman.providers.schema_bounds import covered
from pointsman.providers.seam import Dialect, Endpoint, Outgoing, StreamDecoder

_OPENING = "{" + json.dumps(CALL_KEY) + ":"


class GrammarTools:
    """The wrapped dialect, with tools through a grammar."""

    name = "grammar_tools"

    def __init__(self, inner: Dialect) -> None:
        self._inner = inner

    def encode(self, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Return the inner dialect's request for the turn retold without tools, plus the grammar.

        Raises:
            UnsupportedParameter: a JSON reply, or a grammar of the client's own, that cannot be had together with tools.
            RequestError: the tool choice names no offered tool.
        """
        tools = _offered(turn)
        grammar = _grammar(turn, tools, model)
        retold = msgspec.structs.replace(
            turn,
            messages=(*_instruction(tools), *(_retell(message) for message in turn.messages)),
            tools=(),
            tool_choice=None,
            output_format=turn.output_format if grammar is None else None,
        )
        outgoing = self._inner.encode(retold, model, endpoint)
        if grammar is None:
            return outgoing
        body = outgoing.body.rstrip()[:-1] + b',"grammar":' + msgspec.json.encode(grammar) + b"}"
        return msgspec.structs.replace(outgoing, body=body)

    def splice(self, body: bytes, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Relay is never asked of this dialect (no client speaks it); translate instead."""
        del body
        return self.encode(turn, model, endpoint)

    def decode_reply(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Read a whole reply; text that is a call becomes one."""
        reply = self._inner.decode_reply(body, headers)
        call = _call_of(reply.text, reply.id)
        if call is None:
            return reply
        others = tuple(part for part in reply.parts if not isinstance(part, Text))
        return msgspec.structs.replace(reply, parts=(*others, call), stop_reason="tool_use")

    def decoder(self, headers: Mapping[str, str]) -> StreamDecoder:
        """Return a decoder that holds text back for as long as it may be a call."""
        return _Decoder(self._inner.decoder(headers))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Classify an error answer as the inner dialect does."""
        return self._inner.decode_error(status, headers, body)


class _Decoder:
    def __init__(self, inner: StreamDecoder) -> None:
        self._inner = inner
        self.done = False
        self.held = 0
        self.surplus = 0
        self._text = ""
        self._waiting = True
        self._id = ""

    def feed(self, data: bytes) -> list[Event]:
        return self._sift(self._inner.feed(data))

    def close(self) -> list[Event]:
        return self._sift(self._inner.close())

    def _sift(self, events: list[Event]) -> list[Event]:
        self.done, self.held = self._inner.done, self._inner.held
        out: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta) and self._waiting:
                self._text += event.text
                if not _may_be_call(self._text):
                    out.append(TextDelta(self._text))
                    self._waiting = False
            elif isinstance(event, ReplyEnd) and self._waiting and self._text:
                out.extend(self._settle(event))
            else:
                if isinstance(event, ReplyStart):
                    self._id = event.id
                out.append(event)
        return out

    def _settle(self, end: ReplyEnd) -> list[Event]:
        call = _call_of(self._text, self._id)
        if call is None:
            return [TextDelta(self._text), end]
        return [ToolCallStart(0, call.id, call.name), ToolCallDelta(0, call.arguments), ReplyEnd("tool_use")]


def _may_be_call(text: str) -> bool:
    return _OPENING.startswith(text) or text.startswith(_OPENING)


def _call_of(text: str, reply_id: str) -> ToolCall | None:
    if not text.startswith(_OPENING):
        return None
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(data, dict) or not isinstance(data.get("arguments"), dict):
        return None
    name = data.get(CALL_KEY)
    if not isinstance(name, str):
        return None
    digest = hashlib.blake2b(f"{reply_id}\x00{text}".encode(), digest_size=12).hexdigest()
    return ToolCall(f"call_{digest}", name, json.dumps(data["arguments"], ensure_ascii=False))


def _offered(turn: Turn) -> tuple[Tool, ...]:
    choice = turn.tool_choice
    if choice is None or (choice.mode == "auto" and not choice.names):
        return turn.tools
    if choice.mode == "none":
        return ()
    tools = tuple(tool for tool in turn.tools if not choice.names or tool.name in choice.names)
    if choice.mode in ("required", "named") and not tools:
        raise RequestError("tool_choice asks for a call, but no tool of that name is offered", param="tool_choice")
    return tools


def _grammar(turn: Turn, tools: tuple[Tool, ...], model: Model) -> str | None:
    """Return the grammar of the reply, or None where the server's own means are wider than ours."""
    if "grammar" in turn.extras:
        if tools:
            raise UnsupportedParameter(f"{model.id} takes a grammar or tools, not both: grammar", param="grammar")
        return None
    wanted = turn.output_format
    schema: JsonObject | None = None
    if wanted is not None and wanted.kind != "text":
        schema = (
            (wanted.schema or {"type": "object"})
            if wanted.kind == "json_schema"
            else {"type": "object", "additionalProperties": {}}
        )
        if not covered(schema):
            if tools:
                raise UnsupportedParameter(
                    f"{model.id} cannot hold a reply to this schema while tools are offered: leave out patterns, "
                    "number ranges and combinations, or the tools",
                    param="response_format",
                )
            return None
    must_call = turn.tool_choice is not None and turn.tool_choice.mode in ("required", "named")
    return tool_grammar(tools, must_call=must_call, reply=schema)


def _instruction(tools: tuple[Tool, ...]) -> tuple[Message, ...]:
    if not tools:
        return ()
    lines = ["To use a tool, answer with one JSON object and nothing else:", _OPENING + 'NAME,"arguments":{...}}']
    lines += [f"{tool.name}: {tool.description} {_text(tool.parameters.get('properties', {}))}" for tool in tools]
    return (Message("system", (Text("\n".join(lines)),)),)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _retell(message: Message) -> Message:
    """Return ``message`` with calls and results as text, which any chat template can carry."""
    if not any(isinstance(part, ToolCall | ToolResult) for part in message.parts):
        return message
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            parts.append(Text(f'{_OPENING}{_text(part.name)},"arguments":{part.arguments or "{}"}}}'))
        elif isinstance(part, ToolResult):
            text = "\n".join(item.text for item in part.content if isinstance(item, Text))
            parts.append(Text(f"Tool result{' (error)' if part.is_error else ''}: {text}"))
            # Pictures stay parts, so that a model without eyes refuses them instead of answering without.
            parts += [item for item in part.content if not isinstance(item, Text)]
        else:
            parts.append(part)
    return Message("user" if message.role == "tool" else message.role, tuple(parts))
