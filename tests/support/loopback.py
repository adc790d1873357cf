"""A tiny server on a loopback port that plays given bytes: for answers no honest server gives."""

from __future__ import annotations

import asyncio
import contextlib
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
