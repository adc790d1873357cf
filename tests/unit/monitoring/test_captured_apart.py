"""Turns that were only captured distort no figure of routing; turns of both kinds stay apart by a filter."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest

from pointsman.cli.report import warm_notes
from pointsman.domain.captured import CAPTURED, EXTERNAL
from pointsman.domain.record import TurnRecord
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.asking.slice import EVERYTHING, Slice
from pointsman.monitoring.monitors.measures import count
from pointsman.monitoring.monitors.tallies import Source
from pointsman.monitoring.profit_of import profit
from pointsman.monitoring.questions.savings import against_flagship
from pointsman.routing.sections_shadow import Prices
from pointsman.store import Store
from unit.monitoring.conftest import NOW_US, Keep, turn

DAY_US = 86_400_000_000


def captured(n: int) -> TurnRecord:
    decision = {"route": EXTERNAL, "tier": "none", "reasons": (), "intent": None}
    return turn(n, dialect=CAPTURED, flagship_model=None, flagship_cost_usd=None, decision=decision)


def pnl(store: Store, asker: Asker) -> Any:
    with asker.board() as board:
        return profit(store, board, Prices(), NOW_US - DAY_US, NOW_US)


def test_no_figure_of_routing_changes_when_turns_are_captured(store: Store, asker: Asker, keep: Keep) -> None:
    keep(turn(1), turn(2), turn(3, status="error"))
    before = {name: asker.ask(name, EVERYTHING, ("tier",)) for name in ("mix", "savings", "escalations")}
    owed = pnl(store, asker).total
    keep(*(captured(n) for n in range(10, 30)))
    after = {name: asker.ask(name, EVERYTHING, ("tier",)) for name in before}
    assert after["savings"] == before["savings"]
    assert after["escalations"] == before["escalations"]
    shares = cast("Any", after["mix"])
    assert shares.captured == 20
    assert (shares.total, shares.rows) == (cast("Any", before["mix"]).total, cast("Any", before["mix"]).rows)
    assert pnl(store, asker).total == owed
    keep(turn(40, simulated=True))
    assert (pnl(store, asker).total.simulated, owed.simulated) == (1, 0)


def test_captured_turns_are_a_group_of_the_report_and_can_be_asked_for_by_name(asker: Asker, keep: Keep) -> None:
    keep(turn(1), *(captured(n) for n in range(10, 14)))
    report = cast("Any", asker.ask("report", EVERYTHING, ("route",)))
    groups = {row.by["route"]: row for row in report.rows}
    assert (groups[EXTERNAL].turns, groups[EXTERNAL].saving_usd) == (4, None)
    [whole] = cast("Any", asker.ask("report")).rows
    assert (whole.turns, whole.both_known) == (5, 1)
    spent = {kind: cast("Any", asker.ask("cost", Slice(captured=kind))).total for kind in ("both", "yes", "no")}
    assert all(spent.values())
    assert spent["both"].turns_usd == spent["yes"].turns_usd + spent["no"].turns_usd
    only = Slice(captured="yes")
    assert cast("Any", asker.ask("mix", only, ("route",))).total.turns == 4
    assert Slice.from_query(only.query()) == only
    assert cast("Any", asker.ask("escalations", only)).total is not None


def test_the_report_has_the_figure_that_the_pages_have(asker: Asker, keep: Keep) -> None:
    keep(turn(1), turn(2), captured(10))
    with asker.board() as board:
        warm = against_flagship(board, EVERYTHING)
        assert against_flagship(board, Slice(captured="yes")) is None
    assert warm == cast("Any", asker.ask("savings")).total[0]
    assert warm is not None
    assert warm.warm_usd is not None
    assert warm.saved_usd is not None
    [note] = warm_notes(warm)
    assert "2 turns" in note
    assert f"({warm.saved_usd / warm.warm_usd * 100:.1f} %" in note


def test_what_was_saved_says_how_many_turns_cost_no_real_money(asker: Asker, keep: Keep) -> None:
    keep(turn(1), turn(2, simulated=True), turn(3, simulated=True))
    found = cast("Any", asker.ask("savings"))
    assert [(one.n, one.simulated) for one in found.total] == [(3, 2), (3, 2)]
    parts = [cast("Any", asker.ask("savings", Slice(simulated=kind))).total[0] for kind in ("yes", "no")]
    assert [one.simulated for one in parts] == [2, 0]
    assert sum((one.saved_usd or Decimal(0) for one in parts), Decimal(0)) == pytest.approx(found.total[0].saved_usd)


def test_monitors_of_the_gateway_do_not_count_what_did_not_pass_it() -> None:
    record = captured(1)
    measures = ("errors", "turns", "spend", "escalations", "unknown_prices", "model_calls")
    assert [name for name in measures if list(count(record, Source(name)))] == ["model_calls"]
    asked_for = Source("turns", only=(("route", EXTERNAL),))
    assert [tally.n for _, tally in count(record, asked_for)] == [1]
    assert [tally.n for _, tally in count(turn(2), Source("turns"))] == [1]
