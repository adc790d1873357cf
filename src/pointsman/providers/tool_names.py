"""Tool names and tool-call ids that every provider accepts.

Names are escaped reversibly and without a table: a character outside the common subset becomes ``_pm<hex>_``, and the
escape sequence itself is escaped where it stands in a name of its own. So two names never collide, and a decoder can give
back the client's name without having seen the request. Ids the client sends in again are kept where they fit, else
replaced by a hash of themselves: the same id always becomes the same text, so results keep matching their calls and
the provider's prompt cache sees identical bytes. Ids in replies are the provider's own and are passed on unchanged.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from hashlib import blake2b

from pointsman.errors import RequestError

MAX_NAME = 64
MAX_ID = 40

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
# Every "_pm" is escaped, complete or not: what follows it may complete it ("_pm2e." would come back as ".pm2e_").
_ESCAPE_OPENING = re.compile(r"_(?=pm)")
_BAD_CHARACTER = re.compile(r"[^A-Za-z0-9_-]|\A[^A-Za-z_]")
_ESCAPED = re.compile(r"_pm([0-9a-f]{1,6})_")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")
_NOT_ID = re.compile(r"[^A-Za-z0-9_-]")


def wire_name(name: str) -> str:
    """Return ``name`` in the subset that all providers take.

    Raises:
        RequestError: the name is empty, or longer than 64 characters once escaped.
    """
    if "_pm" not in name and len(name) <= MAX_NAME and _PLAIN_NAME.match(name):
        return name
    escaped = _BAD_CHARACTER.sub(_escape, _ESCAPE_OPENING.sub("_pm5f_", name))
    if not escaped or len(escaped) > MAX_NAME:
        raise RequestError(
            f"tool name {name[:80]!r} cannot be sent: providers take 1 to {MAX_NAME} characters of A-Z a-z 0-9 _ -",
            param="tools",
        )
    return escaped


def client_name(name: str) -> str:
    """Return the client's name for a wire name: the inverse of ``wire_name``."""
    if "_pm" not in name:
        return name
    return _ESCAPED.sub(_unescape, name)


def _escape(match: re.Match[str]) -> str:
    return f"_pm{ord(match[0]):x}_"


def _unescape(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    # A model may invent an escape that no request of ours holds; a lone surrogate could not be sent on.
    return chr(code) if code <= sys.maxunicode and not 0xD800 <= code <= 0xDFFF else match[0]  # noqa: PLR2004


def check_unique(names: Iterable[str]) -> None:
    """Refuse two tools of one name.

    Raises:
        RequestError: a name occurs twice.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RequestError(f"two tools are called {name!r}: give each its own name", param="tools")
        seen.add(name)


def wire_id(call_id: str) -> str:
    """Return a tool-call id of at most 40 characters of ``A-Za-z0-9_-``, the same for the same input."""
    if _PLAIN_ID.match(call_id):
        return call_id
    return "call_" + blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def made_up_id(response_id: str, number: int) -> str:
    """Return an id for a call that the provider left without one: ``call_<response>_<number>``."""
    stem = _NOT_ID.sub("", response_id)[: MAX_ID - 10] or "reply"
    return f"call_{stem}_{number}"
