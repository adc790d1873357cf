"""One turn over HTTP: from the decoded request to the last byte.

The order of things is the promise: the head and the first bytes never wait for the store; the last byte is released only
after the turn's record is durable; a failure after the first byte becomes the dialect's error event, never a clean end.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pointsman.errors import PointsmanError
from pointsman.execution.engine import Running
from pointsman.server.gateway.codec import InboundDialect, StreamEncoder

_log = logging.getLogger(__name__)

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

KEEP_ALIVE_S = 15.0
_SSE: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
_JSON: Headers = [(b"content-type", b"application/json")]
_REASONS_LIMIT = 2000


def decision_headers(running: Running, request_id: str, *, explain: bool, answered: bool) -> Headers:
    """Return the ``x-pointsman-*`` headers. ``answered`` False: no model has begun, so none is named."""
    decision = running.decision
    headers = [
        (b"x-request-id", request_id.encode()),
        (b"request-id", request_id.encode()),
        (b"x-pointsman-decision-id", decision.id.encode()),
        (b"x-pointsman-route", _ascii(decision.route)),
    ]
    if answered:
        headers.append((b"x-pointsman-model", _ascii(running.model.id)))
        if dropped := running.call.outgoing.dropped:
            headers.append((b"x-pointsman-dropped-params", _ascii(",".join(dropped))))
        if running.call.target.endpoint.simulated:
            headers.append((b"x-pointsman-simulated", b"1"))
    if explain:
        reasons = json.dumps([{"kind": r.kind, "name": r.name, "text": r.text} for r in decision.reasons])
        headers.append((b"x-pointsman-reasons", reasons[:_REASONS_LIMIT].encode("ascii")))
    return headers


def _ascii(text: str) -> bytes:
    """Header bytes: anything that could break the header is replaced."""
    return "".join(c if " " <= c <= "~" else "?" for c in text).encode("ascii")


class TurnResponse:
    """Writes the answer of one turn."""

    def __init__(
        self, dialect: InboundDialect, running: Running, send: Send, request_id: str, *, explain: bool
    ) -> None:
        self._dialect = dialect
        self._running = running
        self._send = send
        self._request_id = request_id
        self._explain = explain
        self._started = False
        self._last_sent = time.monotonic()
        self._encoder: StreamEncoder | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ticking: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Answer the turn, streamed or whole. A fault of our own still ends as an error the client can read."""
        try:
            await self._run()
        except PointsmanError as error:
            await self._fault(error)
        except Exception as error:  # noqa: BLE001 - the last line of defence: a client must never hang on our bug
            turn_id = self._running.decision.id
            _log.exception("turn %s failed inside Pointsman", turn_id)
            await self._fault(PointsmanError(f"internal error {type(error).__name__}; the log has turn {turn_id}"))

    async def _fault(self, error: PointsmanError) -> None:
        try:
            await self._running.fail(error)
        finally:
            await self._error(error)

    async def _run(self) -> None:
        if self._running.ask.turn.stream:
            try:
                self._schedule()
                await self._stream()
            finally:
                if self._timer is not None:
                    self._timer.cancel()
        else:
            await self._whole()

    async def _whole(self) -> None:
        running = self._running
        try:
            await running.open()
            call = running.call
            body = (
                call.raw if call.relayed else self._dialect.encode_reply(call.reply, running.ask.turn, running.model.id)
            )
        except PointsmanError as error:
            await running.fail(error)
            await self._error(error)
            return
        record = await running.commit()
        headers = decision_headers(running, self._request_id, explain=self._explain, answered=True)
        if record.cost_usd is not None:
            headers.append((b"x-pointsman-cost-usd", format(record.cost_usd, "f").encode()))
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({"type": "http.response.start", "status": 200, "headers": _JSON + headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _stream(self) -> None:
        running = self._running
        try:
            await running.open()
        except PointsmanError as error:
            await self._error(error)
            return
        await self._start(answered=True)
        encoder = self._new_encoder()
        try:
            async for piece in running.stream():
                data = piece if isinstance(piece, bytes) else encoder.encode(piece)
                if data:
                    await self._body(data)
            record_tail = running.call.tail if running.call.relayed else encoder.terminal()
        except PointsmanError as error:
            await running.fail(error)
            await self._error(error)
            return
        await running.commit()
        await self._last(record_tail)

    def _new_encoder(self) -> StreamEncoder:
        if self._encoder is None:
            model = self._running.model.id if self._started else self._running.decision.model
            self._encoder = self._dialect.encoder(self._running.ask.turn, model, self._running.decision.id)
        return self._encoder

    async def _start(self, *, answered: bool) -> None:
        if self._started:
            return
        self._started = True
        headers = decision_headers(self._running, self._request_id, explain=self._explain, answered=answered)
        await self._send({"type": "http.response.start", "status": 200, "headers": _SSE + headers})

    async def _body(self, data: bytes) -> None:
        self._last_sent = time.monotonic()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _last(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def _error(self, error: PointsmanError) -> None:
        """Say that the turn failed: with a status while the head is unsent, else with the dialect's error event."""
        if self._started:
            await self._last(self._new_encoder().error(error, self._request_id))
            return
        self._started = True
        answer = self._dialect.encode_error(error, self._request_id)
        headers = [(name.encode(), _ascii(value)) for name, value in answer.headers.items()]
        known = {name for name, _ in headers}
        extra = decision_headers(self._running, self._request_id, explain=self._explain, answered=False)
        headers += [pair for pair in extra if pair[0] not in known]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body})

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._tick)

    def _tick(self) -> None:
        if time.monotonic() - self._last_sent >= KEEP_ALIVE_S * 0.9:
            self._ticking = asyncio.ensure_future(self._keep_alive())
        self._schedule()

    async def _keep_alive(self) -> None:
        await self._start(answered=False)
        turn, model = self._running.ask.turn, self._running.decision.model
        await self._body(self._dialect.encoder(turn, model, self._running.decision.id).keep_alive)
