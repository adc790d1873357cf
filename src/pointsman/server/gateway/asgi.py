"""The gateway as a bare ASGI application: no framework stands on the hot path."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from pointsman.app import Router
from pointsman.errors import NotFound, PointsmanError, RequestError, RequestTooLarge, Unauthorized
from pointsman.execution.ask import Ask, conversation_hash
from pointsman.server.gateway.anthropic import AnthropicInbound
from pointsman.server.gateway.codec import InboundDialect
from pointsman.server.gateway.models_list import anthropic_models, openai_models
from pointsman.server.gateway.openai_chat import OpenAIChatInbound
from pointsman.server.gateway.turns import Send, TurnResponse
from pointsman.store.keys import ClientKey, KeyRing

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_BODY = 32 * 1024 * 1024
_CONVERSATION_LIMIT = 128


class Gateway:
    """Routes HTTP requests. ``keys`` None means that no key is asked for (loopback only; ``serve`` sees to that)."""

    def __init__(self, router: Router, keys: KeyRing | None, *, max_body: int = MAX_BODY) -> None:
        self._router = router
        self._keys = keys
        self._max_body = max_body
        self._openai: InboundDialect = OpenAIChatInbound()
        self._anthropic: InboundDialect = AnthropicInbound()
        self._turn_paths: dict[str, InboundDialect] = {
            "/v1/chat/completions": self._openai,
            "/v1/messages": self._anthropic,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._router.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._router.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        dialect = self._turn_paths.get(path) or self._dialect_of(path, headers)
        request_id = "req_" + secrets.token_hex(12)
        try:
            if path in self._turn_paths:
                _method(method, "POST", path)
                await self._turn(dialect, headers, receive, send, request_id)
            elif path == "/v1/messages/count_tokens":
                _method(method, "POST", path)
                await self._count_tokens(headers, receive, send)
            else:
                _method(method, "GET", path)
                status, body = self._read(path, headers)
                await _json(send, status, body)
        except PointsmanError as error:
            await _error(send, dialect, error, request_id)

    def _dialect_of(self, path: str, headers: Mapping[str, str]) -> InboundDialect:
        anthropic = "anthropic-version" in headers or path.startswith("/v1/messages")
        return self._anthropic if anthropic else self._openai

    def _authenticate(self, headers: Mapping[str, str]) -> ClientKey | None:
        if self._keys is None:
            return None
        secret = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not secret:
            raise Unauthorized("no client key: send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'")
        key = self._keys.check(secret)
        if key is None:
            raise Unauthorized("this client key is not known; 'pointsman keys create NAME' makes one")
        return key

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body:
            raise RequestTooLarge(f"the request body has {length} bytes, at most {self._max_body} are taken")
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise asyncio.CancelledError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body:
                raise RequestTooLarge(f"the request body is larger than {self._max_body} bytes")
            chunks.append(chunk)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _turn(
        self, dialect: InboundDialect, headers: Mapping[str, str], receive: Receive, send: Send, request_id: str
    ) -> None:
        started_ns, arrived_us = time.perf_counter_ns(), time.time_ns() // 1000
        key = self._authenticate(headers)
        body = await self._body(headers, receive)
        inbound = dialect.decode_request(body, headers)
        turn = inbound.turn
        if channel := headers.get("x-pointsman-channel"):
            turn = _with_channel(turn, channel)
        hint = _conversation(headers) or inbound.conversation_hint
        key_id = key.id if key else None
        conversation = hint or conversation_hash(
            inbound.parts, key_id, turn.metadata.get("user") or turn.metadata.get("user_id")
        )
        ask = Ask(
            turn=turn,
            dialect=dialect.name,
            conversation_id=conversation,
            arrived_us=arrived_us,
            started_ns=started_ns,
            body=body,
            parts=inbound.parts,
            explicit_conversation=hint is not None,
            key_id=key_id,
            key_name=key.name if key else None,
            allowed=frozenset(key.models) if key and key.models else None,
        )
        running = await self._router.begin(ask)
        response = TurnResponse(dialect, running, send, request_id, explain=headers.get("x-pointsman-explain") == "1")
        await _until_gone(response.run, running.cancel, receive)

    async def _count_tokens(self, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        self._authenticate(headers)
        body = await self._body(headers, receive)
        with_limit = _with_max_tokens(body)
        tokens, estimated = await self._router.count_tokens(
            self._anthropic.decode_request(with_limit, headers).turn, body
        )
        extra = [(b"x-pointsman-estimated", b"1")] if estimated else []
        await _json(send, 200, msgspec.json.encode({"input_tokens": tokens}), extra)

    def _read(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if path == "/healthz":
            return 200, b'{"status":"ok"}'
        if path == "/readyz":
            problem = self._router.not_ready()
            return (
                (503, msgspec.json.encode({"status": "not ready", "reason": problem}))
                if problem
                else (200, b'{"status":"ready"}')
            )
        if path == "/v1/models" or path.startswith("/v1/models/"):
            self._authenticate(headers)
            listing = anthropic_models if "anthropic-version" in headers else openai_models
            return 200, listing(self._router.offered_models(), path.removeprefix("/v1/models").strip("/") or None)
        raise NotFound(f"there is no {path} here; turns go to /v1/chat/completions or /v1/messages")


def _method(method: str, wanted: str, path: str) -> None:
    if method != wanted:
        raise NotFound(f"{path} takes {wanted}, not {method}")


def _conversation(headers: Mapping[str, str]) -> str | None:
    value = headers.get("x-pointsman-conversation-id") or headers.get("x-pointsman-conversation")
    if value is None:
        return None
    if not value.isprintable() or len(value) > _CONVERSATION_LIMIT:
        raise RequestError(
            f"x-pointsman-conversation-id: at most {_CONVERSATION_LIMIT} printable characters",
            param="x-pointsman-conversation-id",
        )
    return value


def _with_channel(turn: Any, channel: str) -> Any:
    if channel not in ("chat", "voice", "email"):
        raise RequestError(f"x-pointsman-channel: {channel!r} is not chat, voice or email", param="x-pointsman-channel")
    return msgspec.structs.replace(turn, channel=channel)


def _with_max_tokens(body: bytes) -> bytes:
    """A count request is a messages request without ``max_tokens``; give it one, so that one decoder serves both."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise RequestError(f"the body is not a JSON object: {error}") from None
    return msgspec.json.encode({"max_tokens": 1, **fields})


async def _until_gone(
    run: Callable[[], Awaitable[None]], gone: Callable[[], Awaitable[None]], receive: Receive
) -> None:
    """Await ``run``; when the client leaves first, stop it and await ``gone``."""
    task = asyncio.current_task()
    left = False

    def on_receive(watch: asyncio.Future[Any]) -> None:
        nonlocal left
        if not watch.cancelled() and task is not None:
            left = True
            task.cancel()

    watch = asyncio.ensure_future(receive())
    watch.add_done_callback(on_receive)
    try:
        await run()
    except asyncio.CancelledError:
        await gone()
        if not left or task is None:
            raise
        task.uncancel()
    finally:
        watch.remove_done_callback(on_receive)
        watch.cancel()


async def _json(send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]] | None = None) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _error(send: Send, dialect: InboundDialect, error: PointsmanError, request_id: str) -> None:
    answer = dialect.encode_error(error, request_id)
    extra = [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()]
    extra = [pair for pair in extra if pair[0] not in (b"content-type", b"content-length")]
    await _json(send, answer.status, answer.body, extra)
