"""The transport against real sockets: what is kept, what is cut, and what each failure is called."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from pointsman.errors import ProviderError, ProviderTimeout, ProviderUnreachable, StreamBroken
from support.loopback import answer
from support.transports import Over

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def test_a_request_arrives_as_it_is_written_and_the_connection_is_kept(over: Over) -> None:
    async def test() -> None:
        async with over.client(answer(b"one", headers="X-Request-Id: r\r\n"), answer(b"two")) as (client, server):
            first = await client.post("/v1beta/models/a%2Fb:x?alt=sse")
            assert (first.status, first.headers.get("x-request-id")) == (200, "r")
            assert await first.read() == b"one"
            first.close()
            second = await client.post()
            assert await second.read() == b"two"
            second.close()
            head, _, body = server.requests[0].partition(b"\r\n\r\n")
            assert head.startswith(b"POST /v1beta/models/a%2Fb:x?alt=sse HTTP/1.1")
            assert b"accept-encoding: identity" in head.lower()
            assert body == b'{"a":1}'
            assert server.connections == 1

    over.run(test)


def test_a_stream_comes_as_it_is_sent(over: Over) -> None:
    async def test() -> None:
        go_on = asyncio.Event()

        async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + b"5\r\nfirst\r\n")
            await go_on.wait()
            writer.write(b"6\r\nsecond\r\n0\r\n\r\n")

        async with over.client(play, answer(b"again")) as (client, server):
            found = await client.post()
            chunks = found.chunks()
            assert await anext(chunks) == b"first"
            go_on.set()
            assert [chunk async for chunk in chunks] == [b"second"]
            found.close()
            assert await (await client.post()).read() == b"again"
            assert server.connections == 1

    over.run(test)


def test_closing_an_unread_answer_cuts_the_connection(over: Over) -> None:
    async def test() -> None:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + b"5\r\nfirst\r\n")
            await reader.read()

        async with over.client(play) as (client, server):
            found = await client.post()
            async for chunk in found.chunks():
                assert chunk == b"first"
                break
            found.close()
            await asyncio.wait_for(server.gone.wait(), 5)

    over.run(test)


def test_a_cancelled_send_leaves_nothing_open(over: Over) -> None:
    async def test() -> None:
        arrived = asyncio.Event()

        async def play(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            arrived.set()
            await reader.read()

        async with over.client(play) as (client, server):
            sending = asyncio.create_task(client.post())
            await arrived.wait()
            sending.cancel()
            await asyncio.wait_for(server.gone.wait(), 5)
            with pytest.raises(asyncio.CancelledError):
                await sending

    over.run(test)


@pytest.mark.parametrize(
    "answered",
    [
        CHUNKED + b"5\r\nfirst\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nfirst",
        CHUNKED + b"nonsense\r\n",
    ],
)
def test_a_cut_body_is_a_broken_stream(over: Over, answered: bytes) -> None:
    async def test() -> None:
        async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answered)
            writer.close()

        async with over.client(play) as (client, _):
            # Nonsense that comes together with the head already fails there.
            with pytest.raises((StreamBroken, ProviderUnreachable)), contextlib.closing(await client.post()) as found:
                await found.read()

    over.run(test)


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
    writer.close()


@pytest.mark.parametrize("play", [_hang_up, _nonsense])
def test_no_answer_is_unreachable(over: Over, play: Callable[..., Awaitable[None]]) -> None:
    async def test() -> None:
        async with over.client(play) as (client, _):
            with pytest.raises(ProviderUnreachable, match="acme cannot be reached") as caught:
                await client.post()
            assert caught.value.retry == "same"

    over.run(test)


def test_a_closed_port_is_unreachable(over: Over) -> None:
    async def test() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            async with over.at(f"http://127.0.0.1:{unused.getsockname()[1]}") as client:
                with pytest.raises(ProviderUnreachable, match="connection refused"):
                    await client.post()

    over.run(test)


def test_a_slow_head_is_a_timeout(over: Over) -> None:
    async def test() -> None:
        async def play(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read()

        async with over.client(play) as (client, server):
            with pytest.raises(ProviderTimeout, match=r"did not begin to answer within 0\.05 s"):
                await client.post(head_s=0.05)
            await asyncio.wait_for(server.gone.wait(), 5)

    over.run(test)


def test_a_full_backlog_is_a_connect_timeout(over: Over) -> None:
    async def test() -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for queued in waiting:
                queued.setblocking(False)
                queued.connect_ex(("127.0.0.1", port))
            async with over.at(f"http://127.0.0.1:{port}") as client:
                with pytest.raises(ProviderTimeout, match=r"no connection to acme within 0\.1 s"):
                    await client.post(connect_s=0.1)
            for queued in waiting:
                queued.close()

    over.run(test)


def test_redirects_are_not_followed(over: Over) -> None:
    async def test() -> None:
        moved = answer(b"", status="307 Temporary Redirect", headers="location: http://127.0.0.1:1/\r\n")
        async with over.client(moved) as (client, server):
            found = await client.post()
            assert found.status == 307
            found.close()
            assert len(server.requests) == 1

    over.run(test)


def test_a_compressed_answer_is_refused(over: Over) -> None:
    async def test() -> None:
        async with over.client(answer(b"\x1f\x8b", headers="content-encoding: gzip\r\n")) as (client, _):
            with pytest.raises(ProviderError, match="compressed") as caught:
                await client.post()
            assert (caught.value.retry, caught.value.upstream_status) == ("other", 200)

    over.run(test)


def test_cookies_are_not_kept(over: Over) -> None:
    async def test() -> None:
        async with over.client(answer(b"", headers="set-cookie: a=b\r\n"), answer(b"")) as (client, server):
            for _ in range(2):
                await (await client.post()).read()
            assert b"cookie" not in server.requests[1].lower()

    over.run(test)


@pytest.mark.parametrize("base_url", ["http://[::1", "http://h:x"])
def test_a_bad_address_is_explained(over: Over, base_url: str) -> None:
    async def test() -> None:
        async with over.at(base_url) as client:
            with pytest.raises(ProviderError, match="base_url or key of provider acme"):
                await client.post()

    over.run(test)


def test_a_bad_key_is_explained_without_the_key(over: Over) -> None:
    async def test() -> None:
        async with over.client(answer(b"")) as (client, server):
            with pytest.raises(ProviderError, match="base_url or key of provider acme") as caught:
                await client.post(key="secret\r\nx: y")
            assert "secret" not in str(caught.value)
            assert server.requests == []

    over.run(test)


def test_a_server_without_tls_is_unreachable_over_https(over: Over) -> None:
    async def test() -> None:
        async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        listener = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with over.at(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}") as client:
            with pytest.raises(ProviderUnreachable, match="acme cannot be reached"):
                await client.post()
        listener.close()
        await listener.wait_closed()

    over.run(test)
