"""Who came second in the newest turns: what the next threshold or price would bring in."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from pointsman.charts import numbers
from pointsman.server.dashboard.tables import Column, Table
from pointsman.store import Store
from pointsman.store.following import last_seq, records_after

_NEWEST: Final = 300
_MOST: Final = 50


def runner_ups(store: Store) -> Table:
    """Return who came second in the newest turns, and by how much: decisions whole are in the landing store only."""
    records = [record for _, record in records_after(store, max(0, last_seq(store) - _NEWEST), _NEWEST)]
    found: dict[tuple[str, str, str, str], list[tuple[Decimal | None, str]]] = {}
    for record in records:
        decision, second = record.decision, record.decision.runner_up
        if second is not None:
            saved = (decision.expected_cost_usd, second.expected_cost_usd)
            more = None if saved[0] is None or saved[1] is None else saved[1] - saved[0]
            key = (decision.route, decision.model, second.route, second.model)
            found.setdefault(key, []).append((more, second.flips_if))
    columns = (
        Column("route", "Chosen route"),
        Column("model", "Chosen model", "model"),
        Column("second_route", "Second"),
        Column("second_model", "Second model", "model"),
        Column("turns", "Turns", "count"),
        Column("dearer_usd", "Dearer a turn, expected", "usd"),
        Column("flips_if", "Would be first if (newest turn)"),
    )
    rows = [
        [*key, len(many), _mean([more for more, _ in many if more is not None]), many[-1][1]]
        for key, many in sorted(found.items(), key=lambda item: -len(item[1]))
    ]
    caption = f"Who came second, in the newest {numbers.count(len(records))} turns whatever the filter"
    return Table("runner_ups", caption, columns, rows[:_MOST], len(rows), "No decision had a second choice.")


def _mean(values: list[Decimal]) -> Decimal | None:
    return sum(values, Decimal(0)) / len(values) if values else None
