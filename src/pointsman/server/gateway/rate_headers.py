"""What is left of a client's rate limits, in the response headers of its dialect.

OpenAI: ``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``, reset as a duration. Anthropic:
``anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}``, reset as a moment (RFC 3339).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from pointsman.domain.rates import Allowance, RateState
from pointsman.execution.limits.rates import duration


def openai_rates(state: RateState | None) -> dict[str, str]:
    """Return the headers for clients of OpenAI's dialect; none where nothing is limited."""
    found: dict[str, str] = {}
    for kind, left in _kinds(state):
        found[f"x-ratelimit-limit-{kind}"] = str(left.limit)
        found[f"x-ratelimit-remaining-{kind}"] = str(left.remaining)
        found[f"x-ratelimit-reset-{kind}"] = duration(left.reset_s)
    return found


def anthropic_rates(state: RateState | None, now: float | None = None) -> dict[str, str]:
    """Return the headers for clients of Anthropic's dialect; ``now`` is Unix time in seconds, None: the clock."""
    found: dict[str, str] = {}
    for kind, left in _kinds(state):
        at = math.ceil((time.time() if now is None else now) + left.reset_s)
        found[f"anthropic-ratelimit-{kind}-limit"] = str(left.limit)
        found[f"anthropic-ratelimit-{kind}-remaining"] = str(left.remaining)
        found[f"anthropic-ratelimit-{kind}-reset"] = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return found


def _kinds(state: RateState | None) -> Iterator[tuple[str, Allowance]]:
    if state is not None:
        if state.requests is not None:
            yield "requests", state.requests
        if state.tokens is not None:
            yield "tokens", state.tokens
