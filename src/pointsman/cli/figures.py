"""How the catalogue's commands write figures: dollars, tokens, unknowns, and exact numbers in JSON."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from pointsman.catalog.book import Catalog
from pointsman.cli.console import err, out
from pointsman.domain.money import in_dollars, in_figures
from pointsman.errors import UsageError

UNKNOWN = "–"
_PIPED_WIDTH = 160  # a pipe has no width: wide enough that no table is folded


def usd(value: Decimal | None) -> str:
    """Return dollars with two decimals, four below a cent, more where four would show nothing; unknown is a dash."""
    return UNKNOWN if value is None else in_dollars(value)


def dollars(value: Decimal | None) -> str:
    """Return what ``usd`` returns without the sign, for a column whose heading says dollars."""
    return UNKNOWN if value is None else in_figures(value)


def count(value: int | Decimal | None) -> str:
    """Return a whole count with thousands marked; unknown is a dash."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def size(tokens: int | None) -> str:
    """Return a context size as people say it: 200k, 1.05M; unknown is a dash."""
    if tokens is None:
        return UNKNOWN
    if tokens >= 1_000_000:  # noqa: PLR2004 - a million is a million
        return f"{tokens / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"
    return f"{tokens / 1000:.0f}k" if tokens >= 1000 else str(tokens)  # noqa: PLR2004


def plain_number(value: Decimal) -> str:
    """Return a decimal without exponent and without trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def for_json(value: Any) -> Any:
    """Return plain data in which decimals are JSON numbers with every digit they have."""
    return _numbers(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def _numbers(value: Any) -> Any:
    if isinstance(value, Decimal):
        return msgspec.Raw(plain_number(value).encode())
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    return [_numbers(item) for item in value] if isinstance(value, list | tuple) else value


def show(table: Table) -> None:
    """Print a table; in a pipe it is not squeezed into 80 columns."""
    console = out()
    console.width = width()
    console.print(table)


def width() -> int:
    """Return how many columns a table may take."""
    columns = out().width
    return columns if sys.stdout.isatty() else max(columns, _PIPED_WIDTH)


def warn_if_stale(catalog: Catalog, when: datetime) -> str | None:
    """Warn on stderr when the catalogue is too old for today, or for the day that was asked for; return the warning."""
    warning = catalog.staleness(max(when, datetime.now(UTC)).date())
    if warning is not None:
        err().print(Text(f"warning: {warning}"))
    return warning


def moment(day: str | None) -> datetime:
    """Return noon (UTC) of the day given with ``--at``, or now.

    Raises:
        UsageError: it is not a day.
    """
    if day is None:
        return datetime.now(UTC)
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"--at {day!r} is not a day: write it like 2026-11-21") from None
    return datetime(parsed.year, parsed.month, parsed.day, 12, tzinfo=UTC)
