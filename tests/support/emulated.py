"""Calls an emulator in process, without a socket: enough for what does not depend on HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from pointsman.emulator.app import Emulator

KEYS = {
    "openai": {"authorization": "Bearer k"},
    "anthropic": {"x-api-key": "k", "anthropic-version": "2026-10-21"},
    "gemini": {"x-goog-api-key": "k"},
}


class Answered(msgspec.Struct):
    """An answer: status, headers and the writes of its body."""

    status: int
    headers: dict[str, str]
    writes: list[bytes]

    @property
    def body(self) -> bytes:
        return b"".join(self.writes)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def frames(self) -> list[Any]:
        """The data of every event, decoded (``[DONE]`` as text)."""
        lines = [line[6:] for line in self.body.decode().splitlines() if line.startswith("data: ")]
        return [line if line == "[DONE]" else msgspec.json.decode(line) for line in lines]


class _Request(msgspec.Struct):
    """A request as the server would see it."""

    method: str
    path: str
    data: bytes
    headers: dict[str, str]
    query: str


def post(emulator: Emulator, path: str, body: Any, headers: dict[str, str] | None = None, query: str = "") -> Answered:
    """Send one request and return its answer."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return asyncio.run(_exchange(emulator, _Request("POST", path, data, headers or {}, query)))


def get(emulator: Emulator, path: str, headers: dict[str, str] | None = None, query: str = "") -> Answered:
    """Fetch a path."""
    return asyncio.run(_exchange(emulator, _Request("GET", path, b"", headers or {}, query)))


async def _exchange(emulator: Emulator, request: _Request) -> Answered:
    inbox = [{"type": "http.request", "body": request.data, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        if not inbox:
            await asyncio.Event().wait()  # the client stays
        return inbox.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "query_string": request.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in request.headers.items()],
    }
    await emulator.asgi(scope, receive, send)
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answered(sent[0]["status"], head, [message["body"] for message in sent[1:] if message["body"]])


def chat(emulator: Emulator, text: str = "Hello", model: str = "gpt-4o", **more: Any) -> Answered:
    """Ask an OpenAI model."""
    body = {"model": model, "messages": [{"role": "user", "content": text}]} | more
    return post(emulator, "/v1/chat/completions", body, KEYS["openai"])


def message(emulator: Emulator, text: str = "Hello", model: str = "claude-haiku-4-5", **more: Any) -> Answered:
    """Ask a Claude model."""
    body = {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": text}]} | more
    return post(emulator, "/v1/messages", body, KEYS["anthropic"])


def generate(emulator: Emulator, text: str = "Hello", model: str = "gemini-2.5-flash", **more: Any) -> Answered:
    """Ask a Gemini model."""
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}]} | more
    return post(emulator, f"/v1beta/models/{model}:generateContent", body, KEYS["gemini"])
