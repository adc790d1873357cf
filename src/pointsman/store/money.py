"""Dollars as whole pico-dollars (1e-12 USD): integers add up exactly, in SQL too.

A price of $0.03 per million tokens is 30,000 pico-dollars a token, so published prices need no rounding.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

from pointsman.errors import StoreError

PICO = Decimal(1_000_000_000_000)
_MAX_USD = Decimal(9_000_000)  # SQLite's largest integer is $9.22 million

MICRO = 1_000_000
"""Sums are made of two halves, micro-dollars and the pico-dollars left over, since a sum of pico-dollars would overflow
SQLite's integers at $9.2 million."""

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def to_pico(usd: Decimal | None) -> int | None:
    """Return whole pico-dollars (half to even below that), None for unknown.

    Raises:
        StoreError: not a finite amount, or beyond what the store can hold.
    """
    if usd is None:
        return None
    if not usd.is_finite() or not -_MAX_USD < usd < _MAX_USD:
        raise StoreError(f"a turn's cost of {usd} USD cannot be stored: it must be below {_MAX_USD} USD.")
    pico = _EXACT.multiply(usd, PICO)
    whole = int(pico)
    return whole if whole == pico else int(_EXACT.to_integral_value(pico))


def from_pico(pico: int | None) -> Decimal | None:
    """Return dollars, None for unknown."""
    return None if pico is None else _EXACT.divide(Decimal(pico), PICO)


def from_halves(micro: int | None, pico: int | None) -> Decimal | None:
    """Return the dollars of a sum that was made in two halves (see ``MICRO``), None when nothing was summed."""
    if micro is None or pico is None:
        return None
    return from_pico(micro * MICRO + pico)
