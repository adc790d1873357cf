"""From what a page gives back to an HTTP answer: a whole page, a part of one, a CSV file, a way to go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pointsman.errors import NotFound, PointsmanError
from pointsman.server.dashboard.door import Door
from pointsman.server.dashboard.filters import BAR, DEFAULT_RANGE, FIELDS, RANGES
from pointsman.server.dashboard.registry import PAGES
from pointsman.server.dashboard.rendering import environment
from pointsman.server.dashboard.sessions import local_path
from pointsman.server.dashboard.tables import as_csv
from pointsman.server.dashboard.view import Moved, Sent, Shown, View

_SAID: Final = "pointsman_said"
"""The cookie that carries what an action has done to the page after it. Not in the URL: anybody can write a link."""
_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_TITLES: Final = {
    400: "This cannot be shown",
    403: "Not allowed",
    404: "There is no such page",
    405: "There is no such page",
}


class Answers:
    """Renders. ``signs_in``: keys are asked for, so there is a way to sign out."""

    def __init__(self, door: Door, *, signs_in: bool) -> None:
        self._door = door
        self._signs_in = signs_in
        self._environment = environment()

    def answer(self, view: View, given: Shown | Moved | Sent, request: Request) -> Response:
        """Return the answer to a page's request.

        Raises:
            NotFound: a CSV was asked for that the page has not.
        """
        if isinstance(given, Moved):
            moved = RedirectResponse(local_path(given.to), 303)
            if given.said:
                moved.set_cookie(_SAID, quote(given.said), max_age=60, httponly=True, samesite="strict")
            return moved
        if isinstance(given, Sent):
            return _download(given.body, given.name, given.media_type)
        if view.query.get("format") == "csv":
            return self._csv(view, given)
        template = given.template or f"{view.page.slug}.html"
        said = unquote(request.cookies.get(_SAID, ""))
        answer = self._html(template, {**self._whole(view, given), "said": said}, given.status)
        if said:
            answer.delete_cookie(_SAID)
        return answer

    def sign_in(self, request: Request, problem: str, status: int = 200) -> Response:
        """Return the page on which one signs in."""
        wanted = local_path(request.query_params.get("next", "/"))
        theme = request.cookies.get("pointsman_theme", "system")
        return self._html("sign_in.html", {"problem": problem, "wanted": wanted, "theme": theme}, status)

    def error(self, view: View | None, error: Exception) -> Response:
        """Return the page of an error: what is wrong and what to do, never a trace."""
        known = isinstance(error, PointsmanError)
        status = error.status if isinstance(error, PointsmanError) else 500
        text = (
            str(error) if known else "Pointsman made a mistake on this page. Its log says more; turns are not affected."
        )
        title = _TITLES.get(status, "This page could not be made")
        if view is None:
            return self._html("error_bare.html", {"title": title, "text": text, "theme": "system"}, status)
        shown = Shown(
            {"text": text, "code": error.code if isinstance(error, PointsmanError) else ""}, title=title, filtered=False
        )
        return self._html("error.html", self._whole(view, shown), status)

    def _csv(self, view: View, given: Shown) -> Response:
        wanted = view.query.get("table")
        table = next((one for one in given.tables if wanted in (None, "", one.name)), None)
        if table is None:
            raise NotFound(f"this page has no table {wanted!r}; it has: {', '.join(one.name for one in given.tables)}")
        return _download(as_csv(table), f"pointsman-{view.page.slug}-{table.name}.csv", "text/csv; charset=utf-8")

    def _whole(self, view: View, given: Shown) -> dict[str, Any]:
        return {
            **given.data,
            "view": view,
            "page": view.page,
            "title": given.title or view.page.title,
            "verdict": given.verdict,
            "tables": SimpleNamespace(**{table.name: table for table in given.tables}),
            "groups": _groups(view),
            "filtered": view.page.filtered and given.filtered,
            "ranges": [(name, words) for name, (words, _) in RANGES.items()],
            "default_range": DEFAULT_RANGE,
            "choices": _choices(view) if view.page.filtered else {},
            "said": "",
            "signs_in": self._signs_in,
            "theme": view.theme,
        }

    def _html(self, template: str, data: Mapping[str, Any], status: int) -> Response:
        text = self._environment.get_template(template).render(data)
        return HTMLResponse(text.encode("utf-8", "replace"), status)


def _groups(view: View) -> list[tuple[str, list[Any]]]:
    """Return the pages of the navigation by group, those that this person may see."""
    groups: dict[str, list[Any]] = {}
    for one in PAGES:
        if one.group and view.person.may(one.role):
            groups.setdefault(one.group, []).append(one)
    return list(groups.items())


def _choices(view: View) -> dict[str, tuple[str, ...]]:
    """Return what the filter bar offers for each field; a value of the URL that is none of them is offered too."""
    policy = view.router.policy
    known: dict[str, tuple[str, ...]] = {
        "agent": tuple(sorted(policy.agents)),
        "route": tuple(policy.routes),
        "tier": ("small", "mid", "flagship"),
        "model": tuple(policy.models()),
        "intent": (),
        "channel": ("chat", "voice", "email"),
        "policy": (policy.version,),
        "key": (),
        "simulated": ("yes", "no"),
        "captured": ("yes", "no"),
    }
    given = view.filter.given
    shown = [*BAR, *(name for name in FIELDS if name in given and name not in BAR)]
    return {
        name: tuple(dict.fromkeys([*known.get(name, ()), *([given[name]] if name in given else [])])) for name in shown
    }


def _download(body: bytes, name: str, media_type: str) -> Response:
    safe = _NAME.sub("-", name).strip("-.") or "file"
    headers = {"content-disposition": f'attachment; filename="{safe}"'}
    return Response(body, media_type=media_type, headers=headers)
