"""The transports over TLS: whom they trust, and that all else is as it is without."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.errors import ProviderTimeout, ProviderUnreachable, StreamBroken
from support.certificates import Authority
from support.loopback import answer, echoing
from support.transports import Over


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


async def _repeat(body: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(body))


def test_answers_come_over_one_kept_connection(over: Over, authority: Authority, tmp_path: Path) -> None:
    async def test() -> None:
        async with (
            echoing(_repeat, authority.server(tmp_path, "localhost")) as server,
            over.at(server.base_url, tls=authority.trust) as client,
        ):
            for body in (b"one", b"two", b"x" * 3_000_000):
                assert await client.ask(body=body) == body
            assert server.connections == 1

    over.run(test)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_name_is_checked(over: Over, authority: Authority, tmp_path: Path, host: str) -> None:
    async def test() -> None:
        async with echoing(_repeat, authority.server(tmp_path, "127.0.0.1", "elsewhere.example")) as server:
            base_url = server.base_url.replace("localhost", host)
            async with over.at(base_url, tls=authority.trust) as client:
                if host == "127.0.0.1":
                    assert await client.ask(body=b"one") == b"one"
                    return
                with pytest.raises(ProviderUnreachable, match="its TLS certificate or handshake was refused"):
                    await client.ask()

    over.run(test)


@pytest.mark.parametrize("tls", [None, lambda: Authority().trust], ids=["system", "another"])
def test_a_stranger_is_refused(
    over: Over, authority: Authority, tmp_path: Path, tls: Callable[[], ssl.SSLContext] | None
) -> None:
    async def test() -> None:
        async with (
            echoing(_repeat, authority.server(tmp_path, "localhost")) as server,
            over.at(server.base_url, tls=tls() if tls else None) as client,
        ):
            with pytest.raises(ProviderUnreachable, match="its TLS certificate or handshake was refused"):
                await client.ask()

    over.run(test)


def test_a_handshake_that_never_comes_is_a_connect_timeout(over: Over, authority: Authority) -> None:
    async def test() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()
            left.set()

        left = asyncio.Event()
        listener = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        async with over.at(f"https://localhost:{port}", tls=authority.trust) as client:
            with pytest.raises(ProviderTimeout, match=r"no connection to acme within 0\.05 s"):
                await client.post(connect_s=0.05)
            await asyncio.wait_for(left.wait(), 5)
        listener.close()
        await listener.wait_closed()

    over.run(test)


def test_a_cut_stream_is_broken(over: Over, authority: Authority, tmp_path: Path) -> None:
    async def test() -> None:
        async def play(_: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await writer.drain()
            writer.transport.abort()

        async with (
            echoing(play, authority.server(tmp_path, "localhost")) as server,
            over.at(server.base_url, tls=authority.trust) as client,
        ):
            with pytest.raises((StreamBroken, ProviderUnreachable)):
                await client.ask()

    over.run(test)


def test_callers_who_leave_while_connecting_leave_nothing_open(
    over: Over, authority: Authority, tmp_path: Path
) -> None:
    async def test() -> None:
        async with (
            echoing(_repeat, authority.server(tmp_path, "localhost")) as server,
            over.at(server.base_url, tls=authority.trust, keep_alive_s=0.1) as client,
        ):
            for turns in range(40):
                task = asyncio.create_task(client.ask(body=b"gone"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            assert await client.ask(body=b"stays") == b"stays"
            await asyncio.wait_for(server.until_open(0), 5)  # none is held by anybody but the pool

    over.run(test)
