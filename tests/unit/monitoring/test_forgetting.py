from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.record import CheckRecord, Handoff, TurnRecord
from pointsman.monitoring.archive import archive, folder_of
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.forgetting import Wanted, forget
from pointsman.store import Store
from pointsman.store.connection import empty_log
from pointsman.store.outcomes import OutcomeReport, Outcomes, Report
from unit.monitoring.conftest import NOW_US, step, turn

MARK = "zqx-marker"
SHARED = b'"You are a kind agent, and this sentence is everybody\'s."'


def _of(n: int, who: str) -> TurnRecord:
    """Make a turn that names its customer in every place a turn can."""
    marked = f"{who}-{n}"
    return turn(
        n,
        step(error_text=f"broke for {marked}", request_id=f"req-{marked}"),
        conversation_id=f"conv-{who}",
        metadata={"user": f"user-{who}", "agent": "desk"},
        request=(("system", SHARED), ("message", f'{{"role":"user","content":"I am {marked} {"x" * 900}"}}'.encode())),
        reply=f'{{"parts":[{{"text":"Hello {marked}"}}]}}'.encode(),
        handoffs=(Handoff("plan", "a", "b", msgspec.Raw(f'"{marked}"'.encode())),),
        checks=(CheckRecord("verify.x", True, "m", "released", f"about {marked}"),),
        decision={"signals": {"said": marked}},
    )


def _fill(store: Store) -> None:
    for n in range(60):
        store.append_sync(_of(n, MARK if n % 3 == 0 else f"other{n % 3}"))
    outcomes = Outcomes(store)
    for who in (MARK, "other1"):
        said = OutcomeReport(resolved=True, source=f"desk of {who}")
        outcomes.report_sync(Report(f"conv-{who}", said, NOW_US, id=f"report-{who}"))
    store.write_sync(_beside)


def _beside(connection: Any) -> None:
    for who, turn_id in ((MARK, "turn_0000"), ("other1", "turn_0001")):
        connection.execute(
            "INSERT INTO grade (turn_id, subject, metric, version, source, author, score, passed, detail, at_us)"
            " VALUES (?, 'shipped', 'tool_calls', 'v', 'judge', 'j', 1, 1, ?, 1)",
            (turn_id, f'{{"quote": "{who}"}}'),
        )
        connection.execute(
            "INSERT INTO memory VALUES ('', ?, ?, ?, 1, 9000000000000000)", (f"conv-{who}", f"user-{who}", who.encode())
        )
        connection.execute(
            "INSERT INTO agent_run (id, agent, spec, conversation_id, state, owner, opening, turn, started_at_us, updated_at_us)"
            " VALUES (?, 'a', '{}', ?, 'done', '', X'00', ?, 1, 1)",
            (f"run-{who}", f"conv-{who}", who.encode()),
        )
        connection.execute(
            "INSERT INTO agent_step (run_id, n, kind, phase, message) VALUES (?, 1, 'model', 'steps', ?)",
            (f"run-{who}", who.encode()),
        )
        items = ((f"i-{who}", turn_id, None), (f"j-{who}", None, f"conv-{who}"))
        for item, of_turn, conversation in items:
            connection.execute(
                "INSERT INTO label_item VALUES (?, 'pair', 'shadow', 'preference', '', 'q', ?, ?, ?, 0.5, 1)",
                (item, of_turn, conversation, b"\x00" + who.encode()),
            )
            connection.execute(
                "INSERT INTO label (item_id, labeller, value, swapped, note, at_us) VALUES (?, 'ann', 'a', 0, ?, 1)",
                (item, f"{who} was right"),
            )
            connection.execute(
                "INSERT INTO judgement VALUES (?, 'j', 'v', 'preference', 'a', 0, ?, 1, 1)",
                (item, f"since {who} asked"),
            )
        connection.execute(
            "INSERT INTO shadow (turn_id, turn_seq, chosen_at_us, changed_at_us, why, probability, state, reply, detail,"
            " conversation_id) SELECT id, seq, 1, 1, 'floor', 1.0, 'judged', ?, ?, conversation_id FROM turn WHERE id = ?",
            (b"\x00" + who.encode(), f'{{"reasons": ["{who}"]}}', turn_id),
        )
        connection.execute("INSERT INTO captured_trace VALUES (?, '', ?, 1)", (f"trace-{who}", f"conv-{who}"))
        connection.execute("INSERT INTO incident_turn VALUES ('inc', ?)", (turn_id,))


def _bytes_with(folder: Path, marker: bytes) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): found
        for path in folder.rglob("*")
        if path.is_file() and (found := path.read_bytes().count(marker))
    }


@pytest.fixture
def filled(store: Store, asker: Asker) -> Asker:
    _fill(store)
    asker.fold()
    assert archive(store.path, asker, now_us=NOW_US + 2 * 86_400_000_000)
    return asker


def test_not_a_byte_is_left_of_a_customer_and_everything_of_the_others(
    store: Store, filled: Asker, tmp_path: Path
) -> None:
    assert empty_log(store.path)
    assert {"store.db", "store.db.duckdb"} < set(_bytes_with(tmp_path, MARK.encode()))
    wanted = Wanted((f"user-{MARK}",))
    would = forget(store, filled, wanted, dry_run=True)
    assert (would.turns, would.conversations) == (20, 1)
    assert _bytes_with(tmp_path, MARK.encode())
    done = forget(store, filled, wanted)
    assert done.clean
    assert (done.turns, done.rows, done.columns, done.archived) == (
        would.turns,
        would.rows,
        would.columns,
        would.archived,
    )
    assert done.rows["body"] == 40
    gone = {"label_item": 2, "label": 2, "judgement": 2, "shadow": 1, "captured_trace": 1, "incident_turn": 1}
    assert {table: done.rows[table] for table in gone} == gone
    with store.reading() as connection:
        assert {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in gone} == gone
    assert _bytes_with(tmp_path, MARK.encode()) == {}
    assert len(list(folder_of(store.path).rglob("*.parquet"))) > 0
    for n in (1, 2, 58, 59):
        record = store.turn(f"turn_{n:04d}")
        assert record is not None
        assert record.request[0] == ("system", SHARED)
        assert f"other{n % 3}".encode() in record.reply
    assert store.count() == 40
    with filled.board() as board:
        assert board.rows("SELECT count(*) AS n FROM turn") == [{"n": 40}]
        assert board.rows("SELECT conversation FROM outcome") == [{"conversation": "conv-other1"}]
    assert forget(store, filled, wanted).turns == 0


def test_a_turn_after_the_last_one_was_forgotten_is_folded_as_a_new_one(
    store: Store, filled: Asker, catalog: Catalog
) -> None:
    forget(store, filled, Wanted(conversations=("conv-other2",)))  # turn_0059 among them
    store.append_sync(turn(70))
    assert filled.fold().turns == 1
    assert store.count() == 41


def test_who_shares_a_conversation_keeps_their_turns(store: Store, asker: Asker) -> None:
    store.append_sync(turn(1, metadata={"user": "ann"}, conversation_id="derived"))
    store.append_sync(turn(2, metadata={"user": "bob"}, conversation_id="derived"))
    store.append_sync(turn(3, metadata={}, conversation_id="derived"))
    done = forget(store, asker, Wanted(("ann",)))
    assert (done.turns, done.conversations) == (2, 0)
    assert store.turn("turn_0002") is not None
