"""What both transports say when an exchange fails: the same errors, the same words, and never a key.

An exception's own text may hold a URL or a header, and so a key: only what we know ourselves is said.
"""

from __future__ import annotations

from pointsman.errors import ProviderError, ProviderTimeout, ProviderUnreachable, StreamBroken

MAX_BODY = 64 * 1024 * 1024
"""Bytes a whole reply may have: far above any honest one, it bounds our memory."""

NOT_HTTP = "its answer is not HTTP"
NO_ANSWER = "it closed the connection without answering"
NO_NAME = "its name does not resolve"
TLS_REFUSED = "its TLS certificate or handshake was refused"
REFUSED = "connection refused"


def no_connection(provider: str, connect_s: float) -> ProviderTimeout:
    """Nothing was connected (name, TCP and TLS) within ``connect_s`` seconds."""
    return ProviderTimeout(f"no connection to {provider} within {connect_s:g} s", provider=provider, kind="timeout")


def no_head(provider: str, head_s: float) -> ProviderTimeout:
    """No answer began within ``head_s`` seconds."""
    return ProviderTimeout(f"{provider} did not begin to answer within {head_s:g} s", provider=provider, kind="timeout")


def not_sendable(provider: str) -> ProviderError:
    """The address or a header cannot be written into an HTTP request."""
    return ProviderError(
        f"the base_url or key of provider {provider} cannot be put into a request: check the policy",
        provider=provider,
        kind="invalid_endpoint",
        retry="other",
    )


def unreachable(provider: str, reason: str) -> ProviderUnreachable:
    """No answer's head came."""
    return ProviderUnreachable(f"{provider} cannot be reached ({reason})", provider=provider, kind="server_error")


def cut(provider: str, reason: str) -> StreamBroken:
    """The body did not come to its end."""
    return StreamBroken(
        f"{provider} cut the connection before the end of its reply ({reason})", provider=provider, kind="server_error"
    )


def compressed(provider: str, status: int) -> ProviderError:
    """The body is not the plain bytes that were asked for."""
    return ProviderError(
        f"{provider} compressed its answer though asked not to",
        provider=provider,
        kind="malformed_reply",
        retry="other",
        upstream_status=status,
    )


def too_large(provider: str, status: int) -> ProviderError:
    """The body is larger than ``MAX_BODY``."""
    return ProviderError(
        f"{provider} sent a reply of more than {MAX_BODY // (1024 * 1024)} MiB",
        provider=provider,
        kind="malformed_reply",
        retry="other",
        upstream_status=status,
    )


_UNCONNECTED = (f"({NO_NAME})", f"({TLS_REFUSED})", f"({REFUSED})")


def was_never_sent(text: str) -> bool:
    """Tell from an error's words whether no connection was made, so that the provider cannot have begun to work."""
    return text.endswith(_UNCONNECTED) or text.startswith("no connection to ")
