"""The table of admin endpoints: method and path -> handler. A module is imported only when one of its paths is asked for.

A new endpoint is one ``Route`` here and one function ``async (AdminCall) -> AdminAnswer`` in a module of this folder. The
gateway has checked the client's key and read the body by then; errors are raised and put into words by the gateway.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

import msgspec

from pointsman.app import Router
from pointsman.errors import MethodNotAllowed, RequestError
from pointsman.store.keys import ClientKey

_SEGMENT_LIMIT: Final = 256


class AdminCall(msgspec.Struct, frozen=True):
    """One request. ``key`` is None where the gateway asks for no key (loopback); ``args`` are the path's named segments.

    ``query`` is the raw query string. ``headers`` are by lower-case name.
    """

    router: Router
    key: ClientKey | None
    args: Mapping[str, str]
    body: bytes = b""
    query: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def key_id(self) -> str | None:
        """Id of the client's key, None where none is asked for."""
        return None if self.key is None else self.key.id


class AdminAnswer(msgspec.Struct, frozen=True):
    """What is sent back: ``body`` is JSON unless ``content_type`` says otherwise."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


class Handler(Protocol):
    """Answers one kind of request."""

    def __call__(self, call: AdminCall, /) -> Awaitable[AdminAnswer]:
        """Return the answer, or raise a ``PointsmanError``."""
        ...


class Route(msgspec.Struct, frozen=True):
    """``path`` has segments in braces that match anything but a slash; ``module`` is below ``pointsman.server.admin``."""

    method: str
    path: str
    module: str
    function: str


ROUTES: Final = (
    Route("POST", "/v1/conversations/{conversation}/outcome", "outcomes", "report_outcome"),
    Route("GET", "/v1/conversations/{conversation}/outcome", "outcomes", "show_outcome"),
    Route("POST", "/v1/turns/{turn}/feedback", "outcomes", "give_feedback"),
    Route("GET", "/v1/turns/{turn}/feedback", "outcomes", "show_feedback"),
    Route("POST", "/v1/agents", "agents", "register_agent"),
    Route("GET", "/v1/agents", "agents", "list_agents"),
    Route("GET", "/v1/agents/{agent}", "agents", "show_agent"),
    Route("GET", "/v1/agent-runs/{run}", "agents", "show_run"),
    Route("POST", "/v1/agent-runs/{run}/approve", "agents", "approve_run"),
    Route("POST", "/v1/agent-runs/{run}/decline", "agents", "decline_run"),
    Route("POST", "/v1/agent-runs/{run}/resume", "agents", "resume_run"),
    Route("GET", "/v1/incidents", "incidents", "list_incidents"),
    Route("GET", "/v1/incidents/{incident}", "incidents", "show_incident"),
    Route("POST", "/v1/incidents/{incident}/acknowledge", "incidents", "acknowledge_incident"),
    Route("POST", "/v1/incidents/{incident}/resolve", "incidents", "resolve_incident"),
    Route("POST", "/v1/incidents/{incident}/silence", "incidents", "silence_incident"),
    Route("POST", "/v1/incidents/{incident}/note", "incidents", "note_incident"),
    Route("GET", "/metrics", "metrics", "scrape"),
    Route("POST", "/v1/traces", "otlp", "take_traces"),
    Route("GET", "/v1/questions", "questions", "list_questions"),
    Route("GET", "/v1/questions/{question}", "questions", "ask_question"),
)

Found = Callable[[], Handler]


def find(method: str, raw_path: bytes, routes: tuple[Route, ...] = ROUTES) -> tuple[Found, dict[str, str]] | None:
    """Return how to load the handler of a request and the path's arguments; None: no such path.

    ``raw_path`` is the path as it was sent: a slash inside an id comes as ``%2F`` and stays inside it.

    Raises:
        MethodNotAllowed: the path is right, the method is not.
        RequestError: an argument is empty, too long or no printable text.
    """
    segments = raw_path.partition(b"?")[0].split(b"/")
    allowed: list[str] = []
    for route in routes:
        names = route.path.split("/")
        if not _matches(names, segments):
            continue
        if route.method == method:
            return _loader(route), _arguments(names, segments)
        allowed.append(route.method)
    if allowed:
        where = raw_path.decode("ascii", "replace")[:200]
        raise MethodNotAllowed(f"{where} takes {' or '.join(allowed)}, not {method[:20]}", allowed=", ".join(allowed))
    return None


def _matches(names: list[str], segments: list[bytes]) -> bool:
    return len(names) == len(segments) and all(
        name.startswith("{") or name.encode() == segment for name, segment in zip(names, segments, strict=True)
    )


def _arguments(names: list[str], segments: list[bytes]) -> dict[str, str]:
    return {
        name[1:-1]: _text(name[1:-1], segment)
        for name, segment in zip(names, segments, strict=True)
        if name.startswith("{")
    }


def _text(name: str, segment: bytes) -> str:
    try:
        text = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise RequestError(f"{name}: the path's {name} is not UTF-8", param=name) from None
    if not text or len(text) > _SEGMENT_LIMIT or not text.isprintable():
        raise RequestError(f"{name}: 1 to {_SEGMENT_LIMIT} printable characters are expected in the path", param=name)
    return text


def _loader(route: Route) -> Found:
    def load() -> Handler:
        handler: Handler = getattr(importlib.import_module(f"{__package__}.{route.module}"), route.function)
        return handler

    return load
