"""One model call: opened until its first content, then read to its end.

Until the first content nothing has been shown to the client, so a failure may be tried again elsewhere; after it a
failure is final. That line is drawn here. Relayed bytes show reasoning too, so there it counts as content.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from math import inf
from types import MappingProxyType

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.reply import Event, ReasoningDelta, Reply
from pointsman.domain.turn import Turn
from pointsman.errors import ProviderError, ProviderTimeout, StreamBroken
from pointsman.execution.assemble import CONTENT, Assembler, events_of, has_content
from pointsman.execution.stall import StallClock
from pointsman.providers.openai_chat_stream import without_usage_chunk
from pointsman.providers.seam import Answer, Dialect, Endpoint, Outgoing, StreamDecoder, Transport

_log = logging.getLogger(__name__)

OK = 200
_NOT_ASKED_FOR = MappingProxyType({"openai_chat": without_usage_chunk})
"""What we ask of a provider beyond the client's wish (usage, for the bill) and take out again before relaying."""
_HELD_LIMIT = 16 * 1024 * 1024
_DRAIN_S = 0.05


class Deadlines(msgspec.Struct, frozen=True):
    """Seconds: to connect, to the first token (of reasoning too), between two pieces of a stream, and for the whole turn."""

    connect_s: float = 5.0
    first_token_s: float = 60.0
    idle_s: float = 60.0
    total_s: float = 600.0


class Target(msgspec.Struct, frozen=True):
    """Where a call goes: a model, its endpoint and the dialect spoken there."""

    model: Model
    endpoint: Endpoint
    dialect: Dialect


class Call:
    """One call in progress. Use ``open``, then ``stream`` or ``reply``; ``close`` in every case.

    ``relayed`` is True when the client's own bytes went up and the provider's bytes may go down unchanged.
    ``tail`` holds, after ``stream``, the raw bytes of the terminal frame of a relayed stream.
    """

    def __init__(self, target: Target, turn: Turn, body: bytes | None, deadlines: Deadlines) -> None:
        self.target = target
        self.turn = turn
        self.relayed = body is not None
        self.deadlines = deadlines
        self.assembler = Assembler(target.model.id)
        self.started_ns = time.perf_counter_ns()
        self.ttft_ms: float | None = None
        self.chunks = 0
        self.http_status: int | None = None
        self.request_id: str | None = None
        self.whole: Reply | None = None
        self.raw = b""
        self.tail = b""
        self.outgoing: Outgoing = self._encode(body)
        self._answer: Answer | None = None
        self._decoder: StreamDecoder | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._pending: list[Event] = []
        self._held = b""
        self._over = False
        self._begun = False
        self._shown = False
        self._pauses = StallClock()
        self._ends_at = time.monotonic() + deadlines.total_s

    def _encode(self, body: bytes | None) -> Outgoing:
        target = self.target
        if body is not None:
            return target.dialect.splice(body, self.turn, target.model, target.endpoint)
        return target.dialect.encode(self.turn, target.model, target.endpoint)

    async def open(self, transport: Transport, limit_s: float, turn_s: float | None = None) -> None:
        """Send, and read on until the first content (or the whole reply when not streamed).

        ``limit_s`` is what this call may take until then; ``turn_s`` what is left for the turn, its stream included
        (None: the same).

        Raises:
            ProviderError: any failure up to here; it may be tried again.
        """
        now = time.monotonic()
        self._ends_at = now + (limit_s if turn_s is None else turn_s)
        limit = min(self.deadlines.first_token_s, limit_s) if self.turn.stream else limit_s
        try:
            async with asyncio.timeout(limit) as clock:
                await self._send(transport, limit)
                if self.turn.stream:
                    await self._first_content(clock, now + limit_s)
                else:
                    await self._read_whole()
        except TimeoutError:
            raise ProviderTimeout(
                f"{self.target.model.id}: nothing to show within {limit:g} s",
                provider=self.target.endpoint.provider,
                kind="timeout",
                retry="other",
                upstream_status=self.http_status,
            ) from None

    async def _send(self, transport: Transport, limit: float) -> None:
        connect_s = min(self.deadlines.connect_s, limit)
        answer = await transport.send(
            self.target.endpoint, self.outgoing, connect_s=connect_s, head_s=inf
        )  # our own clock runs
        self._answer = answer
        self.http_status = answer.status
        self.request_id = answer.headers.get("x-request-id") or answer.headers.get("request-id")
        if answer.status != OK:
            raise self.target.dialect.decode_error(answer.status, answer.headers, await answer.read())

    async def _read_whole(self) -> None:
        answer = self._opened()
        self.raw = await answer.read()
        try:
            self.whole = self.target.dialect.decode_reply(self.raw, answer.headers)
        except ProviderError:
            raise
        except Exception as error:
            raise self._unreadable(error) from error
        self._over = True

    async def _first_content(self, clock: asyncio.Timeout, last: float) -> None:
        answer = self._opened()
        if "json" in answer.headers.get("content-type", ""):
            # Some servers ignore "stream": the reply is whole, and is passed on as the events it would have been.
            await self._read_whole()
            self.relayed = False
            self._take(events_of(self.whole or self.assembler.reply()))
            return
        self._decoder = self.target.dialect.decoder(answer.headers)
        self._chunks = answer.chunks()
        while not (self._over or self._shown):
            await self._read_chunk()
            if self._begun:
                # A model that thinks aloud is not silent: from its first token on, only a pause or the turn's end counts.
                left = min(self.deadlines.idle_s, last - time.monotonic())
                clock.reschedule(asyncio.get_running_loop().time() + left)

    async def _read_chunk(self) -> None:
        """Read one piece of the stream into ``_pending`` / ``_held``; at the end of the stream settle what is owed."""
        if self._decoder is None or self._chunks is None:
            raise StreamBroken(f"{self.target.model.id}: the call was not opened", kind="internal")
        data = await anext(self._chunks, None)
        try:
            self._take(self._decoder.close() if data is None else self._decoder.feed(data))
        except ProviderError:
            raise
        except Exception as error:
            raise self._unreadable(error) from error
        if data is None:
            self._over = True
            return
        if self.relayed:
            self._held += data
            if len(self._held) > _HELD_LIMIT:
                raise StreamBroken(f"{self.target.model.id}: a frame is larger than 16 MiB", kind="oversized_frame")
        self._over = self._decoder.done

    def _unreadable(self, error: Exception) -> StreamBroken:
        """Whatever a decoder stumbles over is the provider's malformed reply, so that another model gets its chance."""
        _log.warning("%s: its reply cannot be read", self.target.model.id, exc_info=error)
        return StreamBroken(
            f"{self.target.model.id}: the reply cannot be read ({type(error).__name__})",
            provider=self.target.endpoint.provider,
            kind="malformed_reply",
        )

    def _take(self, events: list[Event]) -> None:
        if not events:
            return
        if self.ttft_ms is None:
            self._look_for_first(events)
        self.chunks += sum(type(event) in CONTENT for event in events)
        self.assembler.add(events)
        if not self.relayed:
            self._pending.extend(events)

    def _look_for_first(self, events: list[Event]) -> None:
        if has_content(events):
            self.ttft_ms = (time.perf_counter_ns() - self.started_ns) / 1e6
            self._begun = self._shown = True
        elif any(type(event) is ReasoningDelta for event in events):
            self._begun = True
            self._shown = self.relayed

    async def stream(self) -> AsyncIterator[bytes | list[Event]]:
        """Yield the stream as it comes: raw bytes when relayed, events when not. The terminal frame stays in ``tail``.

        Raises:
            StreamBroken: it ended or stalled before its terminal event.
            ProviderError: the provider sent its error event.
        """
        while True:
            piece = self._release()
            if piece:
                yield piece
            if self._over:
                break
            await self._read_on()
        surplus = self._decoder.surplus if self._decoder else 0
        self.tail = self._without_our_wish(self._held[: len(self._held) - surplus])
        self._held = b""

    async def _read_on(self) -> None:
        left, idle = self._ends_at - time.monotonic(), self.deadlines.idle_s
        try:
            with self._pauses.within(min(idle, left)):
                await self._read_chunk()
        except TimeoutError:
            what = f"the stream stalled for {idle:g} s" if idle <= left else "the stream did not end in the turn's time"
            raise StreamBroken(
                f"{self.target.model.id}: {what}",
                provider=self.target.endpoint.provider,
                kind="stalled" if idle <= left else "timeout",
            ) from None

    def _release(self) -> bytes | list[Event]:
        if not self.relayed:
            events, self._pending = self._pending, []
            return events
        keep = self._decoder.held if self._decoder else 0
        cut = len(self._held) - keep
        data, self._held = self._held[:cut], self._held[cut:]
        return self._without_our_wish(data)

    def _without_our_wish(self, frames: bytes) -> bytes:
        strip = None if self.turn.include_usage else _NOT_ASKED_FOR.get(self.target.dialect.name)
        return strip(frames) if strip and frames else frames

    @property
    def reply(self) -> Reply:
        """The whole reply, or what has come of it so far."""
        return self.whole or self.assembler.reply(self.request_id)

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the call began."""
        return (time.perf_counter_ns() - self.started_ns) / 1e6

    def _opened(self) -> Answer:
        if self._answer is None:
            raise ProviderError(f"{self.target.model.id}: the call was not sent", kind="internal", retry="no")
        return self._answer

    async def settle(self) -> None:
        """After the terminal event, read the end of the body, so that the connection can be used again."""
        try:
            if self._chunks is not None:
                with self._pauses.within(_DRAIN_S):
                    async for _ in self._chunks:
                        pass
        except (TimeoutError, ProviderError):
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back, or cut it when the reply was not read to its end."""
        self._pauses.close()
        if self._answer is not None:
            self._answer.close()
