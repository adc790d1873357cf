"""Your own receiver: JSON, signed with HMAC-SHA256 over the time and the body.

``Pointsman-Signature`` is ``v1=`` and the hex digest of HMAC-SHA256(secret, timestamp + "." + body), the bytes as they were sent;
``Pointsman-Timestamp`` is that timestamp in Unix seconds, of this attempt. ``Idempotency-Key`` is the same at every attempt.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from pointsman.monitoring.incidents_notices import Told
from pointsman.monitoring.sinks.request import Post


def request(told: Told, key: str, url: str, secret: str, now_s: int) -> Post:
    """Return the request for a notice."""
    body = msgspec.json.encode({"version": 1, "key": key, **msgspec.to_builtins(told)})
    return Post(
        url,
        body,
        {
            "Content-Type": "application/json",
            "User-Agent": "pointsman",
            "Idempotency-Key": key,
            "Pointsman-Event": told.event,
            "Pointsman-Timestamp": str(now_s),
            "Pointsman-Signature": signature(secret, now_s, body),
        },
    )


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return what ``Pointsman-Signature`` must be."""
    digest = hmac.new(secret.encode(), str(timestamp).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"
