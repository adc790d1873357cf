"""A tiny server on a loopback port that plays given bytes: for answers no honest server gives."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """``requests`` are the raw requests seen, ``connections`` how many were opened, ``gone`` is set when a client left."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.gone = asyncio.Event()
        self.base_url = ""

    async def read_request(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request with its body; raises ``IncompleteReadError`` when the client has left."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        request = head + await reader.readexactly(length)
        self.requests.append(request)
        return request


class Echo:
    """Answers each request by its own body, as ``play`` writes it. Knows how many connections are open."""

    def __init__(self, play: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._play = play
        self._server = Server()
        self.connections = 0
        self.open = 0
        self.base_url = ""
        self._changed = asyncio.Event()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self.open += 1
        try:
            while True:
                request = await self._server.read_request(reader)
                await self._play(request.partition(b"\r\n\r\n")[2], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
            self.open -= 1
            self._changed.set()

    async def until_open(self, count: int) -> None:
        """Wait until so many connections are open."""
        while self.open != count:
            self._changed.clear()
            await self._changed.wait()


@contextlib.asynccontextmanager
async def echoing(
    play: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Echo]:
    """Serve ``play`` on a loopback port, over TLS if ``tls`` is given."""
    echo = Echo(play)
    listener = await asyncio.start_server(echo.connected, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    echo.base_url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    try:
        yield echo
    finally:
        listener.close()
        await listener.wait_closed()


@contextlib.asynccontextmanager
async def serving(*answers: bytes | Play) -> AsyncIterator[Server]:
    """Serve ``answers`` in turn, whatever the connection; bytes are written as they are, a function plays itself."""
    server = Server()
    left = list(answers)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while left:
                await server.read_request(reader)
                answer = left.pop(0)
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(reader, writer)
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            server.gone.set()
            writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.base_url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


def answer(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """Write a whole HTTP answer."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body
