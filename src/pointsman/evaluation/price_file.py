"""Prices of recorded models that no catalogue knows any more: US dollars per million tokens, by model."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from pointsman.catalog.prices import MILLION, Rates
from pointsman.errors import UsageError


def read_prices(path: Path) -> dict[str, Rates]:
    """Read ``{"models": {"name": {"input": 3, "output": 15, "cache_read": 0.3}}}``, or the inner object alone.

    Raises:
        UsageError: the file is not that.
    """
    try:
        data: Any = msgspec.json.decode(path.read_bytes(), strict=False)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not valid JSON: {error}.") from None
    models = data.get("models", data) if isinstance(data, dict) else None
    if not isinstance(models, dict):
        raise UsageError(f'{path}: must be an object: {{"models": {{"name": {{"input": 3, "output": 15}}}}}}.')
    return {str(name): _rates(path, str(name), price) for name, price in models.items()}


def _rates(path: Path, name: str, price: Any) -> Rates:
    if not isinstance(price, dict):
        raise UsageError(f"{path}: the price of {name[:60]} must be an object with input and output.")
    found = {
        part: _per_token(path, name, part, price.get(part)) for part in ("input", "output", "cache_read", "cache_write")
    }
    if found["input"] is None or found["output"] is None:
        raise UsageError(f"{path}: the price of {name[:60]} needs input and output, in dollars per million tokens.")
    return Rates(found["input"], found["output"], found["cache_read"], found["cache_write"])


def _per_token(path: Path, name: str, part: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise UsageError(f"{path}: {name[:60]}.{part} is {str(value)[:40]!r}, no price in dollars per million tokens.")
    return amount / MILLION
