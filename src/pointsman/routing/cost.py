"""What a model call is expected to cost, before it is made.

The token counts are estimates: the prompt from the size signal, the reply from the route's ``output_tokens``. ``Warmth``
is the seam for cache-aware choice: how much of the prompt the provider is believed to hold in its cache.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from pointsman.catalog.prices import Rates
from pointsman.domain.usage import Usage


class Warmth(msgspec.Struct, frozen=True):
    """Prompt tokens believed to be read from, and written to, the provider's prompt cache."""

    read: int = 0
    written: int = 0


COLD = Warmth()
"""Nothing is believed to be cached: what every call is priced at until cache state is tracked."""


def expected_cost(rates: Rates | None, prompt: int, output: int, warmth: Warmth = COLD) -> Decimal | None:
    """Return the expected cost in USD of one call; None where the price is unknown."""
    if rates is None:
        return None
    if warmth is COLD:
        # What nearly every candidate of every turn is priced at; the same sum as below.
        rates = rates if rates.long is None else rates.for_prompt(prompt)
        return rates.input * prompt + rates.output * output
    read = min(warmth.read, prompt)
    written = min(warmth.written, prompt - read)
    return rates.cost(Usage(prompt - read - written, output, read or None, written or None))
