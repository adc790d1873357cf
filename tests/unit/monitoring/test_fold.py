from __future__ import annotations

import asyncio
import contextlib
import logging

import duckdb
import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.record import CheckRecord
from pointsman.errors import StoreError
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.asking.slice import Slice
from pointsman.monitoring.columns.file import ColumnFile
from pointsman.monitoring.fold import Fold
from pointsman.monitoring.fold_service import FoldService
from pointsman.store import Store
from pointsman.store.outcomes import OutcomeReport, Outcomes, Report
from unit.monitoring.conftest import NOW_US, Keep, step, turn


def _count(asker: Asker, table: str = "turn") -> int:
    with asker.board() as board:
        return int(board.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def test_each_turn_is_folded_once_however_often_and_in_whatever_batches(
    store: Store, catalog: Catalog, keep: Keep
) -> None:
    asker = keep(*[turn(n) for n in range(7)])
    assert _count(asker) == 7
    small = Fold(store, catalog, batch=2)
    for n in range(7, 12):
        store.append_sync(turn(n))
    assert small.run().turns == 5
    assert small.run().turns == 0
    assert (_count(asker), _count(asker, "step")) == (12, 12)


def test_a_fold_that_stops_in_the_middle_leaves_no_trace_of_its_batch(
    store: Store, catalog: Catalog, keep: Keep
) -> None:
    asker = keep(turn(1))
    store.append_sync(turn(2))
    uid_row = store.write_sync(lambda connection: connection.execute("SELECT uid FROM store_identity").fetchone())
    with asker.file.writing(uid_row[0]) as columns:
        columns.begin()
        columns.execute("INSERT INTO turn (seq, id) VALUES (2, 'half')")
        columns.execute("UPDATE meta SET turn_seq = 2")
        columns.close()  # as a kill would: nothing was committed
    assert asker.fold().turns == 1
    with asker.board() as board:
        assert [row["id"] for row in board.rows("SELECT id FROM turn ORDER BY seq")] == ["turn_0001", "turn_0002"]


@pytest.mark.parametrize("damage", ["removed", "garbage", "version", "store"])
def test_a_file_that_is_gone_damaged_or_not_ours_is_made_again(
    damage: str, keep: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    asker = keep(turn(1), turn(2))
    path = asker.file.path
    if damage == "removed":
        path.unlink()
    elif damage == "garbage":
        path.write_bytes(b"no database" * 4000)
    else:
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                "UPDATE meta SET version = 0" if damage == "version" else "UPDATE meta SET store_uid = 'x'"
            )
    with caplog.at_level(logging.WARNING):
        asker.fold()
    assert _count(asker) == 2
    assert damage == "removed" or "made again" in caplog.text


def test_what_changes_beside_a_turn_is_folded_again(store: Store, keep: Keep) -> None:
    asker = keep(turn(1), turn(4))
    outcomes = Outcomes(store)
    for number, resolved in enumerate((False, True)):
        outcomes.report_sync(Report("conv_0", OutcomeReport(resolved=resolved), NOW_US + number))
        asker.fold()
        with asker.board() as board:
            assert board.rows("SELECT conversation, resolved FROM outcome") == [
                {"conversation": "conv_0", "resolved": resolved}
            ]
    store.write_sync(lambda connection: connection.execute("DELETE FROM outcome"))
    asker.fold()
    assert _count(asker, "outcome") == 0


def test_a_turn_is_flattened_with_what_chose_it_and_who_asked(keep: Keep) -> None:
    checks = (
        CheckRecord("contract plan@1", False, "m", "escalated"),
        CheckRecord("verify.grounding", True, "m", "released"),
    )
    asker = keep(turn(1, step(purpose="plan", prompt="planner@a"), step(prompt="worker@b"), checks=checks))
    with asker.board() as board:
        [row] = board.rows("SELECT agent, tenant, customer, prompt, reason, reason_name, escalated, calls FROM turn")
        assert row == {
            "agent": "desk",
            "tenant": "acme",
            "customer": "customer_0",
            "prompt": "planner@a worker@b",
            "reason": "rule",
            "reason_name": "r1",
            "escalated": True,
            "calls": 2,
        }
        assert [row["kind"] for row in board.rows("SELECT kind FROM checked")] == ["contract", "verify.grounding"]


async def _served(fold: Fold, ticks: int) -> list[float]:
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) > ticks:
            raise asyncio.CancelledError

    with contextlib.suppress(asyncio.CancelledError):
        await FoldService(fold, pause).run()
    return paused


def test_while_serving_it_catches_up_quickly_and_then_looks_once_a_second(
    store: Store, catalog: Catalog, asker: Asker
) -> None:
    for n in range(5):
        store.append_sync(turn(n))
    paused = asyncio.run(_served(Fold(store, catalog, batch=2), 4))
    assert paused[0] == paused[-1] == 1.0
    assert paused[1] < 0.1
    assert _count(asker) == 5


def test_many_new_turns_wait_for_each_other_and_few_do_not(store: Store, catalog: Catalog, asker: Asker) -> None:
    now = [100.0]
    service = FoldService(Fold(store, catalog), clock=lambda: now[0])
    store.append_sync(turn(0))
    assert service._look()
    store.append_sync(turn(1))
    assert service._look()
    assert _count(asker) == 2
    for n in range(2, 62):
        store.append_sync(turn(n))
    assert service._look()
    assert _count(asker) == 2
    now[0] += 10
    service._look()
    assert _count(asker) == 62


def test_a_reader_waits_for_the_fold_and_says_so_when_it_takes_too_long(keep: Keep, store: Store) -> None:
    asker = keep(turn(1))
    impatient = ColumnFile(store.path, patience_s=0.02)
    with asker.file.alone(), pytest.raises(StoreError, match="in use"), impatient.reading():
        pass
    assert asker.ask("mix", Slice()) is not None


def test_a_disk_that_is_full_is_told_in_words_and_the_rest_is_folded_later(store: Store, keep: Keep) -> None:
    asker = keep(turn(1))
    store.append_sync(turn(2))
    with store.reading() as connection:
        uid = connection.execute("SELECT uid FROM store_identity").fetchone()[0]
    with (
        pytest.raises(StoreError, match=r"cannot be written .*No space left.*Nothing is lost"),
        asker.file.writing(uid),
    ):
        raise duckdb.IOException('Could not write file "store.db.duckdb": No space left on device')
    assert asker.fold().turns == 1
