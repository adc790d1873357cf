"""The transport through a proxy: aiohttp behind our seam. The only module that knows aiohttp.

Direct connections are ``providers.lean_transport``'s, which does the same for less. Certificates are checked against the
system's store. Redirects are never followed (the key would travel along), cookies are not kept, and nothing is
decompressed behind the caller's back: we ask for plain bytes and refuse anything else.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from io import BytesIO
from math import inf
from types import MappingProxyType

import aiohttp
from yarl import URL

from pointsman.providers import transport_errors as errors
from pointsman.providers.request_head import split_address
from pointsman.providers.seam import Endpoint, Outgoing

_READ_BUFFER = 256 * 1024
_IN_ONE_PIECE = 1024 * 1024
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
            raise errors.cut(self._provider, type(error).__name__) from None

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
            if size > errors.MAX_BODY:
                raise errors.too_large(self._provider, self.status)
        return b"".join(pieces)

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else cut it, which cancels the work upstream."""
        if self._response.content.is_eof() and not self._response.closed:
            self._response.release()
        else:
            self._response.close()


class AiohttpTransport:
    """Sends requests over pooled connections.

    ``keep_alive_s`` is how long an idle connection is kept. ``proxies`` names the proxy of each base URL that has one;
    ``tls`` None means the system's trust.
    """

    def __init__(
        self,
        *,
        keep_alive_s: float = 15.0,
        proxies: Mapping[str, str] = MappingProxyType({}),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._keep_alive_s = keep_alive_s
        self._proxies = proxies
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def send(self, endpoint: Endpoint, outgoing: Outgoing, *, connect_s: float, head_s: float) -> AiohttpAnswer:
        """Send and wait for the answer's head; see ``Transport.send``. ``head_s`` infinite: the caller keeps the time."""
        session = self._open()
        provider = endpoint.provider
        try:
            async with asyncio.timeout(None if head_s == inf else head_s):
                response = await session.request(
                    outgoing.method,
                    _url(endpoint.base_url, outgoing.path),
                    data=outgoing.body if len(outgoing.body) < _IN_ONE_PIECE else BytesIO(outgoing.body),
                    headers=outgoing.headers,
                    allow_redirects=False,
                    timeout=self._timeout(connect_s),
                    proxy=self._proxies.get(endpoint.base_url),
                )
        except aiohttp.ConnectionTimeoutError:
            raise errors.no_connection(provider, connect_s) from None
        except TimeoutError:
            raise errors.no_head(provider, head_s) from None
        except aiohttp.InvalidURL:
            raise errors.not_sendable(provider) from None
        except (aiohttp.ClientError, OSError) as error:  # before ValueError: a refused certificate is one, too
            raise errors.unreachable(provider, _reason(error)) from None
        except ValueError:
            raise errors.not_sendable(provider) from None
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
            raise errors.compressed(provider, response.status)
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
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=self._keep_alive_s, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=_READ_BUFFER,
                headers={"accept-encoding": "identity", "user-agent": "pointsman"},
            )
        return self._session


@lru_cache(maxsize=512)
def _url(base: str, path: str) -> URL:
    """Parse an address once: there are as many as endpoints and models. yarl would let line ends through."""
    split_address(base.rstrip("/") + path)
    return URL(base.rstrip("/") + path, encoded=True)


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorCertificateError, errors.TLS_REFUSED),
    (aiohttp.ClientConnectorSSLError, errors.TLS_REFUSED),
    (aiohttp.ClientConnectorDNSError, errors.NO_NAME),
    (aiohttp.ClientProxyConnectionError, "the proxy does not answer"),
    (aiohttp.ClientHttpProxyError, "the proxy refused"),
    (aiohttp.ServerDisconnectedError, errors.NO_ANSWER),
    (ConnectionResetError, errors.NO_ANSWER),
    (aiohttp.ClientResponseError, errors.NOT_HTTP),
    (aiohttp.ClientConnectorError, errors.REFUSED),
)


def _reason(error: Exception) -> str:
    """Name the kind of failure; see ``transport_errors``."""
    return next((words for kind, words in _REASONS if isinstance(error, kind)), type(error).__name__)
