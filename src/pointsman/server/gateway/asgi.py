"""The gateway as a bare ASGI application: no framework stands on the hot path."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import Any

import msgspec

from pointsman.app import Router
from pointsman.errors import (
    MethodNotAllowed,
    NotFound,
    PointsmanError,
    RequestError,
    RequestTooLarge,
    Unauthorized,
)
from pointsman.execution.ask import Ask, conversation_hash
from pointsman.server.admin.routes import AdminCall, Found, find
from pointsman.server.dashboard.handover import Pages
from pointsman.server.gateway.anthropic import AnthropicInbound
from pointsman.server.gateway.codec import InboundDialect
from pointsman.server.gateway.models_list import anthropic_models, openai_models
from pointsman.server.gateway.openai_chat import OpenAIChatInbound
from pointsman.server.gateway.turns import KEEP_ALIVE_S, Send, TurnResponse
from pointsman.server.http_protocol import WHEN_GONE
from pointsman.server.services import Services
from pointsman.store.keys import ClientKey, KeyRing

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_BODY = 32 * 1024 * 1024
_CONVERSATION_LIMIT = 128
_TRACE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.{0,64})?")
"""W3C Trace Context: version, trace, parent, flags; what a later version appends is passed over."""
_TRACE_SIZE = 55


class _ClientLeft(Exception):
    """The client went away while it was sending its request."""


class Gateway:
    """Routes HTTP requests. ``keys`` None means that no key is asked for (loopback only; ``serve`` sees to that).

    ``max_body`` bounds a request body in bytes; ``keep_alive_s`` is the silence on a stream after which a keep-alive is sent.
    """

    def __init__(
        self, router: Router, keys: KeyRing | None, *, max_body: int = MAX_BODY, keep_alive_s: float = KEEP_ALIVE_S
    ) -> None:
        self._router = router
        self._keys = keys
        self._max_body = max_body
        self._keep_alive_s = keep_alive_s
        self._services = Services(router)
        self._pages = Pages(router, keys)
        self._openai = OpenAIChatInbound()
        self._anthropic = AnthropicInbound()
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
                self._services.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._services.aclose()
                if self._keys is not None:
                    self._keys.close()
                await self._router.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        dialect = self._turn_paths.get(path) or self._dialect_of(path, headers)
        request_id = f"req_{random.getrandbits(96):024x}"
        try:
            if path in self._turn_paths:
                _check_method(method, "POST", path)
                await self._turn(dialect, headers, scope, receive, send, request_id)
            elif path == "/v1/messages/count_tokens":
                _check_method(method, "POST", path)
                await self._count_tokens(headers, receive, send)
            elif (found := find(method, scope.get("raw_path") or path.encode())) is not None:
                await self._admin(found, scope, headers, receive, send)
            elif self._pages.take(path, method, headers):
                await self._pages.serve(scope, receive, send)
            else:
                status, body = await self._read(path, method, headers)
                await _json(send, status, body)
        except PointsmanError as error:
            await _error(send, dialect, error, request_id)
        except _ClientLeft:
            _log.debug("a client left before its request was complete")
        except Exception as error:  # noqa: BLE001 - a fault of ours must still be an answer the client can read
            _log.exception("request %s failed inside Pointsman", request_id)
            await _error(send, dialect, PointsmanError(type(error).__name__), request_id)

    def _dialect_of(self, path: str, headers: Mapping[str, str]) -> InboundDialect:
        anthropic = "anthropic-version" in headers or path.startswith("/v1/messages")
        return self._anthropic if anthropic else self._openai

    def _authenticate(self, headers: Mapping[str, str]) -> ClientKey | None:
        if self._keys is None:
            return None
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = [headers.get("x-api-key", "").strip(), bearer.strip() if scheme.lower() == "bearer" else ""]
        secrets_ = [secret for secret in given if secret]
        if not secrets_:
            raise Unauthorized("no client key: send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'")
        # Agent tools send both headers when two variables are set; one good key is enough.
        for secret in secrets_:
            if key := self._keys.check(secret):
                return key
        raise Unauthorized("this client key is not known; 'pointsman keys create NAME' makes one")

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body:
            raise RequestTooLarge(f"the request body has {length} bytes, at most {self._max_body} are taken")
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _ClientLeft
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body:
                raise RequestTooLarge(f"the request body is larger than {self._max_body} bytes")
            chunks.append(chunk)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _turn(  # noqa: PLR0913, PLR0917 - what ASGI gives, and what was read from it
        self,
        dialect: InboundDialect,
        headers: Mapping[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
        request_id: str,
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
            traceparent=_traceparent(headers),
        )
        # The official SDKs count their tries: a run that was cut short is then taken up, not begun again.
        retry = headers.get("x-stainless-retry-count", "0") != "0"
        running = await self._router.answer(ask, retry=retry)
        response = TurnResponse(
            dialect,
            running,
            send,
            request_id,
            explain=headers.get("x-pointsman-explain") == "1",
            keep_alive_s=self._keep_alive_s,
        )
        await _until_gone(response.run, running.cancel, scope, receive)

    async def _count_tokens(self, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        key = self._authenticate(headers)
        body = await self._body(headers, receive)
        turn = self._anthropic.decode_count(body, headers).turn
        name, models = (key.name, key.models) if key else (None, None)
        tokens, estimated = await self._router.count_tokens(turn, body, name, frozenset(models) if models else None)
        extra = [(b"x-pointsman-estimated", b"1")] if estimated else []
        await _json(send, 200, self._anthropic.encode_count(tokens), extra)

    async def _admin(
        self,
        found: tuple[Found, dict[str, str]],
        scope: Scope,
        headers: Mapping[str, str],
        receive: Receive,
        send: Send,
    ) -> None:
        key = self._authenticate(headers)
        body = await self._body(headers, receive)
        load, args = found
        query = scope.get("query_string", b"").decode("latin-1")
        answer = await load()(AdminCall(self._router, key, args, body, query, headers))
        await _json(send, answer.status, answer.body, content_type=answer.content_type)

    async def _read(self, path: str, method: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        models = path == "/v1/models" or path.startswith("/v1/models/")
        if not models and path not in {"/healthz", "/readyz"}:
            raise NotFound(f"there is no {path[:200]} here; turns go to /v1/chat/completions or /v1/messages")
        if method != "HEAD":  # what a load balancer asks instead of GET
            _check_method(method, "GET", path)
        if path == "/healthz":
            return 200, b'{"status":"ok"}'
        if path == "/readyz":
            problem = await self._router.not_ready()
            return (
                (503, msgspec.json.encode({"status": "not ready", "reason": problem}))
                if problem
                else (200, b'{"status":"ready"}')
            )
        key = self._authenticate(headers)
        offered = self._router.offered_models()
        if key is not None and key.models is not None:
            offered = [model for model in offered if model.id in key.models]
        listing = anthropic_models if "anthropic-version" in headers else openai_models
        # A key for some models may not use all that an agent's steps take.
        agents = sorted(self._router.agents.definitions()) if key is None or key.models is None else ()
        return 200, listing(offered, path.removeprefix("/v1/models").strip("/") or None, agents)


def _check_method(method: str, wanted: str, path: str) -> None:
    if method != wanted:
        raise MethodNotAllowed(f"{path[:200]} takes {wanted}, not {method[:20]}", allowed=wanted)


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


def _traceparent(headers: Mapping[str, str]) -> str | None:
    value = headers.get("traceparent", "")
    return value[:_TRACE_SIZE] if value and _TRACE.fullmatch(value) else None


def _with_channel(turn: Any, channel: str) -> Any:
    if channel not in ("chat", "voice", "email"):
        raise RequestError(f"x-pointsman-channel: {channel!r} is not chat, voice or email", param="x-pointsman-channel")
    return msgspec.structs.replace(turn, channel=channel)


async def _until_gone(
    run: Callable[[], Awaitable[None]], gone: Callable[[], Awaitable[None]], scope: Scope, receive: Receive
) -> None:
    """Await ``run``; when the client leaves first, stop it and await ``gone``."""
    task = asyncio.current_task()
    left = False

    def on_left() -> None:
        nonlocal left
        if task is not None:
            left = True
            task.cancel()

    end_watch = _watch(on_left, scope, receive)
    try:
        await run()
    except asyncio.CancelledError:
        try:
            await gone()
        except PointsmanError as error:
            _log.warning("the turn of a client that left is not on record: %s", error)
        if not left or task is None:
            raise
        task.uncancel()
    finally:
        end_watch()


def _watch(on_left: Callable[[], None], scope: Scope, receive: Receive) -> Callable[[], object]:
    """Have ``on_left`` called when the client leaves; return what ends the watch."""
    extension = (scope.get("extensions") or {}).get(WHEN_GONE)
    if extension is not None:  # our own server: no task has to wait
        when_gone = extension["call"]
        when_gone(on_left)
        return partial(when_gone, None)

    def on_done(watch: asyncio.Future[None]) -> None:
        if not watch.cancelled() and not watch.exception():
            on_left()

    def end() -> None:
        watch.remove_done_callback(on_done)
        watch.cancel()

    watch = asyncio.ensure_future(_disconnected(receive))
    watch.add_done_callback(on_done)
    return end


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _json(
    send: Send,
    status: int,
    body: bytes,
    extra: list[tuple[bytes, bytes]] | None = None,
    *,
    content_type: str = "application/json",
) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode()), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _error(send: Send, dialect: InboundDialect, error: PointsmanError, request_id: str) -> None:
    answer = dialect.encode_error(error, request_id)
    extra = [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()]
    extra = [pair for pair in extra if pair[0] not in (b"content-type", b"content-length")]
    if error.turn_id is not None:
        extra.append((b"x-pointsman-decision-id", error.turn_id.encode()))
    if isinstance(error, MethodNotAllowed):
        extra.append((b"allow", error.allowed.encode()))
    await _json(send, answer.status, answer.body, extra)
