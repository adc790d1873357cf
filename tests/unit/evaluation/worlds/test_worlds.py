"""Models act on a copy of a case's world, which nothing leaves, and the state afterwards is judged."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.domain.message import Text, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import RequestError, UsageError
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.case_file import decode_case, encode_case
from pointsman.evaluation.case_rows import case_of
from pointsman.evaluation.cases import Case, CaseVersion, World
from pointsman.evaluation.free_run import run_free
from pointsman.evaluation.graders.registry import grader
from pointsman.evaluation.worlds.acting import Acting, Worlds
from pointsman.evaluation.worlds.state import differences, state_of
from pointsman.evaluation.worlds.tools import tool_function
from pointsman.evaluation.worlds.world_copy import WorldCopy

SQL = """
CREATE TABLE orders (id TEXT PRIMARY KEY, status TEXT, cents REAL);
CREATE TABLE log (at TEXT, what TEXT);
INSERT INTO orders VALUES ('A-1', 'open', 40), ('A-2', 'open', 15);
"""
TOOLS = [
    {"name": name, "description": "", "parameters": {"type": "object"}} for name in ("get", "set", "boom", "sql", "end")
]


def act(db: sqlite3.Connection, name: str, arguments: dict[str, Any]) -> Any:
    if name == "get":
        return db.execute("SELECT status FROM orders WHERE id = ?", (arguments["id"],)).fetchone()
    if name == "set":
        db.execute("UPDATE orders SET status = ? WHERE id = ?", (arguments["status"], arguments["id"]))
        db.execute("INSERT INTO log VALUES (?, 'set')", (str(time.monotonic()),))
        return "done"
    if name == "boom":
        db.execute("DELETE FROM orders")
        raise ValueError("no such order")
    return db.execute(arguments["sql"]).fetchall() if name == "sql" else db.execute("COMMIT").fetchall()


def case(gold: Any = None, **world: Any) -> Case:
    row = {"id": "c", "messages": [{"role": "user", "content": "close A-1"}], "tools": TOOLS, "gold": gold}
    return case_of({**row, "world": {"sql": SQL, "ignore": ["log"], **world}})


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("1", name, msgspec.json.encode(arguments).decode())


CLOSED = {"calls": [{"name": "set", "arguments": {"id": "A-1"}, "allowed": {"status": ["closed", "shut"]}}]}


async def _run(one: Case, replies: list[list[ToolCall]], worlds: Worlds) -> Answer | None:
    left = iter(replies)

    async def ask(turn: Turn, step: bytes) -> Answer:
        calls = next(left, [])
        return Answer("c", "m", 1, "live", Reply("r", "m", tuple(calls) or (Text("Done."),), "end_turn"))

    return await run_free(one, ask, worlds.open(one))


def run(one: Case, *replies: list[ToolCall], seconds: float = 5.0, tools: Any = act) -> tuple[Answer, Grade]:
    answer = asyncio.run(_run(one, list(replies), Worlds(tools, Path.cwd(), seconds)))
    assert answer is not None
    return answer, grader("end_state").grade(one, answer)


def results(answer: Answer) -> list[str]:
    assert answer.way is not None
    parts = [part for message in answer.way.messages for part in message.parts]
    return [
        "".join(one.text for one in part.content if isinstance(one, Text))
        for part in parts
        if isinstance(part, ToolResult)
    ]


# Judging


def test_the_state_that_the_gold_calls_leave_is_right_however_it_came_about() -> None:
    one = case(CLOSED)
    for way in (
        [[call("set", id="A-1", status="closed")]],
        [[call("get", id="A-1")], [call("set", id="A-1", status="shut")]],
        [[call("set", id="A-1", status="lost"), call("set", id="A-1", status="closed")]],
        [[call("sql", sql="UPDATE orders SET status = 'closed' WHERE id = 'A-1'")]],
    ):
        answer, grade = run(one, *way)
        assert grade.passed is True, grade.text
        assert answer.way is not None
        assert answer.way.whole
    _, grade = run(one, [call("sql", sql="UPDATE orders SET status = 'closed' WHERE id = 'A-1'")])
    assert grade.text == "0 look-ups, 1 change, 0 failed calls"


def test_a_wrong_state_says_where_and_is_a_write_error_only_if_written() -> None:
    one = case(CLOSED)
    _, nothing = run(one, [call("get", id="A-1")])
    assert nothing.kind == "wrong_state"
    assert nothing.text == "orders[A-1].status is 'open', not 'closed'; 1 look-up, 0 changes, 0 failed calls"
    _, other = run(one, [call("set", id="A-2", status="closed")])
    assert other.text.startswith("write error: orders[A-2].status is 'closed', not 'open'; orders[A-1].status is")


def test_no_call_means_no_change() -> None:
    one = case({"no_call": True})
    assert run(one, [call("get", id="A-1")])[1].passed is True
    assert run(one, [call("set", id="A-1", status="closed")])[1].passed is False


def test_checks_take_the_place_of_gold_and_change_nothing() -> None:
    one = case(checks=[{"sql": "SELECT count(*) FROM orders WHERE status = 'closed'", "rows": [[1]]}])
    assert run(one, [call("set", id="A-1", status="closed")])[1].passed is True
    assert "returns [[0]]" in run(one, [])[1].text
    sneaky = case(
        checks=[
            {"sql": "DELETE FROM orders RETURNING 1", "rows": [[1], [1]]},
            {"sql": "SELECT count(*) FROM orders", "rows": [[2]]},
        ]
    )
    assert run(sneaky, [])[1].passed is True


def test_nothing_is_said_without_gold_checks_or_a_free_run() -> None:
    assert run(case(), [call("get", id="A-1")])[1].passed is None
    fixed = Answer("c", "m", 1, "live", Reply("r", "m", (Text("Done."),), "end_turn"))
    assert "--mode free" in grader("end_state").grade(case(CLOSED), fixed).text
    broken = case({"calls": [{"name": "boom", "arguments": {}}]})
    assert "the case's own gold call boom fails" in run(broken, [])[1].text


# Acting


def test_a_call_that_fails_is_told_to_the_model_and_leaves_nothing_behind() -> None:
    answer, grade = run(case({"no_call": True}), [call("boom")], [call("fly")], [ToolCall("2", "get", "[1")])
    assert results(answer)[0] == "error: no such order"
    assert results(answer)[1] == "error: there is no tool 'fly'"
    assert results(answer)[2].startswith("error: the arguments are no JSON object")
    assert grade.text == "0 look-ups, 0 changes, 3 failed calls"


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH '{out}' AS o",
        "VACUUM INTO '{out}'",
        "PRAGMA writable_schema=ON",
        "PRAGMA temp_store_directory='/tmp'",
        "PRAGMA journal_mode=WAL",
        "PRAGMA max_page_count=100000000",
        "SELECT load_extension('{out}')",
        "SELECT writefile('{out}', 'x')",
        "DETACH main",
        "SELECT 1 \0",
        "COMMIT",
    ],
)
def test_nothing_reaches_outside_the_copy(sql: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer, _ = run(case(CLOSED), [call("sql", sql=sql.format(out=out))])
    assert results(answer)[0].startswith("error: ")
    with pytest.raises(UsageError, match="SQL fails"):
        WorldCopy(World(sql=sql.format(out=out)), tmp_path)
    assert not out.exists()


def test_endless_sql_and_too_much_data_are_stopped() -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"
    answer, _ = run(case(CLOSED), [call("sql", sql=endless)], seconds=0.05)
    assert results(answer) == ["error: interrupted"]
    big = "INSERT INTO log SELECT 1, zeroblob(20000000)"
    assert results(run(case(CLOSED), [call("sql", sql=big)])[0]) == ["error: string or blob too big"]


def test_a_tool_that_never_returns_ends_the_run_and_not_the_replay() -> None:
    held = threading.Event()

    def stuck(db: sqlite3.Connection, name: str, arguments: dict[str, Any]) -> Any:
        held.wait(30)

    one = case(CLOSED)
    acting = Acting(one, one.world or World(), stuck, Path.cwd(), -0.95)  # a second of grace comes on top
    assert asyncio.run(acting.answer(call("get", id="A-1"))) is None
    assert "did not return" in acting.problem
    assert asyncio.run(acting.end()).right is None
    held.set()


def test_a_world_that_leaves_its_transaction_open_is_there_all_the_same() -> None:
    assert WorldCopy(World(sql="BEGIN; CREATE TABLE a (x)"), Path.cwd()).ask("SELECT count(*) FROM a") == [(0,)]


def test_a_tool_that_commits_is_told_so() -> None:
    answer, _ = run(case(CLOSED), [call("end")])
    assert "leave COMMIT and ROLLBACK out" in results(answer)[0]


def test_each_run_has_its_own_copy_and_a_file_stays_as_it_was(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "shop.db")
    db.executescript(SQL)
    db.close()
    before = (tmp_path / "shop.db").read_bytes()
    world = World(file="shop.db", ignore=("log",))
    copies = [WorldCopy(world, tmp_path) for _ in range(2)]
    copies[0].db.execute("DELETE FROM orders")
    assert copies[1].ask("SELECT count(*) FROM orders") == [(2,)]
    assert (tmp_path / "shop.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop.db"]
    for name in ("../shop.db", "/etc/passwd", "none.db"):
        with pytest.raises(UsageError, match=r"not in the folder|there is no"):
            WorldCopy(World(file=name), tmp_path)
    (tmp_path / "text.db").write_text("no database at all, but long enough to be one")
    with pytest.raises(UsageError, match="not a database"):
        WorldCopy(World(file="text.db"), tmp_path)


# State


def states(*sqls: str) -> list[Any]:
    return [state_of(WorldCopy(World(sql=SQL + sql), Path.cwd()).db, ("log",)) for sql in sqls]


def test_equal_worlds_are_equal_whatever_their_history() -> None:
    one, other = states(
        "UPDATE orders SET cents = 41 WHERE id = 'A-1'",
        "DELETE FROM orders WHERE id = 'A-1'; INSERT INTO orders VALUES ('A-1', 'open', 41.0); INSERT INTO log VALUES (1, 2)",
    )
    assert one.digest == other.digest
    assert differences(one, other) == []


def test_differences_name_table_row_and_column_and_stop() -> None:
    old, new = states("", "UPDATE orders SET status = 'x', cents = 1; INSERT INTO orders VALUES ('A-3', 'open', NULL)")
    assert differences(new, old) == [
        "orders[A-1].cents is 1, not 40",
        "orders[A-1].status is 'x', not 'open'",
        "orders[A-2].cents is 1, not 15",
        "and more",
    ]
    assert differences(old, states("DROP TABLE orders; CREATE TABLE orders (a)")[0]) == [
        "table orders has other columns"
    ]
    plain = "CREATE TABLE bag (a); INSERT INTO bag VALUES (1), (1)"
    assert differences(*states(plain, plain + "; DELETE FROM bag WHERE rowid = 1")) == [
        "bag has a row that should not be there: a=1"
    ]


# Files


def test_a_world_is_read_written_and_part_of_what_a_case_is() -> None:
    one = case(CLOSED, checks=[{"sql": "SELECT 1", "rows": [[1]]}])
    assert decode_case(encode_case(one)) == one
    bare = msgspec.structs.replace(one, world=None)
    assert bare.content != one.content
    assert version(bare) != version(one)


def version(one: Case) -> str:
    found = CaseVersion()
    found.add(one)
    return found.text


def test_sets_without_worlds_keep_the_versions_they_had() -> None:
    one = case_of({"id": "c", "conversation": "k", "messages": [{"role": "user", "content": "hi"}]})
    assert version(one) == "1bd4074017c1"


@pytest.mark.parametrize(
    ("world", "words"),
    [
        ("x", "an object"),
        ({}, "needs sql"),
        ({"sql": 5}, "needs sql"),
        ({"sql": "x", "tools": "os:system"}, r"world\.tools is unknown"),
        ({"sql": "x", "checks": [{"sql": "x"}]}, r"checks\[0\]"),
        ({"sql": "x", "checks": [{"sql": "x", "rows": [[{}]]}]}, "plain values"),
    ],
)
def test_a_world_that_is_none_is_named(world: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        case_of({"messages": [{"role": "user", "content": "hi"}], "world": world})


def test_tools_come_from_where_the_user_says(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def call(db, name, arguments):\n    return name\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    db = sqlite3.connect(":memory:")
    assert tool_function("mine:call", tmp_path)(db, "x", {}) == "x"
    assert tool_function(f"{tmp_path}/mine.py:call", Path("/"))(db, "y", {}) == "y"
    db.close()
    for text, words in (
        ("mine", "MODULE:FUNCTION"),
        ("none:call", "there is no file"),
        ("mine:run", "no function 'run'"),
        ("broken:call", "ZeroDivisionError"),
    ):
        with pytest.raises(UsageError, match=words):
            tool_function(text, tmp_path)
