"""One HTTP exchange on an ASGI connection: reading, writing, waiting, cutting."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NoReturn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Sleep = Callable[[float], Awaitable[None]]

TRANSPORT = "pointsman.transport"
_LINGER_NOT = struct.pack("ii", 1, 0)


class ClientLeftError(Exception):
    """The client closed the connection before the answer was complete."""


class HungUpError(Exception):
    """The emulator itself broke the connection off: there is nobody to answer any more."""


class CutError(Exception):
    """Raised under a server that lets no application cut a connection: it will close it without ending the body."""


class Connection:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, sleep: Sleep) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._sleep = sleep
        self._gone: asyncio.Task[None] | None = None
        self.started = False

    async def read(self) -> bytes:
        """Return the body."""
        parts = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)

    async def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status line and headers."""
        self.started = True
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": lines})

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Send a part of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    async def pause(self, seconds: float | None) -> None:
        """Wait; None: until the client leaves.

        Raises:
            ClientLeftError: the client left meanwhile.
        """
        if seconds is not None and seconds <= 0:
            return
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._watch())
        waits: set[asyncio.Future[None]] = {self._gone}
        timer = None
        if seconds is not None:
            timer = asyncio.ensure_future(self._sleep(seconds))
            waits.add(timer)
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if timer is not None:
                timer.cancel()
        if self._gone.done():
            raise ClientLeftError

    async def cut(self, *, reset: bool) -> NoReturn:
        """Break the connection off in the middle: by closing it with the body unfinished, or with RST.

        Raises:
            HungUpError: always; the exchange is over.
        """
        lent = (self._scope.get("extensions") or {}).get(TRANSPORT)
        if lent is None:
            raise CutError
        transport = lent["transport"]
        if reset:
            # Linger 0 makes the kernel answer with RST. The copy of the descriptor is needed because uvloop's socket
            # object takes no options; what was written before must leave first.
            await asyncio.sleep(0)
            with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as copy:
                copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            transport.abort()
        else:
            transport.close()
        await (self._gone or self._watch())
        raise HungUpError

    def release(self) -> None:
        """Stop watching the client."""
        if self._gone is not None:
            self._gone.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
