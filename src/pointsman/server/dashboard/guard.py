"""What every answer of the dashboard carries, whatever made it: a strict content policy, and no way in by a false name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Guard:
    """Stands before the pages. ``open_to_all``: no key is asked for, so only this machine's own names are served.

    A page of another site could point its own name at 127.0.0.1 (DNS rebinding) and read what is shown here; the browser then
    sends that name as ``Host``.
    """

    def __init__(
        self, app: Any, failed: Callable[[Request, Exception], Awaitable[Response]], *, open_to_all: bool
    ) -> None:
        self._app = app
        self._failed = failed
        self._open_to_all = open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started = False

        async def guarded(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = {name for name, _ in _HEADERS}
                kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in own]
                if not any(name.lower() == b"cache-control" for name, _ in kept):
                    kept.append((b"cache-control", b"no-store"))  # pages hold customers' words
                message = {**message, "headers": [*kept, *_HEADERS]}
            await send(message)

        request = Request(scope, receive)
        if self._open_to_all and not _own_name(request.headers.get("host", "")):
            refusal = PlainTextResponse(
                "Without keys these pages answer to localhost and 127.0.0.1 only. Open them under such a name, or start "
                "`pointsman serve` without --no-auth and sign in.\n",
                421,
            )
            await refusal(scope, receive, guarded)
            return
        try:
            await self._app(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001 - a fault of ours must still be a page that says so
            if started:  # Starlette has sent that page, and raises for servers that want to log; it is logged
                return
            answer = await self._failed(request, error)
            await answer(scope, receive, guarded)


def _own_name(host: str) -> bool:
    name = host if host.endswith("]") else host.rpartition(":")[0] if ":" in host else host
    return name.lower() in _LOOPBACK
