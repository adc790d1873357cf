"""What only the lean transport does: one silent second try, and no connection kept beyond its time."""

from __future__ import annotations

import asyncio

import pytest

from pointsman.errors import ProviderUnreachable, StreamBroken
from support.loopback import Play, answer, echoing, serving
from support.transports import Client, Over


async def _close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _begin_and_close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize("leave", [_close, _reset])
def test_a_kept_connection_that_closes_under_a_request_is_tried_again_once(lean: Over, leave: Play) -> None:
    async def test() -> None:
        async with lean.client(answer(b"one"), leave, answer(b"two")) as (client, server):
            assert await client.ask() == b"one"
            assert await client.ask() == b"two"
            assert (server.connections, len(server.requests)) == (2, 3)

    lean.run(test)


def test_there_is_no_third_try(lean: Over) -> None:
    async def test() -> None:
        async with lean.client(answer(b"one"), _close, _close, answer(b"never")) as (client, server):
            assert await client.ask() == b"one"
            with pytest.raises(ProviderUnreachable, match="it closed the connection without answering"):
                await client.ask()
            assert len(server.requests) == 3

    lean.run(test)


def test_an_answer_that_had_begun_is_not_asked_for_again(lean: Over) -> None:
    async def test() -> None:
        async with lean.client(answer(b"one"), _begin_and_close, answer(b"never")) as (client, server):
            assert await client.ask() == b"one"
            with pytest.raises(ProviderUnreachable):
                await client.ask()
            assert len(server.requests) == 2

    lean.run(test)


def test_a_fresh_connection_that_closes_is_not_tried_again(lean: Over) -> None:
    async def test() -> None:
        async with lean.client(_close, answer(b"never")) as (client, server):
            with pytest.raises(ProviderUnreachable):
                await client.ask()
            assert len(server.requests) == 1

    lean.run(test)


def test_idle_connections_are_closed_in_time(lean: Over) -> None:
    async def test() -> None:
        async def play(body: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(body))

        async with echoing(play) as server, lean.at(server.base_url, keep_alive_s=0.05) as client:
            await asyncio.gather(*(client.ask(body=b"%d" % n) for n in range(5)))
            assert server.open == 5
            await asyncio.wait_for(server.until_open(0), 5)
            assert await client.ask(body=b"more") == b"more"

    lean.run(test)


def test_what_came_before_a_cut_can_be_read(lean: Over) -> None:
    async def test() -> None:
        async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst")
            writer.close()

        async with lean.client(play) as (client, _):
            chunks = (await client.post()).chunks()
            assert await anext(chunks) == b"first"
            with pytest.raises(StreamBroken, match="acme cut the connection before the end of its reply"):
                await anext(chunks)

    lean.run(test)


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "identity"])
def test_a_transfer_coding_not_asked_for_is_refused(lean: Over, coding: str) -> None:
    async def test() -> None:
        head = f"HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n".encode()
        async with lean.client(head + b"1\r\na\r\n0\r\n\r\n") as (client, _):
            with pytest.raises(ProviderUnreachable, match="its answer is not HTTP"):
                await client.ask()

    lean.run(test)


def test_trailers_without_end_are_cut(lean: Over) -> None:
    async def test() -> None:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
            while not reader.at_eof() and not writer.is_closing():
                writer.write(b"x: " + b"t" * 8_000 + b"\r\n")
                await writer.drain()

        async with lean.client(play) as (client, server):
            found = await client.post()
            with pytest.raises(StreamBroken):
                await found.read()
            await asyncio.wait_for(server.gone.wait(), 5)

    lean.run(test)


def test_each_place_has_its_own_connections(lean: Over) -> None:
    async def test() -> None:
        async with serving(answer(b"a")) as one, serving(answer(b"b")) as two, lean.at(one.base_url) as client:
            assert await client.ask() == b"a"
            assert await Client(client.transport, two.base_url).ask() == b"b"
            assert (one.connections, two.connections) == (1, 1)

    lean.run(test)


def test_the_transport_can_be_used_again_after_it_was_closed(lean: Over) -> None:
    async def test() -> None:
        async with lean.client(answer(b"one"), answer(b"two")) as (client, server):
            assert await client.ask() == b"one"
            await client.transport.aclose()
            assert await client.ask() == b"two"
            assert server.connections == 2

    lean.run(test)
