"""How an amount of money is written."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_CENT: Final = Decimal("0.01")
_LEAST: Final = Decimal("0.0001")


def in_dollars(amount: Decimal) -> str:
    """Return US dollars with two decimals, four below a cent; where four would show nothing, the first two digits that do."""
    return f"-${in_figures(-amount)}" if amount < 0 else f"${in_figures(amount)}"


def in_figures(amount: Decimal) -> str:
    """Return what ``in_dollars`` returns without the sign of the dollar, for a column whose heading says dollars."""
    if amount == 0 or abs(amount) >= _CENT:
        return f"{amount:,.2f}"
    digits = max(4, 1 - amount.adjusted()) if abs(amount) < _LEAST else 4
    return f"{amount:.{digits}f}"
