"""Error answers of providers, read without trust: what went wrong, whether another try helps, and when.

Each dialect has its table from wire words to ``(kind, retry)``; what they share is here: finding the error in a body of
any shape, reading ``retry-after``, and cleaning the provider's words before anybody sees them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec

from pointsman.errors import ProviderError, Retry

Kind = Literal[
    "invalid_request",
    "unsupported_parameter",
    "context_length",
    "too_large",
    "authentication",
    "permission",
    "billing",
    "quota",
    "not_found",
    "conflict",
    "rate_limit",
    "overloaded",
    "timeout",
    "server_error",
    "content_filter",
    "malformed_reply",
    "cancelled",
    "invalid_endpoint",
]
"""What went wrong, in words that no provider owns."""

Rule = tuple[Kind, Retry]

MAX_TEXT = 500
_MAX_WAIT_S = 7 * 24 * 3600.0

BY_STATUS: Mapping[int, Rule] = {
    400: ("invalid_request", "no"),
    401: ("authentication", "other"),
    402: ("billing", "other"),
    403: ("permission", "other"),
    404: ("not_found", "other"),
    405: ("invalid_endpoint", "other"),
    408: ("timeout", "same"),
    409: ("conflict", "same"),
    413: ("too_large", "other"),
    422: ("invalid_request", "no"),
    424: ("server_error", "same"),
    425: ("server_error", "same"),
    429: ("rate_limit", "same"),
    498: ("overloaded", "same"),
    499: ("cancelled", "no"),
    501: ("invalid_endpoint", "other"),
    503: ("overloaded", "same"),
    504: ("timeout", "same"),
    529: ("overloaded", "same"),
}
"""What a status alone says. 401 to 404 cannot be mended at this provider, but another one may well answer."""


def by_status(status: int) -> Rule:
    """Return what the status line alone says."""
    known = BY_STATUS.get(status)
    if known is not None:
        return known
    if status < 300:  # noqa: PLR2004 - an error inside a 2xx answer: the provider's fault, worth another try
        return "server_error", "same"
    if status < 400:  # noqa: PLR2004 - a redirect: never followed, the key would travel along
        return "invalid_endpoint", "other"
    return ("invalid_request", "no") if status < 500 else ("server_error", "same")  # noqa: PLR2004


class ErrorBody(msgspec.Struct, frozen=True):
    """What an error body says: always text, empty where the provider said nothing."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    details: Any = None
    request_id: str | None = None


def read_error(body: bytes) -> ErrorBody:
    """Find the error in a body of any shape: nested, flat, a list, a string, HTML or nothing."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ErrorBody(message=_plain_text(body))
    if isinstance(found, list):
        found = found[0] if found else {}
    if not isinstance(found, dict):
        return ErrorBody(message=str(found) if isinstance(found, str) else "")
    error = found.get("error", found)
    request_id = found.get("request_id")
    if isinstance(error, str):
        error = {"message": error, **{key: found[key] for key in ("type", "code", "param") if key in found}}
    if not isinstance(error, dict):
        error = {}
    message = _first_text(error, "message", "detail", "msg", "error_description")
    return ErrorBody(
        message=message,
        type=_word(error.get("type") or error.get("status")),
        code=_word(error.get("code")),
        param=error["param"] if isinstance(error.get("param"), str) else None,
        details=error.get("details"),
        request_id=request_id if isinstance(request_id, str) else None,
    )


def failure(
    status: int, headers: Mapping[str, str], said: ErrorBody, rule: Rule, *, retry_after: float | None = None
) -> ProviderError:
    """Build the neutral error. The provider's ``x-should-retry`` wins over the rule."""
    kind, retry = rule
    wish = header(headers, "x-should-retry")
    if wish == "true" and retry != "other":
        retry = "same"
    elif wish == "false" and retry == "same":
        retry = "other"
    if retry_after is None:
        retry_after = retry_after_s(headers)
    text = clean(said.message) or clean(said.code or said.type) or f"no reason given (HTTP {status})"
    return ProviderError(
        text,
        kind=kind,
        retry=retry,
        retry_after=retry_after,
        upstream_status=status,
        param=None if said.param is None else clean(said.param),
        request_id=request_id(headers) or said.request_id,
    )


_REQUEST_IDS = ("x-request-id", "request-id", "x-goog-request-id")


def header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header whatever its case. ``name`` is lower case."""
    found = headers.get(name)
    if found is not None:
        return found
    return next((value for key, value in headers.items() if key.lower() == name), None)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the provider's own id of this request, for its support desk."""
    found = next((headers[name] for name in _REQUEST_IDS if name in headers), None)
    if found is None:
        found = next((value for name, value in headers.items() if name.lower() in _REQUEST_IDS), None)
    return clean(found)[:200] if found else None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the provider asks us to wait, or None where it names none we can read.

    ``retry-after-ms`` wins over ``retry-after``, which holds seconds or an HTTP date. A date counts from the answer's own
    ``date`` where there is one, so that our clock need not agree with the provider's.
    """
    milliseconds = _number(header(headers, "retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    wish = header(headers, "retry-after")
    seconds = _number(wish)
    if seconds is not None or wish is None:
        return seconds
    until = _date(wish)
    if until is None:
        return None
    now = _date(header(headers, "date") or "")
    return min(max(0.0, until - (time.time() if now is None else now)), _MAX_WAIT_S)


def duration_s(text: object) -> float | None:
    """Return the seconds of a protobuf duration such as ``13s`` or ``0.25s``; None where it is none."""
    return _number(text[:-1]) if isinstance(text, str) and text.endswith("s") else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    # nan and inf are numbers to float() but not waiting times.
    return min(value, _MAX_WAIT_S) if value is not None and 0 <= value < float("inf") else None


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


# Keys as providers print them back ("Incorrect API key provided: sk-abc***xyz"): by their usual beginnings, after
# words that announce one, and in URLs.
_KEY_SHAPES = re.compile(
    r"(?:\b(?:sk|gsk|rk|pk|xai|hf|tgp|fw|csk|pplx|nvapi)[-_][A-Za-z0-9_*.\-]{6,}|\bAIza[A-Za-z0-9_*\-]{8,}|\beyJ[A-Za-z0-9_.\-]{20,})"
)
_ANNOUNCED_KEY = re.compile(
    r"(?i)\b((?:api[ _-]?key|x-goog-api-key|token|authorization|bearer|key|secret|password)\b"
    r"(?:\s+(?:provided|is|was|of))?[\s:='\"]{1,4})(?=[A-Za-z0-9_\-.*]*[0-9*])(?=[A-Za-z0-9_\-.*]*[A-Za-z])[A-Za-z0-9_\-.*]{8,}"
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def clean(text: str) -> str:
    """Return a provider's words fit to show: no control characters, no keys, at most 500 characters."""
    text = _CONTROLS.sub(" ", text[: MAX_TEXT * 8]).strip()
    text = _KEY_SHAPES.sub("[key]", text)
    text = _ANNOUNCED_KEY.sub(r"\1[key]", text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1].rstrip() + "…"


_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(?:style|script)\b.*?</(?:style|script)>|<[^>]*>", re.IGNORECASE | re.DOTALL)


def _plain_text(body: bytes) -> str:
    """Return the words of a body that is not JSON: a proxy's HTML page, or text."""
    text = body[:16_384].decode("utf-8", "replace")
    if "<" not in text:
        return text
    title = _TITLE.search(text)
    return title[1] if title else " ".join(_TAG.sub(" ", text).split())


def _first_text(error: dict[str, Any], *names: str) -> str:
    for name in names:
        found = error.get(name)
        if isinstance(found, str) and found:
            return found
        if found:
            return msgspec.json.encode(found).decode()
    return ""


def _word(found: object) -> str:
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
