"""Where the gateway hands a request to the pages. Light: the pages themselves are loaded when the first one is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from pointsman.app import Router
from pointsman.server.dashboard.registry import page
from pointsman.store.keys import KeyRing

_OWN: Final = frozenset({"", "static", "sign-in", "sign-out", "preferences"})
_GATEWAY: Final = ("/v1/", "/healthz", "/readyz", "/metrics")


class Pages:
    """The dashboard behind the gateway. Used inside the event loop."""

    def __init__(self, router: Router, keys: KeyRing | None) -> None:
        self._router = router
        self._keys = keys
        self._app: Any = None
        self._loading = asyncio.Lock()

    def take(self, path: str, method: str, headers: Mapping[str, str]) -> bool:
        """Return whether a request is for a page: a known one, or anything that a browser asks for.

        A client that gets its base URL wrong is told so by the gateway, in JSON.
        """
        if path.startswith(_GATEWAY) or path == "/v1" or method not in ("GET", "HEAD", "POST"):
            return False
        first = path[1:].partition("/")[0]
        return first in _OWN or page(first) is not None or "text/html" in headers.get("accept", "")

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a page."""
        if self._app is None:
            async with self._loading:
                if self._app is None:
                    self._app = await asyncio.to_thread(_load, self._router, self._keys)
        await self._app(scope, receive, send)


def _load(router: Router, keys: KeyRing | None) -> Any:
    from pointsman.server.dashboard.app import build_dashboard

    return build_dashboard(router, keys)
