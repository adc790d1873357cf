"""What another threshold would have done, worked out a second way from the stored turns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.record import TurnRecord
from pointsman.domain.usage import Usage
from pointsman.errors import RequestError
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.asking.slice import EVERYTHING
from pointsman.monitoring.simulated_traffic import Plan, write_traffic
from pointsman.server.dashboard.what_if import ask, read_wish
from pointsman.store import open_store

START = 1_790_000_000_000_000
OPUS = "anthropic/claude-opus-4-8"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asker, list[TurnRecord]]]:
    catalog = Catalog.load()
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('what-if')}/store.db") as store:
        write_traffic(store.path, Plan(150, 1, START, bodies=False), catalog)
        records = [record for row in store.turns(limit=1000) if (record := store.turn(row.id)) is not None]
        asker = Asker(store, catalog, {"flagship": OPUS}, clock=lambda: START)
        asker.fold()
        yield asker, records


def test_the_bill_is_what_the_moved_turns_tokens_cost_elsewhere(asked: tuple[Asker, list[TurnRecord]]) -> None:
    asker, records = asked
    with asker.board() as board:
        found = ask(board, EVERYTHING, read_wish({"if": "confidence-below", "at": "0.8", "then": "flagship"}))
        rates = board.catalog.rates(OPUS, datetime.fromtimestamp(START / 1e6, UTC))
    assert rates is not None
    moved = [
        one
        for one in records
        if one.decision.confidence is not None and one.decision.confidence < 0.8 and one.decision.tier != "flagship"
    ]
    assert found.moved == len(moved) > 10
    assert found.n == len(records) == sum(found.would.values())
    assert found.would["flagship"] == found.was["flagship"] + found.moved
    expected = sum((one.cost_usd for one in records if one.cost_usd is not None), Decimal(0))
    assert found.cost_usd == expected
    for one in moved:
        answer = one.steps[-1]
        if one.cost_usd is not None and answer.usage is not None and answer.cost_usd is not None:
            alone = rates.cost(Usage(answer.usage.prompt, answer.usage.output))
            assert alone is not None
            expected += alone - answer.cost_usd
    assert found.would_usd is not None
    assert abs(found.would_usd - expected) < Decimal("0.000001")


def test_a_threshold_that_moves_nobody_changes_nothing(asked: tuple[Asker, list[TurnRecord]]) -> None:
    with asked[0].board() as board:
        found = ask(board, EVERYTHING, read_wish({"if": "prompt-above", "at": "9999999"}))
    assert found.moved == 0
    assert found.was == found.would
    assert found.cost_usd == found.would_usd


def test_an_unknown_price_is_unknown(asked: tuple[Asker, list[TurnRecord]]) -> None:
    with asked[0].board() as board:
        assert ask(board, EVERYTHING, read_wish({"then": "small"})).would_usd is None


@pytest.mark.parametrize("query", [{"if": "mood"}, {"then": "best"}, {"at": "2"}, {"at": "nan"}, {"at": "-1"}])
def test_a_wish_that_makes_no_sense_is_told(query: dict[str, str]) -> None:
    with pytest.raises(RequestError):
        read_wish(query)
