"""What one model's tokens cost on one day, in exact decimals.

Rates are US dollars per single token, so that a cost is a plain sum of products. Tokens have at most ten digits and rates
a handful, far below the 28 digits of the decimal context: sums here are exact, never rounded.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from pointsman.domain.usage import Usage

ZERO = Decimal(0)
MILLION = Decimal(1_000_000)
"""The kinds of token a bill is split into, in the order bills show them."""


class Rates(msgspec.Struct, frozen=True):
    """US dollars per token of one model on one day. A rate of None is unknown, which is not free.

    ``cache_write`` is the short-lived write (five minutes at Anthropic), ``cache_write_1h`` the long-lived one. When a
    request's prompt has more than ``long_above`` tokens, every token of that request is billed at ``long``: all
    providers with a long-context price use this cliff, none a staircase.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    long_above: int | None = None
    long: Rates | None = None

    def for_prompt(self, tokens: int) -> Rates:
        """Return the rates of a request whose whole prompt, cached or not, has ``tokens`` tokens."""
        rates = self
        while rates.long is not None and rates.long_above is not None and tokens > rates.long_above:
            rates = rates.long
        return rates

    def cost(self, usage: Usage) -> Decimal | None:
        """Return the dollars of one request; None when it needs a rate that is unknown, or its counts contradict.

        Written out instead of summing ``parts``: this runs several times per turn.
        """
        rates = self if self.long is None else self.for_prompt(usage.prompt)
        total = rates.input * usage.input_uncached + rates.output * usage.output
        read = usage.cache_read
        if read:
            if rates.cache_read is None:
                return None
            total += rates.cache_read * read
        if usage.cache_write or usage.cache_write_1h:
            written = _write_cost(rates, usage)
            return None if written is None else total + written[0] + written[1]
        return total

    def parts(self, usage: Usage) -> dict[str, Decimal] | None:
        """Return the dollars by kind of token; their sum is ``cost`` exactly. None where ``cost`` is None.

        Kinds the provider did not report are left out: an unsaid count is not a zero.
        """
        if self.cost(usage) is None:
            return None
        rates = self.for_prompt(usage.prompt)
        parts = {"input": rates.input * usage.input_uncached}
        if usage.cache_read is not None:
            parts["cache_read"] = (rates.cache_read or ZERO) * usage.cache_read
        if usage.cache_write is not None:
            short, long_lived = _write_cost(rates, usage) or (ZERO, ZERO)
            parts["cache_write"] = short
            if usage.cache_write_1h is not None:
                parts["cache_write_1h"] = long_lived
        parts["output"] = rates.output * usage.output
        return parts


def _write_cost(rates: Rates, usage: Usage) -> tuple[Decimal, Decimal] | None:
    """Return the dollars of short-lived and long-lived cache writes, or None where a needed rate is unknown."""
    long_lived = usage.cache_write_1h or 0
    short = (usage.cache_write or 0) - long_lived
    if short < 0:  # more long-lived writes than writes: the counts contradict each other
        return None
    if (short and rates.cache_write is None) or (long_lived and rates.cache_write_1h is None):
        return None
    return (rates.cache_write or ZERO) * short, (rates.cache_write_1h or ZERO) * long_lived


FREE = Rates(ZERO, ZERO, ZERO, ZERO, ZERO)
"""A model on the user's own machine: no provider sends a bill, so its price is known, and it is zero."""
