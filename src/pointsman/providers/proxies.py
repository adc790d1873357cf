"""Which transport an endpoint is reached by: the lean one, or aiohttp's where the environment asks for a proxy.

HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are read as everywhere else (small letters too), once. What runs on this
machine is never reached through a proxy: the emulator and local models are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from pointsman.errors import UsageError
from pointsman.providers.seam import Answer, Endpoint, Outgoing, Transport


def open_transport(endpoints: Iterable[Endpoint]) -> Transport:
    """Return the transport for these endpoints.

    Raises:
        UsageError: the environment names a proxy of a kind that is not supported.
    """
    from pointsman.providers.lean_transport import LeanTransport

    proxies = {where.base_url: proxy for where in endpoints if (proxy := proxy_of(where.base_url))}
    if not proxies:
        return LeanTransport()
    from pointsman.providers.transport import AiohttpTransport

    return ProxiedTransport(LeanTransport(), AiohttpTransport(proxies=proxies), proxies)


def proxy_of(base_url: str) -> str | None:
    """Return the proxy that the environment names for a URL; None: it is reached directly.

    Raises:
        UsageError: the proxy is not an http(s) one.
    """
    named = getproxies_environment()
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    proxy = named.get(parts.scheme) or named.get("all")
    if not proxy or _here(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise UsageError(
            f"the environment's proxy for {host} is a {proxy.partition('://')[0]} proxy: Pointsman speaks to http and "
            f"https proxies only; add {host} to NO_PROXY, or name another proxy"
        )
    return proxy


class ProxiedTransport:
    """Sends by ``direct``, and by ``proxied`` to the base URLs that have a proxy."""

    def __init__(self, direct: Transport, proxied: Transport, proxies: Mapping[str, str]) -> None:
        self._direct = direct
        self._proxied = proxied
        self._proxies = proxies

    async def send(self, endpoint: Endpoint, outgoing: Outgoing, *, connect_s: float, head_s: float) -> Answer:
        """Send and wait for the answer's head; see ``Transport.send``."""
        transport = self._proxied if endpoint.base_url in self._proxies else self._direct
        return await transport.send(endpoint, outgoing, connect_s=connect_s, head_s=head_s)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._direct.aclose()
        await self._proxied.aclose()


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
