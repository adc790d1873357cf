"""Token counts as billed.

Law: prompt total = ``input_uncached + cache_read + cache_write``; ``reasoning`` is part of ``output`` and never billed on
top; ``cache_write_1h`` (the long-lived share) is part of ``cache_write``. None means the provider did not say: it is
not zero. For the prompt total an unsaid cache count adds nothing, since the provider then counts it as uncached.
"""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one model call, or of several added up."""

    input_uncached: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None

    @property
    def prompt(self) -> int:
        """All prompt tokens, cached or not."""
        return self.input_uncached + (self.cache_read or 0) + (self.cache_write or 0)

    def __add__(self, other: Usage) -> Usage:
        """Add two usages; a count stays unknown only where both sides do not know it."""
        return Usage(
            self.input_uncached + other.input_uncached,
            self.output + other.output,
            _add(self.cache_read, other.cache_read),
            _add(self.cache_write, other.cache_write),
            _add(self.cache_write_1h, other.cache_write_1h),
            _add(self.reasoning, other.reasoning),
        )


def _add(a: int | None, b: int | None) -> int | None:
    if a is None:
        return b
    return a if b is None else a + b
