"""The dashboard as a Starlette application. Built when the first page is asked for, so that the gateway starts without it."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from pointsman.app import Router
from pointsman.domain.decision import TIERS
from pointsman.errors import Forbidden, MethodNotAllowed, NotFound, PointsmanError, RequestError, RequestTooLarge
from pointsman.monitoring.asking.asker import Asker
from pointsman.server.dashboard.answers import Answers
from pointsman.server.dashboard.catching_up import CatchingUp
from pointsman.server.dashboard.door import Door
from pointsman.server.dashboard.filters import FIELDS, TIME, read_filter
from pointsman.server.dashboard.guard import Guard
from pointsman.server.dashboard.registry import Page, home, page
from pointsman.server.dashboard.rendering import static_files
from pointsman.server.dashboard.sessions import Session, same_origin
from pointsman.server.dashboard.view import Moved, Person, Sent, Shown, View
from pointsman.store.keys import KeyRing

_log = logging.getLogger(__name__)
_ZONE_COOKIE: Final = "pointsman_zone"
_THEME_COOKIE: Final = "pointsman_theme"
_YEAR_S: Final = 365 * 86_400
_THEMES: Final = ("system", "light", "dark")
_KEPT_FOR_S: Final = 31_536_000
_LARGEST_FORM: Final = 2 * 1024 * 1024
_MOST_FIELDS: Final = 500


class Dashboard:
    """Serves the pages of one router. ``keys`` None: nobody is asked for a key (loopback only; ``serve`` sees to that)."""

    def __init__(self, router: Router, keys: KeyRing | None, now_us: Callable[[], int]) -> None:
        self._router = router
        self._keys = keys
        self._now_us = now_us
        self._door = Door(router.store.path, keys)
        tiers: dict[str, str] = {tier: models[0] for tier in TIERS if (models := router.policy.tiers.models(tier))}
        self._asker = Asker(router.store, router.catalog, tiers, now_us)
        self._catching_up = CatchingUp(router.store, self._asker)
        self._answers = Answers(self._door, signs_in=keys is not None)

    def routes(self) -> list[Route]:
        """Return what is served where."""
        return [
            Route("/static/{name}", self._static, methods=["GET"]),
            Route("/sign-in", self._sign_in, methods=["GET", "POST"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
            Route("/preferences", self._preferences, methods=["POST"]),
            Route("/", self._page, methods=["GET", "POST"]),
            Route("/{slug}", self._page, methods=["GET", "POST"]),
            Route("/{slug}/{rest:path}", self._page, methods=["GET", "POST"]),
        ]

    async def _static(self, request: Request) -> Response:
        found = static_files().get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("There is no such file.\n", 404)
        # The address changes with the content.
        headers = {"cache-control": f"public, max-age={_KEPT_FOR_S}, immutable"}
        return Response(found.body, media_type=found.media_type, headers=headers)

    async def _sign_in(self, request: Request) -> Response:
        if self._keys is None:
            return RedirectResponse("/", 303)
        if request.method == "GET":
            return self._answers.sign_in(request, "")
        if not same_origin(request.headers):
            raise Forbidden("this form was not sent from Pointsman's own page: open /sign-in and try again")
        form = await _form(request)
        place = request.client.host if request.client else "unknown"
        problem, cookie = self._door.sign_in(form.get("key", ""), place, time.monotonic())
        if cookie is None:
            return self._answers.sign_in(request, problem, 429 if problem.startswith("Too many") else 401)
        return self._door.let_in(request, cookie)

    async def _sign_out(self, request: Request) -> Response:
        await self._checked_form(request)
        return self._door.let_out(request)

    async def _preferences(self, request: Request) -> Response:
        form = await self._checked_form(request)
        answer = RedirectResponse(self._door.back(form), 303)
        if form.get("theme") in _THEMES:
            answer.set_cookie(_THEME_COOKIE, form["theme"], max_age=_YEAR_S, samesite="lax")
        return answer

    async def _page(self, request: Request) -> Response:
        found = self._find(request.path_params.get("slug", ""))
        session = self._door.session(request)
        person = self._door.person(session)
        if session is None or person is None:
            return self._door.turned_away(request)
        if found is None or (request.path_params.get("rest") and not found.inner):
            raise NotFound(f"there is no page at {request.url.path[:200]}")
        form = await self._checked_form(request) if request.method == "POST" else {}
        view = self._view(found, person, session, request, form)
        view.require(found.role)
        module = import_module(found.module)
        if request.method == "POST":
            act: Callable[[View], Awaitable[Shown | Moved | Sent]] | None = getattr(module, "act", None)
            if act is None:
                raise MethodNotAllowed(f"/{found.slug} takes no form", allowed="GET, HEAD")
            answer = await act(view)
        else:
            # One conversation is read from the landing store, which is never behind.
            late = found.filtered and not (found.slug == "conversation" and view.rest)
            waiting = await view.ask(self._catching_up.page, view.now_us) if late else None
            answer = waiting or await module.show(view)
        # Large pages take tens of milliseconds to write: not in the loop that serves turns.
        response = await view.ask(self._answers.answer, view, answer, request)
        if self._door.session_of(request) is None:  # loopback: the session that binds this page's forms
            self._door.keep(request, response, session)
        return response

    def _find(self, slug: str) -> Page | None:
        return page(slug) if slug else home()

    def _view(self, found: Page, person: Person, session: Session, request: Request, form: Mapping[str, str]) -> View:
        zone = zone_of(request.cookies.get(_ZONE_COOKIE))
        now_us = self._now_us()
        query = dict(request.query_params)
        theme = request.cookies.get(_THEME_COOKIE, "system")
        return View(
            page=found,
            router=self._router,
            asker=self._asker,
            keys=self._keys,
            person=person,
            filter=read_filter(query, now_us, zone),
            now_us=now_us,
            zone=zone,
            csrf=self._door.token(session),
            rest=request.path_params.get("rest", ""),
            query={name: value for name, value in query.items() if name not in (*FIELDS, *TIME)},
            form=form,
            partial=request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true",
            theme=theme if theme in _THEMES else "system",
        )

    async def _checked_form(self, request: Request) -> Mapping[str, str]:
        """Return the fields of a form that one of our own pages sent.

        Raises:
            Forbidden: another site sent it, or the session is over.
        """
        form = await _form(request)
        session = self._door.session_of(request)
        token = request.headers.get("x-csrf-token") or form.get("csrf", "")
        if session is None or not same_origin(request.headers) or not self._door.token_ok(session, token):
            raise Forbidden("this form is no longer good: go back, load the page again and send it once more")
        return form

    async def failed(self, request: Request, error: Exception) -> Response:
        """Return the page of an error."""
        session = self._door.session(request)
        person = self._door.person(session)
        if not isinstance(error, PointsmanError):
            _log.error("page %s failed", request.url.path, exc_info=error)
        view = None
        if session is not None and person is not None:
            slug = request.path_params.get("slug", "")
            view = self._view(self._find(slug) or home(), person, session, _Bare(request), {})
        return self._answers.error(view, error)


class _Bare(Request):
    """A request whose filter is left out: it may be what went wrong."""

    def __init__(self, request: Request) -> None:
        super().__init__({**request.scope, "query_string": b"", "path_params": {}}, request.receive)


def build_dashboard(
    router: Router, keys: KeyRing | None, now_us: Callable[[], int] = lambda: time.time_ns() // 1000
) -> Any:
    """Return the ASGI application of the pages; ``now_us`` is the clock that times are told by."""
    dashboard = Dashboard(router, keys, now_us)
    app = Starlette(
        routes=dashboard.routes(),
        exception_handlers={
            PointsmanError: dashboard.failed,
            Exception: dashboard.failed,
            404: _not_found(dashboard),
            405: _not_found(dashboard),
        },
    )
    return Guard(app, dashboard.failed, open_to_all=keys is None)


def zone_of(name: str | None) -> ZoneInfo:
    """Return the zone that the browser has named, UTC where it is none."""
    try:
        return ZoneInfo((name or "UTC").replace("%2F", "/"))
    except (ValueError, OSError, KeyError):
        return ZoneInfo("UTC")


def _not_found(dashboard: Dashboard) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def failed(request: Request, _: Exception) -> Response:
        return await dashboard.failed(request, NotFound(f"there is no {request.method} {request.url.path[:200]}"))

    return failed


async def _form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form, bounded before anybody is known to have signed in.

    Raises:
        RequestError: it is no form, or too large.
    """
    size, chunks = 0, []
    async for chunk in request.stream():
        size += len(chunk)
        if size > _LARGEST_FORM:
            raise RequestTooLarge(f"a form may have {_LARGEST_FORM // 1024} KiB; this one is larger")
        chunks.append(chunk)
    try:
        text = b"".join(chunks).decode()
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise RequestError("the form cannot be read: load the page again and send it once more") from None
    return dict(fields)
