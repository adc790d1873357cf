"""The head of a request, written and checked: nothing a key or a base URL holds can become a header of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

_UNSEEN = re.compile(r"[\x00-\x20\x7f]")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OURS = ("accept-encoding: identity", "user-agent: pointsman")


def split_address(url: str) -> tuple[bool, str, int, str, str]:
    """Return whether TLS is spoken, host, port, the Host header and the target of a URL.

    Raises:
        ValueError: it is not an http(s) URL, or names a user: a password belongs into the key.
    """
    if _UNSEEN.search(url):  # urlsplit would silently take line ends out
        raise ValueError("not a URL")
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode()
    if parts.scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc:
        raise ValueError("not a URL")
    default = _DEFAULT_PORTS[parts.scheme]
    port = parts.port or default
    name = f"[{host}]" if ":" in host else host
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii():
        raise ValueError("not a URL: a path is percent-encoded")
    return parts.scheme == "https", host, port, name if port == default else f"{name}:{port}", target


def write_head(target: str, host: str, headers: Mapping[str, str], method: str = "POST") -> bytes:
    """Return the head of a request up to the value of its last header, ``content-length``.

    Raises:
        ValueError: a header cannot be sent.
    """
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}", *_OURS]
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise ValueError("not a header")
        lines.append(f"{name}: {value}")
    lines.append("content-length: ")
    return "\r\n".join(lines).encode()
