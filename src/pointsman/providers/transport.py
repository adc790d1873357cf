"""The transport: aiohttp behind our seam. The only module that knows aiohttp.

Certificates are checked against the system's store. Redirects are never followed (the key would travel along), cookies are
not kept, and nothing is decompressed behind the caller's back: we ask for plain bytes and refuse anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from math import inf

import aiohttp
from yarl import URL

from pointsman.errors import ProviderError, ProviderTimeout, ProviderUnreachable, StreamBroken
from pointsman.providers.seam import Endpoint, Outgoing

MAX_BODY = 64 * 1024 * 1024
"""Bytes a whole reply may have: far above any honest one, it bounds our memory."""

_READ_BUFFER = 256 * 1024
_PLAIN = frozenset({"", "identity"})


class AiohttpAnswer:
    """An HTTP answer whose head has arrived."""

    def __init__(self, response: aiohttp.ClientResponse, provider: str) -> None:
        self._response = response
        self._provider = provider
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, all that is there at once.

        Raises:
            StreamBroken: the connection was cut before the body's end.
        """
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise StreamBroken(
                f"{self._provider} cut the connection before the end of its reply ({type(error).__name__})",
                provider=self._provider,
                kind="server_error",
            ) from None

    async def read(self) -> bytes:
        """Return the whole body.

        Raises:
            StreamBroken: the connection was cut before the body's end.
            ProviderError: the body is larger than ``MAX_BODY``.
        """
        pieces = []
        size = 0
        async for chunk in self.chunks():
            pieces.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                raise ProviderError(
                    f"{self._provider} sent a reply of more than {MAX_BODY // (1024 * 1024)} MiB",
                    provider=self._provider,
                    kind="malformed_reply",
                    retry="other",
                    upstream_status=self.status,
                )
        return b"".join(pieces)

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else cut it, which cancels the work upstream."""
        if self._response.content.is_eof() and not self._response.closed:
            self._response.release()
        else:
            self._response.close()


class AiohttpTransport:
    """Sends requests over pooled connections.

    ``keep_alive_s`` is how long an idle connection is kept. ``trust_env`` True honours HTTP(S)_PROXY and NO_PROXY.
    """

    def __init__(self, *, keep_alive_s: float = 15.0, trust_env: bool = False) -> None:
        self._keep_alive_s = keep_alive_s
        self._trust_env = trust_env
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def send(self, endpoint: Endpoint, outgoing: Outgoing, *, connect_s: float, head_s: float) -> AiohttpAnswer:
        """Send and wait for the answer's head; see ``Transport.send``. ``head_s`` infinite: the caller keeps the time."""
        session = self._open()
        provider = endpoint.provider
        try:
            async with asyncio.timeout(None if head_s == inf else head_s):
                response = await session.post(
                    _url(endpoint.base_url, outgoing.path),
                    data=outgoing.body,
                    headers=outgoing.headers,
                    allow_redirects=False,
                    timeout=self._timeout(connect_s),
                )
        except aiohttp.ConnectionTimeoutError:
            raise ProviderTimeout(
                f"no connection to {provider} within {connect_s:g} s", provider=provider, kind="timeout"
            ) from None
        except TimeoutError:
            raise ProviderTimeout(
                f"{provider} did not begin to answer within {head_s:g} s", provider=provider, kind="timeout"
            ) from None
        except (aiohttp.InvalidURL, ValueError):
            # The exception's own text may hold the URL or a header, and so a key.
            raise ProviderError(
                f"the base_url or key of provider {provider} cannot be put into a request: check the policy",
                provider=provider,
                kind="invalid_endpoint",
                retry="other",
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderUnreachable(
                f"{provider} cannot be reached ({_reason(error)})", provider=provider, kind="server_error"
            ) from None
        return self._checked(response, provider)

    async def aclose(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _checked(self, response: aiohttp.ClientResponse, provider: str) -> AiohttpAnswer:
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in _PLAIN:
            response.close()
            raise ProviderError(
                f"{provider} compressed its answer though asked not to",
                provider=provider,
                kind="malformed_reply",
                retry="other",
                upstream_status=response.status,
            )
        return AiohttpAnswer(response, provider)

    def _timeout(self, connect_s: float) -> aiohttp.ClientTimeout:
        known = self._timeouts.get(connect_s)
        if known is None:
            known = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
            self._timeouts[connect_s] = known
        return known

    def _open(self) -> aiohttp.ClientSession:
        # Made on first use, inside the running loop that aiohttp binds its sockets to.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=self._keep_alive_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=self._trust_env,
                read_bufsize=_READ_BUFFER,
                headers={"accept-encoding": "identity", "user-agent": "pointsman"},
            )
        return self._session


@lru_cache(maxsize=512)
def _url(base: str, path: str) -> URL:
    """Parse an address once: there are as many as endpoints and models."""
    return URL(base.rstrip("/") + path, encoded=True)


def _reason(error: Exception) -> str:
    """Name the kind of failure; never an exception's own text, which may hold a URL with a key in it."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its TLS certificate or handshake was refused"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name does not resolve"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError):
        return "it closed the connection without answering"
    if isinstance(error, aiohttp.ClientResponseError):
        return "its answer is not HTTP"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused"
    return type(error).__name__
