"""The transports against servers that keep no rules, and callers that leave: nobody gets another's answer.

Where only ``lean`` is asked, aiohttp has its own view (it keeps a connection on which stray bytes came, and takes 101).
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from pointsman.errors import ProviderError, ProviderUnreachable, StreamBroken
from support.loopback import answer, echoing
from support.transports import Client, Over

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def test_interim_answers_are_passed_by(over: Over) -> None:
    async def test() -> None:
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nx-request-id: no\r\n\r\n"
        async with over.client(interim + answer(b"one", headers="x-request-id: yes\r\n"), answer(b"two")) as (
            client,
            server,
        ):
            found = await client.post()
            assert (found.status, found.headers.get("x-request-id"), await found.read()) == (200, "yes", b"one")
            found.close()
            assert await client.ask() == b"two"
            assert server.connections == 1

    over.run(test)


def test_headers_are_found_in_any_case(over: Over) -> None:
    async def test() -> None:
        async with over.client(answer(b"", headers="X-Request-ID: r\r\nX-Empty:\r\nx-twice: 1\r\nX-Twice: 2\r\n")) as (
            client,
            _,
        ):
            found = (await client.post()).headers
            assert [found.get(name) for name in ("x-request-id", "X-REQUEST-ID", "x-empty", "x-twice", "x-none")] == [
                "r",
                "r",
                "",
                "1",
                None,
            ]
            assert found["X-Request-Id"] == "r"
            assert "x-empty" in found
            assert "x-none" not in found

    over.run(test)


@pytest.mark.parametrize(
    ("answered", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nold", b"old"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nfirst", b"first"),
        (CHUNKED.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + b"5\r\nfirst\r\n0\r\n\r\n", b"first"),
    ],
)
def test_a_connection_that_will_close_is_not_used_again(over: Over, answered: bytes, body: bytes) -> None:
    async def test() -> None:
        async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answered)
            writer.close()

        async with over.client(play, answer(b"two")) as (client, server):
            assert await client.ask() == body
            assert await client.ask() == b"two"
            assert server.connections == 2

    over.run(test)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_ends_with_its_head(over: Over, status: str) -> None:
    async def test() -> None:
        async with over.client(f"HTTP/1.1 {status}\r\n\r\n".encode(), answer(b"two")) as (client, server):
            assert await client.ask() == b""
            assert await client.ask() == b"two"
            assert server.connections == 1

    over.run(test)


def test_an_answer_byte_by_byte_is_the_same_answer(over: Over) -> None:
    async def test() -> None:
        whole = CHUNKED + b"5;why=not\r\nfirst\r\n6\r\nsecond\r\n0\r\nx-trailer: t\r\n\r\n"

        async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for n in range(len(whole)):
                writer.write(whole[n : n + 1])
                await asyncio.sleep(0)

        async with over.client(play, answer(b"two")) as (client, server):
            found = await client.post()
            assert b"".join([chunk async for chunk in found.chunks()]) == b"firstsecond"
            assert found.headers.get("x-trailer") is None
            found.close()
            assert await client.ask() == b"two"
            assert server.connections == 1

    over.run(test)


def test_chunks_that_come_together_are_handed_over_together(over: Over) -> None:
    async def test() -> None:
        async with over.client(CHUNKED + b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n") as (client, _):
            found = await client.post()
            assert [chunk async for chunk in found.chunks()] == [b"abc"]
            found.close()

    over.run(test)


@pytest.mark.parametrize("stray", [answer(b"not yours"), b"HT", b"\x00\x01\x02"])
def test_bytes_after_an_answer_are_nobodys_answer(lean: Over, stray: bytes) -> None:
    async def test() -> None:
        async with lean.client(answer(b"one") + stray, answer(b"two"), answer(b"three")) as (client, _):
            assert await client.ask() == b"one"
            assert await client.ask() == b"two"
            assert await client.ask() == b"three"

    lean.run(test)


def test_bytes_on_an_idle_connection_are_nobodys_answer(lean: Over) -> None:
    async def test() -> None:
        go_on, written = asyncio.Event(), asyncio.Event()

        async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(b"one"))
            await go_on.wait()
            writer.write(answer(b"not yours"))
            written.set()

        async with lean.client(play, answer(b"two")) as (client, server):
            assert await client.ask() == b"one"
            go_on.set()
            await written.wait()
            await asyncio.wait_for(server.gone.wait(), 5)
            assert await client.ask() == b"two"
            assert server.connections == 2

    lean.run(test)


def test_a_server_that_leaves_between_two_requests_is_found_again(over: Over) -> None:
    async def test() -> None:
        async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(b"one"))
            writer.close()

        async with over.client(play, answer(b"two")) as (client, server):
            assert await client.ask() == b"one"
            await asyncio.wait_for(server.gone.wait(), 5)
            await asyncio.sleep(0)
            assert await client.ask() == b"two"
            assert server.connections == 2

    over.run(test)


@pytest.mark.parametrize(
    "answered",
    [
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 300_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: a\r\n" * 100_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"O" * 300_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 20x OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n\x00\x00",
        b"\x16\x03\x01\x00\x00",
    ],
    ids=["long", "many", "reason", "two-lengths", "negative", "no-colon", "status", "upgrade", "tls"],
)
def test_a_head_that_is_none_is_unreachable(lean: Over, answered: bytes) -> None:
    async def test() -> None:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                writer.write(answered)
                await writer.drain()
                writer.write_eof()
                await reader.read()

        async with lean.client(play) as (client, server):
            with pytest.raises(ProviderUnreachable, match="acme cannot be reached"):
                await client.ask()
            await asyncio.wait_for(server.gone.wait(), 5)

    lean.run(test)


@pytest.mark.parametrize("path", ["/v1/x\r\nx: y", "/v1/x HTTP/1.1\r\n\r\n", "/v1/\x00"])
def test_a_path_cannot_bring_a_header(over: Over, path: str) -> None:
    async def test() -> None:
        async with over.client(answer(b"")) as (client, server):
            with pytest.raises(ProviderError):
                await client.post(path)
            assert server.requests == []

    over.run(test)


def test_a_large_request_arrives_whole(over: Over) -> None:
    async def test() -> None:
        body = bytes(range(256)) * 20_000
        async with over.client(answer(b"one"), answer(b"two")) as (client, server):
            assert await client.ask(body=body) == b"one"
            assert server.requests[0].partition(b"\r\n\r\n")[2] == body
            assert await client.ask() == b"two"
            assert server.connections == 1

    over.run(test)


def test_an_answer_that_overtakes_its_request_is_an_answer(lean: Over) -> None:
    async def test() -> None:
        left: asyncio.Queue[None] = asyncio.Queue()

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(b"too large", status="413 Content Too Large"))
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()
            left.put_nowait(None)

        listener = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with lean.at(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}") as client:
            for _ in range(2):  # nor may the second request run into the rest of the first
                found = await client.post(body=b"x" * 30_000_000)
                assert (found.status, await found.read()) == (413, b"too large")
                found.close()
                await asyncio.wait_for(left.get(), 5)
        listener.close()
        await listener.wait_closed()

    lean.run(test)


def test_a_slow_reader_holds_the_server_back(over: Over) -> None:
    async def test() -> None:
        piece, count = b"x" * 65_536, 400
        written = 0

        async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(piece) * count))
            for _n in range(count):
                writer.write(piece)
                await writer.drain()
                written += 1

        async with over.client(play, answer(b"two")) as (client, server):
            found = await client.post()
            before = -1
            while before != written:  # until nothing moves any more
                before = written
                await asyncio.sleep(0.02)
            assert written < count
            assert len(await found.read()) == len(piece) * count
            found.close()
            assert await client.ask() == b"two"
            assert server.connections == 1

    over.run(test)


def test_a_connection_whose_reader_was_slow_is_used_again(over: Over) -> None:
    async def test() -> None:
        size, written = 400_000, asyncio.Event()

        async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
            await writer.drain()
            written.set()

        async with over.client(play, answer(b"two")) as (client, server):
            found = await client.post()
            await written.wait()
            for _ in range(50):  # all that is to come comes before a byte is read
                await asyncio.sleep(0)
            assert await found.read() == b"x" * size
            found.close()
            assert await asyncio.wait_for(client.ask(), 5) == b"two"
            assert server.connections == 1

    over.run(test)


def test_two_hundred_streams_at_once_are_not_mixed_up(over: Over) -> None:
    async def test() -> None:
        async def play(body: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED)
            for n in range(20):
                writer.write(b"%x\r\n%b\r\n" % (len(body) + 4, b"%02d:%b;" % (n, body)))
                await asyncio.sleep(0)
            writer.write(b"0\r\n\r\n")

        async def stream(client: Client, number: int) -> None:
            body = b"caller-%d" % number
            found = await client.post(body=body)
            assert b"".join([chunk async for chunk in found.chunks()]) == b"".join(
                b"%02d:%b;" % (n, body) for n in range(20)
            )
            found.close()

        async with echoing(play) as server, over.at(server.base_url) as client:
            for _ in range(2):
                await asyncio.gather(*(stream(client, n) for n in range(200)))
            assert server.connections <= 200

    over.run(test)


def test_three_hundred_callers_who_leave_spoil_nothing(over: Over) -> None:
    async def test() -> None:
        async def play(body: bytes, writer: asyncio.StreamWriter) -> None:
            for _ in range(body[0] % 5):
                await asyncio.sleep(0)
            if body[0] % 2:
                writer.write(answer(body * 50))
                return
            writer.write(CHUNKED + b"%x\r\n%b\r\n" % (len(body), body))
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(b"0\r\n\r\n")

        async def leave(client: Client, number: int) -> None:
            body = b"%c%d" % (number % 97 + 32, number)
            task = asyncio.create_task(client.ask(body=body))
            for _ in range(number % 23):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert await task == (body * 50 if body[0] % 2 else body)

        async def stay(client: Client, number: int) -> None:
            body = b"%c%d" % (number % 97 + 32, number)
            assert await client.ask(body=body) == (body * 50 if body[0] % 2 else body)

        async with echoing(play) as server, over.at(server.base_url, keep_alive_s=0.1) as client:
            for first in range(0, 300, 30):
                leaving = [leave(client, n) for n in range(first, first + 30)]
                staying = [stay(client, n) for n in range(first, first + 10)]
                await asyncio.gather(*leaving, *staying)
            for n in range(20):
                await stay(client, n)
            await asyncio.wait_for(server.until_open(0), 5)  # none is held by anybody but the pool

    over.run(test)


def test_closing_in_the_middle_fails_whoever_still_reads(lean: Over) -> None:
    async def test() -> None:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + b"1\r\na\r\n")
            await reader.read()

        async with lean.client(play) as (client, _):
            found = await client.post()
            reading = asyncio.create_task(found.read())
            await asyncio.sleep(0)
            found.close()
            with pytest.raises(StreamBroken, match="acme cut the connection"):
                await reading

    lean.run(test)
