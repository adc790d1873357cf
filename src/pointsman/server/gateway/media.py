"""Reads ``data:`` and ``http(s):`` URLs of images and files."""

from __future__ import annotations

from pointsman.server.gateway.body import bad


def data_url(url: str, param: str) -> tuple[str, str]:
    """Return media type and base64 text of a ``data:`` URL.

    Raises:
        RequestError: it has no media type, is not base64, or is empty.
    """
    head, comma, data = url.partition(",")
    media_type, *options = head.removeprefix("data:").split(";")
    if not comma or not data or "/" not in media_type or "base64" not in options:
        raise bad(param, "expected a URL like data:image/png;base64,...")
    return media_type.lower(), data


def web_url(url: str, param: str) -> str:
    """Return ``url`` if it is an http or https URL.

    Raises:
        RequestError: it is something else.
    """
    if not url.startswith(("https://", "http://")):
        raise bad(param, "expected an https:, http: or base64 data: URL")
    return url
