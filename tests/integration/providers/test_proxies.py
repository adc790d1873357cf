"""Which endpoints go through the environment's proxy, and that the proxy is asked for them."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from pointsman.errors import ProviderUnreachable, UsageError
from pointsman.providers.hosts import endpoint
from pointsman.providers.lean_transport import LeanTransport
from pointsman.providers.proxies import open_transport, proxy_of
from support.loopback import answer, serving
from support.transports import Client

_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies, to be filled."""
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("set_to", "base_url", "proxy"),
    [
        ({}, "https://api.example", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://api.example", "http://p:3128"),
        ({"https_proxy": "p:3128"}, "https://api.example", "http://p:3128"),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://api.example", None),
        ({"ALL_PROXY": "http://p:3128"}, "http://api.example/v1", "http://p:3128"),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "example"}, "https://api.example", None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "*"}, "https://api.example", None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "other"}, "https://api.example", "http://p:3128"),
        ({"HTTP_PROXY": "http://p:3128"}, "http://127.0.0.1:8080", None),
        ({"HTTP_PROXY": "http://p:3128"}, "http://localhost:8080", None),
        ({"HTTP_PROXY": "http://p:3128"}, "http://[::1]:8080", None),
        ({"ALL_PROXY": "socks5://p:1", "NO_PROXY": "example"}, "https://api.example", None),
    ],
)
def test_the_environment_decides(
    environment: pytest.MonkeyPatch, set_to: dict[str, str], base_url: str, proxy: str | None
) -> None:
    for name, value in set_to.items():
        environment.setenv(name, value)
    assert proxy_of(base_url) == proxy


def test_a_proxy_of_another_kind_is_explained(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ALL_PROXY", "socks5://user:secret@p:1080")
    with pytest.raises(UsageError, match=r"proxy for api\.example is a socks5 proxy") as caught:
        open_transport([endpoint("acme", "openai", base_url="https://api.example")])
    assert "secret" not in str(caught.value)


def test_without_a_proxy_all_go_by_the_lean_transport(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", "http://p:3128")
    assert isinstance(open_transport([endpoint("local", "ollama")]), LeanTransport)


def test_the_proxy_is_asked_and_what_is_here_is_not_asked_of_it(environment: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with serving(answer(b"by proxy")) as proxy, serving(answer(b"direct")) as here:
            environment.setenv("HTTP_PROXY", proxy.base_url)
            away = "http://api.example"
            transport = open_transport(
                [endpoint(name, "openai", base_url=url) for name, url in (("a", away), ("h", here.base_url))]
            )
            try:
                assert await Client(transport, away).ask() == b"by proxy"
                assert await Client(transport, here.base_url).ask() == b"direct"
            finally:
                await transport.aclose()
            assert proxy.requests[0].startswith(b"POST http://api.example/v1/x HTTP/1.1")
            assert here.requests[0].startswith(b"POST /v1/x HTTP/1.1")

    asyncio.run(test())


def test_a_proxy_that_refuses_is_named(environment: pytest.MonkeyPatch) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(b"", status="407 Proxy Authentication Required"))
            await writer.drain()
        writer.close()

    async def test() -> None:
        listener = await asyncio.start_server(refuse, "127.0.0.1", 0)
        environment.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
        transport = open_transport([endpoint("acme", "openai", base_url="https://api.example")])
        with pytest.raises(ProviderUnreachable, match="the proxy refused"):
            await Client(transport, "https://api.example").ask()
        await transport.aclose()
        listener.close()
        await listener.wait_closed()

    asyncio.run(test())
