"""Who is signed in: signed cookies, the tokens that forms carry, and how often one may try to sign in."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from itsdangerous import BadSignature, URLSafeTimedSerializer

from pointsman.errors import StoreError

COOKIE: Final = "pointsman_session"
LIFE_S: Final = 12 * 3600
"""A session ends after a working day, whatever is done in it."""
_SALT: Final = "pointsman.dashboard.session.1"
_ENDED: Final = 65_536
_TRIES: Final = 10
_TRIES_WINDOW_S: Final = 300.0
_TRIES_PLACES: Final = 4096
_KEY_BYTES: Final = 32


class Session(msgspec.Struct, frozen=True):
    """A browser that was let in. ``key_id`` None: where no key is asked for. ``id`` is random, and binds the forms' tokens."""

    id: str
    key_id: str | None


class Sessions:
    """Makes and reads session cookies, with a secret that stays beside the store."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._signer = URLSafeTimedSerializer(secret, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256})
        self._ended: OrderedDict[str, None] = OrderedDict()

    def begin(self, key_id: str | None) -> tuple[Session, str]:
        """Return a new session and its cookie's value."""
        session = Session(secrets.token_urlsafe(18), key_id)
        return session, self.sealed(session)

    def sealed(self, session: Session) -> str:
        """Return the signed value of a session's cookie."""
        return str(self._signer.dumps([session.id, session.key_id]))

    def read(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie, None where it is none of ours or too old."""
        if not cookie:
            return None
        try:
            session_id, key_id = self._signer.loads(cookie, max_age=LIFE_S)
        except (BadSignature, ValueError, TypeError):
            return None
        if not isinstance(session_id, str) or session_id in self._ended:
            return None
        return Session(session_id, key_id)

    def end(self, session: Session) -> None:
        """Let a session's cookie be good no more. Known until the gateway is started anew; revoking the key is for good."""
        self._ended[session.id] = None
        while len(self._ended) > _ENDED:
            self._ended.popitem(last=False)

    def token(self, session: Session) -> str:
        """Return what the forms of a session carry, so that another site cannot post them."""
        return hmac.new(self._secret, b"csrf:" + session.id.encode(), hashlib.sha256).hexdigest()

    def token_ok(self, session: Session, given: str) -> bool:
        """Return whether ``given`` is the session's token."""
        return hmac.compare_digest(self.token(session).encode(), given.encode("utf-8", "replace"))


class Tries:
    """Counts failed sign-ins by address: after ten in five minutes one has to wait. Used by one thread."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, place: str, now_s: float) -> float:
        """Return for how many seconds this address has to wait, 0: not at all."""
        began, failed = self._failed.get(place, (now_s, 0))
        left = began + _TRIES_WINDOW_S - now_s
        return left if failed >= _TRIES and left > 0 else 0.0

    def fail(self, place: str, now_s: float) -> None:
        """Note a failed try."""
        began, failed = self._failed.pop(place, (now_s, 0))
        if now_s - began >= _TRIES_WINDOW_S:
            began, failed = now_s, 0
        self._failed[place] = (began, failed + 1)
        while len(self._failed) > _TRIES_PLACES:  # an attacker with many addresses must not fill our memory
            self._failed.popitem(last=False)

    def clear(self, place: str) -> None:
        """Forget the failed tries of an address that has signed in."""
        self._failed.pop(place, None)


def session_secret(store: Path) -> bytes:
    """Return the secret that signs sessions, made at first use in a file beside the store that only its owner reads.

    Raises:
        StoreError: the file cannot be read or made.
    """
    path = Path(f"{store}.session-key")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        handle = -1
    except OSError as error:
        raise StoreError(f"{path}: the session key cannot be made: {error.strerror}.") from None
    try:
        if handle >= 0:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(_KEY_BYTES))
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) < _KEY_BYTES:
        raise StoreError(f"{path}: is no session key. Remove it to begin with a new one: everybody signs in again.")
    return key


def same_origin(headers: Mapping[str, str]) -> bool:
    """Return whether a POST comes from our own pages, as far as the browser says.

    Our pages send no referrer, and browsers then say ``Origin: null``; the token decides where nothing else does.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None or origin == "null":
        return True
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def local_path(given: str) -> str:
    """Return ``given`` where it is a path on this site, ``/`` where it would lead elsewhere."""
    bad = not given.startswith("/") or given.startswith(("//", "/\\")) or not given.isprintable() or "\\" in given
    return "/" if bad else given
