"""What is left of a rate limit, as clients are told in response headers."""

from __future__ import annotations

import msgspec


class Allowance(msgspec.Struct, frozen=True):
    """A limit per minute, what of it is left now, and the seconds until all of it is back."""

    limit: int
    remaining: int
    reset_s: float


class RateState(msgspec.Struct, frozen=True):
    """The tightest limit of each kind that holds for a client; None where there is none."""

    requests: Allowance | None = None
    tokens: Allowance | None = None
