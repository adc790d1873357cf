"""One request and its answer, as the connection hands it over and the caller reads it.

All that belongs to a request lives here, never on its connection: by the time the caller's task runs again, the connection
may already carry somebody else's request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

from pointsman.providers.transport_errors import MAX_BODY, cut, too_large

HIGH_WATER = 256 * 1024
"""Bytes of a body that may wait for a slow reader before the connection stops reading."""


class Cut(Exception):
    """An exchange ended before its answer did. ``unheard`` True: no byte of an answer had come."""

    def __init__(self, reason: str, *, unheard: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unheard = unheard


class Carrier(Protocol):
    """What an exchange needs of its connection."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read on."""

    def abort(self) -> None:
        """Cut the connection."""


class Headers(Mapping[str, str]):
    """Headers of an answer, by name in any case; of several with one name the first. Only what is asked for is decoded."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower().encode("utf-8")].decode("latin-1")

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the value of a header, or ``default``."""
        value = self._fields.get(name.lower().encode("utf-8"))
        return default if value is None else value.decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class Exchange:
    """An answer in the making, and the ``Answer`` of the seam once its head is there.

    The connection calls ``answered``, ``add``, ``finish`` or ``fail``, and ``wake`` after each read; the caller the rest.
    """

    __slots__ = (
        "_carrier",
        "_cut",
        "_done",
        "_loop",
        "_parts",
        "_paused",
        "_size",
        "_waiter",
        "headers",
        "provider",
        "status",
    )

    headers: Mapping[str, str]
    status: int

    def __init__(self, loop: asyncio.AbstractEventLoop, carrier: Carrier, provider: str) -> None:
        self.provider = provider
        self.status = 0
        self._loop = loop
        self._carrier: Carrier | None = carrier
        self._parts: list[bytes] = []
        self._size = 0
        self._paused = False
        self._done = False
        self._cut: Cut | None = None
        self._waiter: asyncio.Future[None] | None = None

    def answered(self, status: int, fields: dict[bytes, bytes]) -> None:
        """Take the answer's head."""
        self.status = status
        self.headers = Headers(fields)

    def add(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER and not self._paused and self._carrier is not None:
            self._paused = True
            self._carrier.pause()

    def finish(self) -> None:
        """Take the end of the body: from here on the connection is no longer ours."""
        self._done = True
        self._carrier = None

    def fail(self, reason: Cut) -> None:
        """Take a failure; what has come before it can still be read."""
        self._done = True
        self._cut = reason
        self._carrier = None
        self.wake()

    def wake(self) -> None:
        """Let the caller look at what has come."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def head(self) -> None:
        """Wait for the answer's head.

        Raises:
            Cut: there will be none.
        """
        while not self.status:
            if self._cut is not None:
                raise self._cut
            await self._wait()

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; see ``Answer.chunks``."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._parts:
            if self._done:
                self._raise_if_cut()
                raise StopAsyncIteration
            await self._wait()
        return self._take()

    async def read(self) -> bytes:
        """Return the whole body; see ``Answer.read``.

        Raises:
            StreamBroken: the connection was cut before the body's end.
            ProviderError: the body is larger than ``MAX_BODY``.
        """
        pieces: list[bytes] = []
        size = 0
        while True:
            if self._parts:
                pieces.append(self._take())
                size += len(pieces[-1])
                if size > MAX_BODY:
                    raise too_large(self.provider, self.status)
            elif self._done:
                self._raise_if_cut()
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)
            else:
                await self._wait()

    def close(self) -> None:
        """Cut the connection if the answer has not come to its end, which cancels the work upstream."""
        carrier = self._carrier
        if carrier is not None:
            carrier.abort()

    def _take(self) -> bytes:
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            if self._carrier is not None:
                self._carrier.resume()
        return data

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _raise_if_cut(self) -> None:
        if self._cut is not None:
            raise cut(self.provider, self._cut.reason)
