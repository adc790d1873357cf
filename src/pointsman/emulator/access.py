"""Who may ask: API keys, by the header each dialect's SDKs send them in."""

from __future__ import annotations

from collections.abc import Mapping

from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.models import Dialect


def key_of(dialect: Dialect, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return the API key of a request, empty if it has none."""
    if dialect == "gemini":
        return headers.get("x-goog-api-key") or query.get("key", "")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return (headers.get("x-api-key") or bearer) if dialect == "anthropic" else bearer


def check_key(dialect: Dialect, key: str, allowed: tuple[str, ...], *, needed: bool = True) -> None:
    """Raise the refusal a real server gives for a missing or unknown key."""
    if not key:
        if needed:
            raise _missing(dialect)
        return
    if key in allowed or (not allowed and not key.startswith("invalid")):
        return
    if dialect == "anthropic":
        raise RejectedError("invalid x-api-key", status=401)
    if dialect == "gemini":
        raise RejectedError("API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")
    raise RejectedError(
        "Incorrect API key provided. You can find your API key in the account settings.",
        status=401,
        code="invalid_api_key",
    )


def _missing(dialect: Dialect) -> RejectedError:
    if dialect == "anthropic":
        return RejectedError("x-api-key header is required", status=401)
    if dialect == "gemini":
        return RejectedError(
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API.",
            status=403,
        )
    return RejectedError("You didn't provide an API key. Use Bearer auth in the Authorization header.", status=401)
