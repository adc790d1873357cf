"""The calculator of ``pointsman cost`` on a page: what so many calls would cost on every model of the policy."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from pointsman.catalog.economics import estimate
from pointsman.catalog.workload import SystemPrompt, Workload
from pointsman.errors import CatalogError, RequestError
from pointsman.server.dashboard.tables import Column, Table
from pointsman.server.dashboard.view import View

FIELDS: Final = {
    "calls": ("Calls a month", 600_000, 1_000_000_000),
    "system": ("System prompt, tokens", 2000, 1_000_000),
    "context": ("Rest of the prompt, tokens", 1500, 1_000_000),
    "output": ("Reply, tokens", 200, 100_000),
    "cached": ("System prompt out of a cache, %", 90, 100),
}
"""Name in the URL -> label, what stands there first, the most."""


class Sums(msgspec.Struct, frozen=True):
    """The fields as they stand, and the table of bills; ``day`` is the day of the prices."""

    given: dict[str, int]
    table: Table
    day: str


def work_out(view: View) -> Sums:
    """Return the bills for the numbers in the URL.

    Raises:
        RequestError: a number is none, or too large.
    """
    values = {name: _number(view, name) for name in FIELDS}
    now = datetime.fromtimestamp(view.now_us / 1e6, UTC)
    models = [name for name in view.router.policy.models() if view.router.catalog.find(name) is not None]
    workload = Workload(
        conversations_per_month=Decimal(max(1, values["calls"])),
        system_prompt=SystemPrompt(tokens=values["system"], cached_share=Decimal(values["cached"]) / 100),
        context_tokens=values["context"],
        output_tokens=values["output"],
        models=tuple(models),
    )
    columns = (
        Column("model", "All calls on", "model"),
        Column("uncached", "A month, nothing cached", "usd"),
        Column("cached", "A month, cache as above", "usd"),
    )
    try:
        found = estimate(workload, view.router.catalog, now).models
    except CatalogError:
        found = ()
    rows = [[one.model, one.uncached.usd, one.cached.usd] for one in found]
    table = Table("bills", "What if: all calls on one model", columns, rows, empty="The policy names no model.")
    return Sums(values, table, now.date().isoformat())


def _number(view: View, name: str) -> int:
    label, first, most = FIELDS[name]
    text = view.query.get(name, "").strip()
    if not text:
        return first
    try:
        value = Decimal(text)
        whole = int(value)
    except (InvalidOperation, ValueError, OverflowError):
        raise RequestError(f"{label}: {text[:40]!r} is no number", param=name) from None
    if not 0 <= whole <= most:
        raise RequestError(f"{label}: 0 to {most:,} is possible, not {text[:40]}", param=name)
    return whole
