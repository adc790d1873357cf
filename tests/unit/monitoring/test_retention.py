from __future__ import annotations

import pytest

from pointsman.errors import PolicyError
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.retention import Retained, retain
from pointsman.routing.policy import parse_policy
from pointsman.routing.sections_retention import Retention
from pointsman.store import Store
from pointsman.store.connection import empty_log
from unit.monitoring.conftest import NOW_US, step, turn
from unit.monitoring.test_forgetting import SHARED, _bytes_with

DAY_US = 86_400_000_000
POLICY = """
version: 1
providers: {anthropic: {host: anthropic}}
tiers: {small: [anthropic/claude-haiku-4-5]}
routes: {direct: {tiers: [small]}}
default_route: direct
"""


@pytest.fixture
def filled(store: Store, asker: Asker) -> Asker:
    for n, days in enumerate((100, 50, 5)):
        store.append_sync(
            turn(
                n,
                step(error_text=f"word-{days}d"),
                at_us=NOW_US - days * DAY_US,
                conversation_id=f"conv_{days}",
                request=(("system", SHARED), ("message", f'"word-{days}d"'.encode())),
                reply=f'{{"parts":[],"stop_reason":"end_turn","x":"word-{days}d"}}'.encode(),
            )
        )
    asker.fold()
    return asker


def test_words_leave_before_figures_and_what_is_young_stays(store: Store, filled: Asker) -> None:
    kept = Retention(bodies_days=30, metrics_days=80)
    assert retain(store, filled, kept, now_us=NOW_US, dry_run=True) == Retained(2, 0, 1)
    assert store.count() == 3
    assert retain(store, filled, kept, now_us=NOW_US) == Retained(1, 2, 1)
    assert empty_log(store.path)
    folder = store.path.parent
    assert _bytes_with(folder, b"word-100d") == {}
    assert _bytes_with(folder, b"word-50d") == {}
    assert store.turn("turn_0000") is None
    silent, young = store.turn("turn_0001"), store.turn("turn_0002")
    assert silent is not None
    assert young is not None
    assert (silent.request, silent.reply, silent.cost_usd) == ((), b"", young.cost_usd)
    assert young.request[0] == ("system", SHARED)
    assert b"word-5d" in young.reply
    with filled.board() as board:
        assert [row["id"] for row in board.rows("SELECT id FROM turn ORDER BY seq")] == ["turn_0001", "turn_0002"]
    assert retain(store, filled, kept, now_us=NOW_US) == Retained()
    assert filled.fold().turns == 0


def test_a_policy_that_keeps_words_longer_than_figures_is_refused() -> None:
    with pytest.raises(PolicyError, match="shorter than bodies_days"):
        parse_policy(POLICY + "retention: {bodies_days: 30, metrics_days: 7}\n", "p.yaml")
    assert parse_policy(POLICY + "retention: {bodies_days: 30}\n", "p.yaml").retention.bodies_days == 30
