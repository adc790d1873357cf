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

from pointsman.domain.decision import Decision
from pointsman.domain.reply import Event
from pointsman.errors import PointsmanError
from pointsman.execution.agents.managed import ManagedRun
from pointsman.execution.engine import Running
from pointsman.server.gateway.codec import InboundDialect, StreamEncoder
from pointsman.server.gateway.rate_headers import anthropic_rates, openai_rates

_log = logging.getLogger(__name__)

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

KEEP_ALIVE_S = 15.0
"""Seconds of silence on a stream before a keep-alive is sent: below the shortest idle limit of common proxies (30 s)."""
_SSE: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
_JSON: Headers = [(b"content-type", b"application/json")]
_REASONS_LIMIT = 2000
_REASON_LIMIT = 300
"""Bytes of all reasons and characters of one in a header: proxies refuse answers whose head is larger than 4 or 8 KiB."""


def decision_headers(running: Running | ManagedRun, request_id: str, *, explain: bool, answered: bool) -> Headers:
    """Return the ``x-pointsman-*`` headers. ``answered`` False: no model has begun, so none is named."""
    decision = running.decision
    headers = [
        (b"x-request-id", request_id.encode()),
        (b"request-id", request_id.encode()),
        (b"x-pointsman-decision-id", decision.id.encode()),
        (b"x-pointsman-route", _ascii(decision.route)),
    ]
    if isinstance(running, ManagedRun):
        headers += [
            (b"x-pointsman-run-id", running.run_id.encode()),
            (b"x-pointsman-run-state", running.state.encode()),
        ]
        answered = answered and running.answered
    if answered:
        headers.append((b"x-pointsman-model", _ascii(running.model.id)))
        if dropped := running.call.outgoing.dropped:
            headers.append((b"x-pointsman-dropped-params", _ascii(",".join(dropped))))
        if running.call.target.endpoint.simulated:
            headers.append((b"x-pointsman-simulated", b"1"))
    if explain:
        headers.append((b"x-pointsman-reasons", explained(decision)))
    return headers


def explained(decision: Decision) -> bytes:
    """Return the reasons as JSON of bounded size, whole whatever their number: what does not fit is counted instead."""
    said = [json.dumps({"kind": r.kind, "name": r.name, "text": _cut(r.text)}) for r in decision.reasons]
    kept, size = 0, 0
    while kept < len(said) and size + len(said[kept]) <= _REASONS_LIMIT:
        size += len(said[kept]) + 2
        kept += 1
    if kept < len(said):
        text = f"{len(said) - kept} more: pointsman turn {decision.id}"
        said[kept:] = [json.dumps({"kind": "note", "name": "cut", "text": text})]
    return f"[{', '.join(said)}]".encode("ascii")


def _cut(text: str) -> str:
    return text if len(text) <= _REASON_LIMIT else text[: _REASON_LIMIT - 1] + "…"


def _ascii(text: str) -> bytes:
    """Header bytes: anything that could break the header is replaced."""
    return "".join(c if " " <= c <= "~" else "?" for c in text).encode("ascii")


class TurnResponse:
    """Writes the answer of one turn."""

    def __init__(  # noqa: PLR0913 - what one answer needs, by name
        self,
        dialect: InboundDialect,
        running: Running | ManagedRun,
        send: Send,
        request_id: str,
        *,
        explain: bool = False,
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self._dialect = dialect
        self._running = running
        self._send = send
        self._request_id = request_id
        self._explain = explain
        self._keep_alive_s = keep_alive_s
        self._started = False
        self._last_sent = time.monotonic()
        self._encoder: StreamEncoder | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ticking: asyncio.Future[None] | None = None

    def _headers(self, *, answered: bool) -> Headers:
        headers = decision_headers(self._running, self._request_id, explain=self._explain, answered=answered)
        rates = self._running.rates if isinstance(self._running, Running) else None
        if rates is not None:
            written = anthropic_rates(rates) if self._dialect.name == "anthropic" else openai_rates(rates)
            headers += [(name.encode(), value.encode()) for name, value in written.items()]
        return headers

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
        except PointsmanError as lost:
            _log.warning("turn %s is not on record: %s", self._running.decision.id, lost)
        await self._error(error)

    async def _run(self) -> None:
        if self._running.ask.turn.stream:
            try:
                self._schedule()
                await self._stream()
            finally:
                self._stop_keep_alive()
        else:
            await self._whole()

    async def _whole(self) -> None:
        running = self._running
        try:
            await running.open()
            body = (
                running.call.raw
                if running.relayed
                else self._dialect.encode_reply(running.reply, running.ask.turn, self._named())
            )
        except PointsmanError as error:
            await running.fail(error)
            await self._error(error)
            return
        record = await running.commit()
        headers = self._headers(answered=True)
        if record.cost_usd is not None:
            headers.append((b"x-pointsman-cost-usd", format(record.cost_usd, "f").encode()))
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({"type": "http.response.start", "status": 200, "headers": _JSON + headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _stream(self) -> None:
        running = self._running
        if isinstance(running, Running):
            running.listen(self._say)
        try:
            await running.open()
        except PointsmanError as error:
            await self._error(error)
            return
        if self._ticking is not None and not self._ticking.done():
            await asyncio.wait([self._ticking])  # it may be sending the head
        await self._start(answered=True)
        encoder = self._new_encoder(answered=True)
        try:
            async for piece in running.stream():
                data = piece if isinstance(piece, bytes) else encoder.encode(piece)
                if data:
                    await self._body(data)
            record_tail = running.call.tail if running.relayed else encoder.terminal()
        except PointsmanError as error:
            await running.fail(error)
            await self._error(error)
            return
        await running.commit()
        await self._end_keep_alive()
        await self._last(record_tail)

    def _named(self) -> str:
        """Return what the client is told answered: the model, or the agent it asked for."""
        running = self._running
        return running.ask.turn.model if isinstance(running, ManagedRun) else running.model.id

    def _new_encoder(self, *, answered: bool) -> StreamEncoder:
        if self._encoder is None:
            model = self._named() if answered else self._running.decision.model
            self._encoder = self._dialect.encoder(self._running.ask.turn, model, self._running.decision.id)
        return self._encoder

    async def _start(self, *, answered: bool) -> None:
        if self._started:
            return
        self._started = True
        headers = self._headers(answered=answered)
        await self._send({"type": "http.response.start", "status": 200, "headers": _SSE + headers})

    async def _say(self, events: list[Event]) -> None:
        """Send words that come before the reply, in the stream that the reply goes on."""
        if self._ticking is not None and not self._ticking.done():
            await asyncio.wait([self._ticking])  # it may be sending the head
        await self._start(answered=False)
        await self._body(self._new_encoder(answered=False).encode(events))

    async def _body(self, data: bytes) -> None:
        self._last_sent = time.monotonic()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _last(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def _error(self, error: PointsmanError) -> None:
        """Say that the turn failed: with a status while the head is unsent, else with the dialect's error event."""
        await self._end_keep_alive()
        if self._started:
            await self._last(self._new_encoder(answered=False).error(error, self._request_id))
            return
        self._started = True
        answer = self._dialect.encode_error(error, self._request_id)
        headers = [(name.encode(), _ascii(value)) for name, value in answer.headers.items()]
        known = {name for name, _ in headers}
        extra = self._headers(answered=False)
        headers += [pair for pair in extra if pair[0] not in known]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body})

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._keep_alive_s, self._tick)

    def _tick(self) -> None:
        silent = time.monotonic() - self._last_sent >= self._keep_alive_s * 0.9
        if silent and (self._ticking is None or self._ticking.done()):
            self._ticking = asyncio.ensure_future(self._keep_alive())
        self._schedule()

    async def _keep_alive(self) -> None:
        await self._start(answered=False)
        await self._body(self._dialect.keep_alive)

    def _stop_keep_alive(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _end_keep_alive(self) -> None:
        """No keep-alive from here on; one that is being sent is waited for, since nothing may follow the last frame."""
        self._stop_keep_alive()
        if self._ticking is not None and not self._ticking.done():
            await asyncio.wait([self._ticking])
