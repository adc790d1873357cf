"""Amounts of money as recordings write them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any


def amount(value: Any) -> Decimal | None:
    """Return dollars; None where it is no amount, since an unknown cost is not zero."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found >= 0 else None
