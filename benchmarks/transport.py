"""What sending a turn to its provider costs: CPU of the lean transport beside aiohttp's, plain and TLS, in one run.

``python benchmarks/transport.py [--turns N] [--json]``. The provider is a process of its own, so the CPU is the client's alone.
``reply`` is 1 kB each way; ``stream`` is 100 chunks a millisecond apart, so that each is a read of its own. The kinds take
turns and the best of three rounds counts; the run fails (exit 1) when the lean transport costs more than the budget's
share of aiohttp's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import uvloop

from pointsman.providers.hosts import endpoint
from pointsman.providers.lean_transport import LeanTransport
from pointsman.providers.seam import Endpoint, Outgoing, Transport
from pointsman.providers.transport import AiohttpTransport

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.certificates import Authority

BUDGET = {"reply": 0.5, "stream": 0.95}
AT_ONCE = 10
ROUNDS = 3
CHUNKS = 100
_BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 950 + b'"}]}'
_HEADERS = {"content-type": "application/json", "authorization": "Bearer k"}
_REPLY = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: r\r\ncontent-length: 1000\r\n\r\n"
    + b"y" * 1000
)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: r\r\ntransfer-encoding: chunked\r\n\r\n"
_FRAME = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"z" * 100 + b'"}}]}\n\n'
_CHUNK = b"%x\r\n%b\r\n" % (len(_FRAME), _FRAME)
_MAKE: dict[str, Callable[[ssl.SSLContext], Transport]] = {
    "aiohttp": lambda tls: AiohttpTransport(tls=tls),
    "lean": lambda tls: LeanTransport(tls=tls),
}


class Provider(asyncio.Protocol):
    """Answers whatever it is asked, by the path."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._got = b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._got.endswith(b'"}]}'):
            return
        if self._got.startswith(b"POST /reply"):
            self._transport.write(_REPLY)
        else:
            self._transport.write(_HEAD)
            self._chunk(CHUNKS)
        self._got = b""

    def _chunk(self, left: int) -> None:
        if not left:
            self._transport.write(b"0\r\n\r\n")
            return
        self._transport.write(_CHUNK)
        asyncio.get_running_loop().call_later(0.001, self._chunk, left - 1)


def provide(certificate: str, ready: Connection) -> None:
    """Serve on two ports, plain and TLS, until the parent ends this process."""

    async def serve() -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        loop = asyncio.get_running_loop()
        plain = await loop.create_server(Provider, "127.0.0.1", 0)
        secret = await loop.create_server(Provider, "127.0.0.1", 0, ssl=tls)
        ready.send([server.sockets[0].getsockname()[1] for server in (plain, secret)])
        await asyncio.Event().wait()

    uvloop.run(serve())


async def drive(transport: Transport, where: Endpoint, path: str, turns: int) -> tuple[float, int]:
    """Send ``turns`` requests from ten tasks; return CPU microseconds and pieces read, per turn."""
    outgoing = Outgoing(path, _HEADERS, _BODY)
    left, pieces = iter(range(2 * AT_ONCE)), 0

    async def caller() -> None:
        nonlocal pieces
        for _ in left:
            answer = await transport.send(where, outgoing, connect_s=5, head_s=float("inf"))
            if path == "/reply":
                await answer.read()
            else:
                async for _chunk in answer.chunks():
                    pieces += 1
            answer.close()

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))  # opens the connections
    left, pieces = iter(range(turns)), 0
    began = time.process_time()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return (time.process_time() - began) / turns * 1e6, pieces // turns


async def measure(base_urls: dict[str, str], tls: ssl.SSLContext, turns: int) -> dict[tuple[str, str, str], float]:
    """Return the CPU per turn by line, shape and kind: the best of the rounds."""
    found: dict[tuple[str, str, str], float] = {}
    for _ in range(ROUNDS):
        for line, base_url in base_urls.items():
            where = endpoint("acme", "openai", base_url=base_url)
            for shape in BUDGET:
                for kind, make in _MAKE.items():
                    transport = make(tls)
                    cpu, _pieces = await drive(
                        transport, where, f"/{shape}", turns if shape == "reply" else turns // 40
                    )
                    await transport.aclose()
                    key = (line, shape, kind)
                    found[key] = min(cpu, found.get(key, cpu))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    authority = Authority()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        authority.server(Path(folder), "localhost", "127.0.0.1")
        mine, theirs = spawn.Pipe()
        provider = spawn.Process(target=provide, args=(f"{folder}/localhost.pem", theirs), daemon=True)
        provider.start()
        plain, secret = mine.recv()
        urls = {"plain": f"http://127.0.0.1:{plain}", "tls": f"https://localhost:{secret}"}
        found = uvloop.run(measure(urls, authority.trust, options.turns))
        provider.terminate()
        provider.join()
    rows = [
        (line, shape, aio, found[line, shape, "lean"], found[line, shape, "lean"] / aio)
        for (line, shape, kind), aio in found.items()
        if kind == "aiohttp"
    ]
    passed = all(ratio <= BUDGET[shape] for _, shape, _, _, ratio in rows)
    if options.json:
        names = ("line", "shape", "aiohttp_us", "lean_us", "ratio")
        print(
            json.dumps(
                {"rows": [dict(zip(names, row, strict=True)) for row in rows], "budget": BUDGET, "passed": passed}
            )
        )
        return 0 if passed else 1
    print("line   shape    aiohttp us    lean us   ratio   budget")
    for line, shape, aio, lean, ratio in rows:
        print(f"{line:<6} {shape:<7} {aio:>11.1f} {lean:>10.1f} {ratio:>7.2f} {BUDGET[shape]:>8g}")
    print(f"{'ok' if passed else 'OVER'}: CPU per turn of the client's side, at {AT_ONCE} turns at once")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
