"""uvicorn's HTTP with one bound more, on the size of a request's head, and a word when the client leaves.

The parser underneath has no such bound, so a client could fill our memory with a header that never ends, before any key is
asked for. ASGI tells of a client that left only to a task of its own, which waits through every turn; here whoever serves the
request is called.
"""

from __future__ import annotations

from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD = 64 * 1024
"""Bytes of request line and headers; the largest honest ones (cookies, traces) stay below 16 KiB."""

_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 31\r\n"
    b"connection: close\r\n\r\nThe request head is too large.\n"
)


WHEN_GONE = "pointsman.when_gone"
"""The ASGI extension under which a request finds ``when_gone``, as ``call``."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. Gives up a request whose head is not complete after ``MAX_HEAD`` bytes."""

    _on_gone: Callable[[], None] | None = None
    _lost = False
    _head_bytes = 0
    _in_head = True
    _went_on = False

    def data_received(self, data: bytes) -> None:
        """Take bytes from the connection."""
        self._went_on = False
        super().data_received(data)
        if self._in_head and not self._went_on:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD and not self.transport.is_closing():
                self._refuse()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {WHEN_GONE: {"call": self.when_gone}}

    def when_gone(self, callback: Callable[[], None] | None) -> None:
        """Have ``callback`` called when the client leaves, from the event loop; None: nobody asks any more.

        Requests of one connection are served one after another, so there is one that asks at a time.
        """
        self._on_gone = callback
        if callback is None:
            return
        self.flow.resume_reading()  # a large body has it paused, and only who reads sees the end
        if self._lost:
            self.loop.call_soon(self._tell)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._lost = True
        super().connection_lost(exc)
        self._tell()

    def _tell(self) -> None:
        callback, self._on_gone = self._on_gone, None
        if callback is not None:
            callback()

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._in_head, self._went_on = False, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is complete: what comes next is another head."""
        self._in_head, self._went_on, self._head_bytes = True, True, 0
        super().on_message_complete()

    def _refuse(self) -> None:
        # Into the answer of an earlier request on this connection nothing may be mixed: that one is cut.
        before: RequestResponseCycle | None = self.cycle
        if before is None or before.response_complete:
            self.transport.write(_REFUSAL)
        self.transport.close()
