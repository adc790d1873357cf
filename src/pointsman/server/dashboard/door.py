"""Who may come in: the cookies of requests and answers, and signing in with a client key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pointsman.server.dashboard.sessions import (
    COOKIE,
    LIFE_S,
    Session,
    Sessions,
    Tries,
    local_path,
    session_secret,
)
from pointsman.server.dashboard.view import Person
from pointsman.store.keys import KeyRing

_STRANGER: Final = Person("no key asked for", "admin")


class Door:
    """Knows the sessions of one dashboard. Used inside the event loop."""

    def __init__(self, store: Path, keys: KeyRing | None) -> None:
        self._keys = keys
        self._sessions = Sessions(session_secret(store))
        self._tries = Tries()

    def session_of(self, request: Request) -> Session | None:
        """Return the session of a request's cookie; one from a time when keys were asked for, or not, is none."""
        found = self._sessions.read(request.cookies.get(COOKIE))
        return found if found is not None and (found.key_id is None) == (self._keys is None) else None

    def session(self, request: Request) -> Session | None:
        """Return the session of a request; where no key is asked for, a new one if it has none."""
        found = self.session_of(request)
        if found is None and self._keys is None:
            found, _ = self._sessions.begin(None)
        return found

    def person(self, session: Session | None) -> Person | None:
        """Return who is signed in; None once the key is revoked, or has no role."""
        if session is None:
            return None
        if self._keys is None:
            return _STRANGER
        key = self._keys.find(session.key_id or "")
        return None if key is None or key.role is None else Person(key.name, key.role, key.id)

    def token(self, session: Session) -> str:
        """Return what the forms of a session carry."""
        return self._sessions.token(session)

    def token_ok(self, session: Session, given: str) -> bool:
        """Return whether a form carries its session's token."""
        return self._sessions.token_ok(session, given)

    def sign_in(self, secret: str, place: str, now_s: float) -> tuple[str, str | None]:
        """Return the cookie of who shows this key; otherwise what to tell them, and None."""
        if self._keys is None:
            return "", self._sessions.begin(None)[1]
        wait = self._tries.wait_s(place, now_s)
        if wait:
            return f"Too many keys were tried from here. Wait {wait:.0f} seconds, then try again.", None
        key = self._keys.check(secret.strip())
        if key is None:
            self._tries.fail(place, now_s)
            return "This key is not known, or was revoked. Check it, or ask an admin for a new one.", None
        if key.role is None:
            return (
                "This key may run turns, but has no role on these pages. "
                "An admin makes one that has: pointsman keys create NAME --role viewer"
            ), None
        self._tries.clear(place)
        return "", self._sessions.begin(key.id)[1]

    def let_in(self, request: Request, cookie: str) -> Response:
        """Return the answer that leads a person in."""
        answer = RedirectResponse(local_path(request.query_params.get("next", "/")), 303)
        _set(request, answer, cookie)
        return answer

    def keep(self, request: Request, answer: Response, session: Session) -> None:
        """Have the browser keep a session that was begun for this very request."""
        _set(request, answer, self._sessions.sealed(session))

    def let_out(self, request: Request) -> Response:
        """Return the answer that signs a person out; their cookie is worth nothing from now on, wherever it was copied to."""
        session = self.session_of(request)
        if session is not None:
            self._sessions.end(session)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE)
        return answer

    @staticmethod
    def turned_away(request: Request) -> Response:
        """Return the answer to a request without a session: the way to sign in, and back."""
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        to = "/sign-in?" + urlencode({"next": wanted}) if request.method == "GET" else "/sign-in"
        answer = RedirectResponse(to, 303)
        if request.headers.get("hx-request") == "true":  # a part of a page cannot follow; the whole page shall
            answer = RedirectResponse(to, 204)
            answer.headers["hx-redirect"] = to
        return answer

    @staticmethod
    def back(form: Mapping[str, str]) -> str:
        """Return where a form wants to be led back to, on this site."""
        return local_path(form.get("back", "/"))


def _set(request: Request, answer: Response, cookie: str) -> None:
    # A proxy in front of us may end TLS. Who forges the header only makes their own cookie stricter.
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    answer.set_cookie(COOKIE, cookie, max_age=LIFE_S, httponly=True, samesite="lax", secure=secure)
