"""Connections kept open between requests: one lane per scheme, host and port; the youngest idle one is used first.

One timer looks after all idle connections. A connection is in a lane only while nothing runs on it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import NamedTuple

from aiohappyeyeballs import AddrInfoType, start_connection

from pointsman.providers.lean_connection import Connection

_FAMILY_DELAY_S = 0.25
"""How long one address may be silent before the next is tried beside it (RFC 8305, section 5)."""

_NAME_S = 10.0
"""How long the addresses of a name are used without asking again."""

_CLOSE_S = 1.0


class Place(NamedTuple):
    """Where connections go to."""

    tls: bool
    host: str
    port: int


class Lane:
    """The connections to one place."""

    def __init__(self, pool: Pool, place: Place) -> None:
        self.place = place
        self.idle: list[Connection] = []
        self._pool = pool
        self._addresses: list[AddrInfoType] = []
        self._known_until = 0.0
        self._lookup: asyncio.Task[None] | None = None

    def take(self) -> Connection | None:
        """Return an idle connection, which is the caller's from now on; None: there is none."""
        while self.idle:
            connection = self.idle.pop()
            if connection.usable:
                return connection
        return None

    async def connect(self, connect_s: float) -> Connection:
        """Open a connection: name, TCP and TLS within ``connect_s`` seconds.

        Raises:
            OSError: it failed; ``TimeoutError`` when it took too long.
        """
        loop = asyncio.get_running_loop()
        connection = Connection(self)
        place = self.place
        try:
            async with asyncio.timeout(connect_s):
                tls = await self._pool.tls() if place.tls else None
                await loop.create_connection(
                    lambda: connection,
                    sock=await self._socket(loop),
                    ssl=tls,
                    server_hostname=place.host if tls else None,
                )
        except BaseException:
            self._known_until = 0.0  # another address may answer
            connection.abort()
            raise
        return connection

    async def _socket(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        """Connect to whichever address of the name answers first (uvloop itself tries them one after the other)."""
        if loop.time() >= self._known_until:
            # A burst of callers asks the name server once: its threads are few.
            if self._lookup is None:
                self._lookup = loop.create_task(self._resolve(loop))
            await asyncio.shield(self._lookup)
        return await start_connection(list(self._addresses), happy_eyeballs_delay=_FAMILY_DELAY_S, interleave=1)

    async def _resolve(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            found = await loop.getaddrinfo(self.place.host, self.place.port, type=socket.SOCK_STREAM)
        finally:
            self._lookup = None
        self._addresses = list(found)
        self._known_until = loop.time() + _NAME_S

    def opened(self, connection: Connection) -> None:
        """Keep count of a connection."""
        self._pool.connections.add(connection)

    def give(self, connection: Connection) -> None:
        """Keep a connection for the next request."""
        connection.idle_since = asyncio.get_running_loop().time()
        self.idle.append(connection)
        self._pool.watch()

    def lost(self, connection: Connection) -> None:
        """Forget a connection; if it was idle, ``take`` or the timer finds it unusable."""
        self._pool.forget(connection)


class Pool:
    """All lanes. ``keep_alive_s`` is how long a connection is kept idle."""

    def __init__(self, keep_alive_s: float, tls: ssl.SSLContext | None = None) -> None:
        self.connections: set[Connection] = set()
        self._keep_alive_s = keep_alive_s
        self._tls = tls
        self._lanes: dict[Place, Lane] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Event | None = None

    def lane(self, place: Place) -> Lane:
        """Return the lane to a place."""
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = Lane(self, place)
        return lane

    async def tls(self) -> ssl.SSLContext:
        """Return the TLS settings: the system's trust, names checked. Reading the trust store takes tens of ms, once."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(_system_trust)
        return self._tls

    def watch(self) -> None:
        """See to it that idle connections are closed in time."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._keep_alive_s, self._sweep)

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if self._emptied is not None and not self.connections:
            self._emptied.set()

    async def aclose(self) -> None:
        """Cut all connections and wait until they are gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for lane in self._lanes.values():
            lane.idle.clear()
        if not self.connections:
            return
        self._emptied = asyncio.Event()
        for connection in list(self.connections):
            connection.abort()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._emptied.wait()
        except TimeoutError:
            pass
        finally:
            self._emptied = None

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        limit = loop.time() - self._keep_alive_s
        oldest: float | None = None
        for lane in self._lanes.values():
            kept = []
            for connection in lane.idle:
                if connection.usable and connection.idle_since > limit:
                    kept.append(connection)
                    oldest = connection.idle_since if oldest is None else min(oldest, connection.idle_since)
                else:
                    connection.abort()
            lane.idle = kept
        if oldest is not None:
            self._timer = loop.call_at(oldest + self._keep_alive_s, self._sweep)


def _system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
