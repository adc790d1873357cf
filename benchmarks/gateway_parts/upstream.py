"""A provider that answers at once: one JSON reply, or a stream of 20 chunks, over raw asyncio. Usage: upstream.py PORT."""

from __future__ import annotations

import asyncio
import sys

CHUNKS = 20
_REPLY = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"' + b"word " * 60 + b'"}}],'
    b'"usage":{"prompt_tokens":250,"completion_tokens":60,"total_tokens":310}}'
)
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_REPLY), _REPLY)


def _frame(delta: bytes, finish: bytes = b"null") -> bytes:
    head = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    return head + delta + b',"finish_reason":' + finish + b"}]}\n\n"


_FRAMES = (
    _frame(b'{"role":"assistant","content":""}')
    + b"".join(_frame(b'{"content":"word "}') for _ in range(CHUNKS))
    + _frame(b"{}", b'"stop"')
    + b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":250,"completion_tokens":60,"total_tokens":310}}\n\ndata: [DONE]\n\n'
)
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (
        len(_FRAMES),
        _FRAMES,
    )
)


class Upstream(asyncio.Protocol):
    """Answers each request on a connection; reads no more than it must."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
            if len(self.data) < end + 4 + length:
                return
            body, self.data = self.data[end + 4 : end + 4 + length], self.data[end + 4 + length :]
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.write(_STREAM if b'"stream":true' in body.replace(b" ", b"") else _WHOLE)


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
