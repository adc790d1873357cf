"""The transport that turns go through: HTTP/1.1 on asyncio and httptools, and nothing that a model call does not need.

Certificates are checked against the system's store. Redirects are never followed (the key would travel along), cookies are
not kept, and nothing is decompressed: we ask for plain bytes and refuse anything else. Proxies are the other
transport's (``providers.transport``); ``providers.proxies`` chooses.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from math import inf

from pointsman.providers import transport_errors as errors
from pointsman.providers.lean_connection import Connection
from pointsman.providers.lean_exchange import Cut, Exchange
from pointsman.providers.lean_pool import Lane, Place, Pool
from pointsman.providers.request_head import split_address, write_head
from pointsman.providers.seam import Endpoint, Outgoing

_KNOWN_HEADS = 512
_RACE_S = 1.0
_PLAIN = frozenset({"", "identity"})

_Prepared = tuple[Lane, bytes]


class LeanTransport:
    """Sends requests over pooled connections.

    ``keep_alive_s`` is how long an idle connection is kept; ``tls`` None means the system's trust.
    """

    def __init__(self, *, keep_alive_s: float = 15.0, tls: ssl.SSLContext | None = None) -> None:
        self._pool = Pool(keep_alive_s, tls)
        # Per endpoint, path and key the head is always the same but for its length.
        self._heads: dict[tuple[str, str, str, tuple[tuple[str, str], ...]], _Prepared] = {}

    async def send(self, endpoint: Endpoint, outgoing: Outgoing, *, connect_s: float, head_s: float) -> Exchange:
        """Send and wait for the answer's head; see ``Transport.send``. ``head_s`` infinite: the caller keeps the time."""
        if head_s == inf:
            return await self._send(endpoint.provider, endpoint, outgoing, connect_s)
        try:
            async with asyncio.timeout(head_s):
                return await self._send(endpoint.provider, endpoint, outgoing, connect_s)
        except TimeoutError:
            raise errors.no_head(endpoint.provider, head_s) from None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def _send(self, provider: str, endpoint: Endpoint, outgoing: Outgoing, connect_s: float) -> Exchange:
        lane, head = self._prepare(endpoint, outgoing)
        body = outgoing.body
        head = b"%b%d\r\n\r\n" % (head, len(body))
        loop = asyncio.get_running_loop()
        connection = lane.take()
        reused = connection is not None
        while True:
            if connection is None:
                connection = await _connect(lane, provider, connect_s)
            exchange = Exchange(loop, connection, provider)
            written = loop.time()
            connection.begin(exchange, head, body)
            try:
                await exchange.head()
            except Cut as cut:
                # The peer closed the idle connection while our request was on its way: it has not seen it. Nothing but
                # time tells this from a crash in the middle of the work, so what comes later is the engine's to judge.
                if not (reused and cut.unheard and loop.time() - written < _RACE_S):
                    raise errors.unreachable(provider, cut.reason) from None
                connection, reused = None, False
            except BaseException:
                exchange.close()
                raise
            else:
                return _checked(exchange, provider)

    def _prepare(self, endpoint: Endpoint, outgoing: Outgoing) -> _Prepared:
        key = (outgoing.method, endpoint.base_url, outgoing.path, tuple(outgoing.headers.items()))
        known = self._heads.get(key)
        if known is None:
            try:
                tls, host, port, host_header, target = split_address(endpoint.base_url.rstrip("/") + outgoing.path)
                known = (
                    self._pool.lane(Place(tls, host, port)),
                    write_head(target, host_header, outgoing.headers, outgoing.method),
                )
            except ValueError:
                raise errors.not_sendable(endpoint.provider) from None
            if len(self._heads) >= _KNOWN_HEADS:
                self._heads.clear()
            self._heads[key] = known
        return known


async def _connect(lane: Lane, provider: str, connect_s: float) -> Connection:
    try:
        return await lane.connect(connect_s)
    except TimeoutError:
        raise errors.no_connection(provider, connect_s) from None
    except UnicodeError:
        raise errors.not_sendable(provider) from None
    except OSError as error:
        raise errors.unreachable(provider, _reason(error)) from None


def _checked(exchange: Exchange, provider: str) -> Exchange:
    if exchange.headers.get("content-encoding", "").strip().lower() not in _PLAIN:
        exchange.close()
        raise errors.compressed(provider, exchange.status)
    return exchange


def _reason(error: OSError) -> str:
    """Name the kind of failure; see ``transport_errors``."""
    if isinstance(error, ssl.SSLError):
        return errors.TLS_REFUSED
    if isinstance(error, socket.gaierror):
        return errors.NO_NAME
    if isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return errors.NO_ANSWER
    if isinstance(error, ConnectionRefusedError):
        return errors.REFUSED
    return type(error).__name__
