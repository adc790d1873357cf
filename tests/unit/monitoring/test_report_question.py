"""The columns say what the store says, in every group: the fold loses nothing, and the sums are exact."""

from __future__ import annotations

import msgspec
import pytest

from pointsman.catalog.book import Catalog
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.asking.slice import EVERYTHING, Slice
from pointsman.monitoring.questions import calls, report
from pointsman.monitoring.simulated_traffic import Plan, write_traffic
from pointsman.store import Store, TurnFilter
from pointsman.store.reports import DIMENSIONS, ReportRow

START_US = 1_790_000_000_000_000


def _close(one: ReportRow, other: ReportRow) -> None:
    assert one.tokens_per_s == pytest.approx(other.tokens_per_s, rel=1e-6)
    alike = [msgspec.structs.replace(row, tokens_per_s=None, outcomes=None) for row in (one, other)]
    assert alike[0] == alike[1]
    if one.outcomes is None or other.outcomes is None:
        assert one.outcomes == other.outcomes
        return
    assert one.outcomes.csat == pytest.approx(other.outcomes.csat)
    kept = [msgspec.structs.replace(row.outcomes, csat=None) for row in (one, other) if row.outcomes]
    assert kept[0] == kept[1]


def test_the_columns_agree_with_the_store(store: Store, asker: Asker, catalog: Catalog) -> None:
    assert write_traffic(store.path, Plan(700, 1, START_US, bodies=False), catalog) > 500
    asker.fold()
    with asker.board() as board:
        for by in ((), *((name,) for name in DIMENSIONS), ("route", "tier")):
            there = {tuple(row.by.values()): row for row in store.report(by)}
            here = {tuple(row.by.values()): row for row in report.ask(board, EVERYTHING, by).rows}
            assert there.keys() == here.keys()
            for key, row in there.items():
                _close(here[key], row)
        later = START_US + 6 * 3_600_000_000
        narrowed = report.ask(board, Slice(since_us=later, route=("tools",))).rows
        _close(narrowed[0], store.report(since_us=later, filters=TurnFilter(route="tools"))[0])
        assert list(calls.ask(board, EVERYTHING).rows) == store.calls()
