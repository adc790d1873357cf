"""The transports under test, each on the loop it runs on: one behaviour, whichever of them sends."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import uvloop

from pointsman.providers.hosts import endpoint
from pointsman.providers.lean_transport import LeanTransport
from pointsman.providers.seam import Answer, Outgoing, Transport
from pointsman.providers.transport import AiohttpTransport
from support.loopback import Play, Server, serving

KINDS = ("aiohttp", "lean", "lean-uvloop")


class Client:
    """One transport talking to one server."""

    def __init__(self, transport: Transport, base_url: str) -> None:
        self.transport = transport
        self.base_url = base_url

    async def post(
        self,
        path: str = "/v1/x",
        *,
        connect_s: float = 5,
        head_s: float = 5,
        key: str = "k",
        body: bytes = b'{"a":1}',
    ) -> Answer:
        where = endpoint("acme", "openai", base_url=self.base_url)
        outgoing = Outgoing(path, {"authorization": f"Bearer {key}", "content-type": "application/json"}, body)
        return await self.transport.send(where, outgoing, connect_s=connect_s, head_s=head_s)

    async def ask(self, path: str = "/v1/x", *, body: bytes = b'{"a":1}') -> bytes:
        """Post, read the whole answer and give the connection back."""
        found = await self.post(path, body=body)
        with contextlib.closing(found):
            return await found.read()


class Over:
    """One kind of transport: makes it, runs a test on its loop, and connects it to servers."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def make(self, *, tls: ssl.SSLContext | None = None, keep_alive_s: float = 15.0) -> Transport:
        if self.kind == "aiohttp":
            return AiohttpTransport(tls=tls, keep_alive_s=keep_alive_s)
        return LeanTransport(tls=tls, keep_alive_s=keep_alive_s)

    def run(self, test: Callable[[], Coroutine[Any, Any, None]]) -> None:
        factory = uvloop.new_event_loop if self.kind == "lean-uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(test())

    @contextlib.asynccontextmanager
    async def at(
        self, base_url: str, *, tls: ssl.SSLContext | None = None, keep_alive_s: float = 15.0
    ) -> AsyncIterator[Client]:
        transport = self.make(tls=tls, keep_alive_s=keep_alive_s)
        try:
            yield Client(transport, base_url)
        finally:
            await transport.aclose()

    @contextlib.asynccontextmanager
    async def client(self, *answers: bytes | Play, keep_alive_s: float = 15.0) -> AsyncIterator[tuple[Client, Server]]:
        async with serving(*answers) as server, self.at(server.base_url, keep_alive_s=keep_alive_s) as client:
            yield client, server
