"""One HTTP/1.1 connection: writes a request, feeds what comes back to the parser, and says when it can be used again.

The parser (llhttp) is strict by itself; what it leaves open is bounded here: how long a head may be, which transfer codings
are read, and what bytes outside any answer mean (the connection is dropped: they could be taken for the next answer).
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from pointsman.providers.lean_exchange import Cut, Exchange
from pointsman.providers.transport_errors import NO_ANSWER, NOT_HTTP

MAX_HEAD = 64 * 1024
"""Bytes of an answer's head, and of anything else that is not its body (interim answers, chunk headers, trailers)."""

HEAD_TOO_LONG = f"the head of its answer is longer than {MAX_HEAD // 1024} KiB"

_ONE_WRITE = 64 * 1024
_FINAL = 200


class Home(Protocol):
    """Where a connection is kept between two requests."""

    def opened(self, connection: Connection) -> None:
        """A connection stands."""

    def give(self, connection: Connection) -> None:
        """A connection is free again."""

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""


class _Refused(Exception):
    """Stops the parser."""


class Connection(asyncio.Protocol):
    """A connection of ``home``. ``idle_since`` is when it was given back, by the loop's clock."""

    def __init__(self, home: Home) -> None:
        self.idle_since = 0.0
        self._home = home
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._fields: dict[bytes, bytes] = {}
        self._rest: memoryview | None = None
        self._unframed = 0
        self._heard = False
        self._keep = False
        self._full = False
        self._paused = False

    @property
    def usable(self) -> bool:
        """Whether a request can be written."""
        return self._transport is not None and not self._transport.is_closing()

    def begin(self, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Write a request; its answer goes to ``exchange``. A large body is written as fast as the peer takes it."""
        transport = cast(asyncio.Transport, self._transport)
        self._exchange = exchange
        self._fields = {}
        self._unframed = 0
        self._heard = False
        if len(body) <= _ONE_WRITE:
            transport.write(head + body)
        else:
            transport.write(head)
            self._rest = memoryview(body)
            self._write_on()

    def pause(self) -> None:
        """Stop reading: the caller is slower than the provider."""
        if not self._paused and self.usable:
            self._paused = True
            cast(asyncio.Transport, self._transport).pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused and self.usable:
            self._paused = False
            cast(asyncio.Transport, self._transport).resume_reading()

    def abort(self) -> None:
        """Cut the connection at once; the answer it carries, if any, fails."""
        self._end(Cut("closed"))
        if self._transport is not None:
            self._transport.abort()

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, TLS included."""
        self._transport = cast(asyncio.Transport, transport)
        self._home.opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        exchange = self._exchange
        if exchange is None:
            self.abort()
            return
        self._heard = True
        self._unframed += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._end(Cut(HEAD_TOO_LONG if self._unframed > MAX_HEAD else NOT_HTTP))
            self.abort()
        else:
            if self._exchange is None:
                self._settle()
            elif self._unframed > MAX_HEAD:
                self._end(Cut(HEAD_TOO_LONG))
                self.abort()
        exchange.wake()

    def eof_received(self) -> None:
        """The peer will send no more: for a body without a length, that is its end."""
        exchange = self._exchange
        if exchange is not None and exchange.status and not self._framed():
            self._exchange = None
            exchange.finish()
            exchange.wake()
        # Returning None closes the transport; what is unfinished fails in connection_lost.

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if exc is None:
            self.eof_received()
        if self._exchange is not None:
            self._end(Cut("closed" if self._exchange.status else NO_ANSWER, unheard=not self._heard))
        self._transport = None
        self._rest = None
        self._home.lost(self)

    def pause_writing(self) -> None:
        """The peer takes our bytes slower than we write them."""
        self._full = True

    def resume_writing(self) -> None:
        """The peer has taken enough for more."""
        self._full = False
        self._write_on()

    # -- called by the parser

    def on_message_begin(self) -> None:
        """An answer begins: one that nobody asked for stops the parser."""
        if self._exchange is None:
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers, which come after the head, end up nowhere."""
        self._fields.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """Hand over a final head; the interim ones (1xx) are passed by."""
        exchange = self._exchange
        status = self._parser.get_status_code()
        if exchange is None or status < _FINAL:
            return
        fields = self._fields
        if self._unframed > MAX_HEAD and sum(len(name) + len(value) + 4 for name, value in fields.items()) > MAX_HEAD:
            raise _Refused
        if fields.get(b"transfer-encoding", b"chunked").strip().lower() != b"chunked":
            self._unframed = 0
            raise _Refused
        self._fields = {}
        self._unframed = 0
        exchange.answered(status, fields)

    def on_body(self, data: bytes) -> None:
        """Hand over a piece of the body."""
        if self._exchange is not None:
            self._unframed = 0
            self._exchange.add(data)

    def on_message_complete(self) -> None:
        """An answer is complete."""
        exchange = self._exchange
        if exchange is None or exchange.status == 0:
            self._fields = {}
            return
        self._keep = self._parser.should_keep_alive()
        self._exchange = None
        exchange.finish()

    # -- inner

    def _settle(self) -> None:
        """After a whole answer: give the connection back, or drop it when nothing else may follow on it."""
        transport = cast(asyncio.Transport, self._transport)
        # An answer that overtook its request leaves a connection in the middle of that request.
        if not self._keep or not self.usable or self._rest is not None or transport.get_write_buffer_size():
            self.abort()
            return
        if self._paused:
            self.resume()
        self._home.give(self)

    def _end(self, reason: Cut) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.fail(reason)

    def _framed(self) -> bool:
        headers = self._exchange.headers if self._exchange is not None else {}
        return "content-length" in headers or "transfer-encoding" in headers

    def _write_on(self) -> None:
        rest = self._rest
        while rest is not None and not self._full and self.usable:
            cast(asyncio.Transport, self._transport).write(rest[:_ONE_WRITE])
            rest = rest[_ONE_WRITE:] if len(rest) > _ONE_WRITE else None
        self._rest = rest
