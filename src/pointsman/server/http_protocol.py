"""uvicorn's HTTP with one bound more: on the size of a request's head.

The parser underneath has none, so a client could fill our memory with a header that never ends, before any key is asked for.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD = 64 * 1024
"""Bytes of request line and headers; the largest honest ones (cookies, traces) stay below 16 KiB."""

_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 31\r\n"
    b"connection: close\r\n\r\nThe request head is too large.\n"
)


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. Gives up a request whose head is not complete after ``MAX_HEAD`` bytes."""

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
