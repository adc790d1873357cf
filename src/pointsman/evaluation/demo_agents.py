"""The demo's two agents: the same conversation kept in OpenAI's words and in Anthropic's, over plain JSON.

They are what a team's own agent would be: the history is theirs, they run the tools, and they know nothing of Pointsman but
the base URL.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from pointsman.domain.message import Tool

_MAX_TOKENS = 1024


class Said(msgspec.Struct, frozen=True):
    """What the model answered: text, and calls as (id, name, JSON arguments)."""

    text: str
    calls: tuple[tuple[str, str, str], ...] = ()


class Agent(Protocol):
    """An agent's side of one conversation."""

    path: str
    headers: dict[str, str]

    def hear(self, text: str, *, image: bool) -> None:
        """Take the customer's next message."""
        ...

    def request(self, *, stream: bool, schema: dict[str, Any] | None) -> dict[str, Any]:
        """Return the body that asks for a reply."""
        ...

    def read(self, body: dict[str, Any]) -> Said:
        """Read a whole reply."""
        ...

    def read_stream(self, events: Iterable[dict[str, Any]]) -> Said:
        """Read a streamed reply."""
        ...

    def keep(self, said: Said, results: list[str]) -> None:
        """Add a reply, and the results of its calls, to the history."""
        ...


class OpenAIAgent:
    """Speaks Chat Completions."""

    path = "/v1/chat/completions"

    def __init__(self, system: str, tools: tuple[Tool, ...]) -> None:
        self.headers = {"authorization": "Bearer demo"}
        self._messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
        self._tools = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in tools
        ]

    def hear(self, text: str, *, image: bool) -> None:
        """Take the customer's next message."""
        content: Any = text
        if image:
            url = f"data:image/png;base64,{photo()}"
            content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
        self._messages.append({"role": "user", "content": content})

    def request(self, *, stream: bool, schema: dict[str, Any] | None) -> dict[str, Any]:
        """Return the body that asks for a reply."""
        body: dict[str, Any] = {"model": "auto", "messages": self._messages, "max_completion_tokens": _MAX_TOKENS}
        if schema is None:
            body["tools"] = self._tools
        else:
            json_schema = {"name": "reply", "schema": schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def read(self, body: dict[str, Any]) -> Said:
        """Read a whole reply."""
        message = body["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        return Said(
            message.get("content") or "",
            tuple((call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls),
        )

    def read_stream(self, events: Iterable[dict[str, Any]]) -> Said:
        """Read a streamed reply."""
        text: list[str] = []
        calls: dict[int, list[str]] = {}
        for event in events:
            for choice in event.get("choices", ()):
                delta = choice["delta"]
                text.append(delta.get("content") or "")
                for part in delta.get("tool_calls") or ():
                    call = calls.setdefault(part["index"], ["", "", ""])
                    function = part.get("function") or {}
                    call[0] += part.get("id") or ""
                    call[1] += function.get("name") or ""
                    call[2] += function.get("arguments") or ""
        return Said("".join(text), tuple((call[0], call[1], call[2]) for call in calls.values()))

    def keep(self, said: Said, results: list[str]) -> None:
        """Add a reply, and the results of its calls, to the history."""
        message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
        if said.calls:
            message["tool_calls"] = [
                {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}
                for key, name, arguments in said.calls
            ]
        self._messages.append(message)
        for (key, _, _), result in zip(said.calls, results, strict=True):
            self._messages.append({"role": "tool", "tool_call_id": key, "content": result})


class AnthropicAgent:
    """Speaks Messages."""

    path = "/v1/messages"

    def __init__(self, system: str, tools: tuple[Tool, ...]) -> None:
        self.headers = {"x-api-key": "demo", "anthropic-version": "2023-06-01"}
        self._system = system
        self._messages: list[dict[str, Any]] = []
        self._tools = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in tools
        ]

    def hear(self, text: str, *, image: bool) -> None:
        """Take the customer's next message."""
        blocks: list[dict[str, Any]] = [{"type": "text", "text": text}]
        if image:
            source = {"type": "base64", "media_type": "image/png", "data": photo()}
            blocks.insert(0, {"type": "image", "source": source})
        self._messages.append({"role": "user", "content": blocks})

    def request(self, *, stream: bool, schema: dict[str, Any] | None) -> dict[str, Any]:
        """Return the body that asks for a reply."""
        body: dict[str, Any] = {"model": "auto", "max_tokens": _MAX_TOKENS, "system": self._system}
        body |= {"messages": self._messages, "stream": stream}
        if schema is None:
            body["tools"] = self._tools
        else:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        return body

    def read(self, body: dict[str, Any]) -> Said:
        """Read a whole reply."""
        blocks = body["content"]
        return Said(
            "".join(block["text"] for block in blocks if block["type"] == "text"),
            tuple(
                (block["id"], block["name"], json.dumps(block["input"]))
                for block in blocks
                if block["type"] == "tool_use"
            ),
        )

    def read_stream(self, events: Iterable[dict[str, Any]]) -> Said:
        """Read a streamed reply."""
        text: list[str] = []
        calls: dict[int, list[str]] = {}
        for event in events:
            block, delta = event.get("content_block") or {}, event.get("delta") or {}
            if block.get("type") == "tool_use":
                calls[event["index"]] = [block["id"], block["name"], ""]
            elif delta.get("type") == "text_delta":
                text.append(delta["text"])
            elif delta.get("type") == "input_json_delta":
                calls[event["index"]][2] += delta["partial_json"]
        return Said("".join(text), tuple((call[0], call[1], call[2] or "{}") for call in calls.values()))

    def keep(self, said: Said, results: list[str]) -> None:
        """Add a reply, and the results of its calls, to the history."""
        blocks: list[dict[str, Any]] = [{"type": "text", "text": said.text}] if said.text else []
        for key, name, arguments in said.calls:
            blocks.append({"type": "tool_use", "id": key, "name": name, "input": json.loads(arguments)})
        self._messages.append({"role": "assistant", "content": blocks})
        if said.calls:
            given = [
                {"type": "tool_result", "tool_use_id": key, "content": result}
                for (key, _, _), result in zip(said.calls, results, strict=True)
            ]
            self._messages.append({"role": "user", "content": given})


AGENTS: dict[str, type[OpenAIAgent | AnthropicAgent]] = {"openai": OpenAIAgent, "anthropic": AnthropicAgent}


def photo(side: int = 32) -> str:
    """Return the demo's photo as base64: a plain grey PNG, made here so that no binary file is shipped."""
    rows = (b"\x00" + b"\x80" * side) * side

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(png).decode()
