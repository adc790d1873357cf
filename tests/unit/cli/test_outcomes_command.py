"""``pointsman outcomes`` and ``pointsman memory``: exports with wrong lines, redacted names, and what is forgotten."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from pointsman.cli import load
from pointsman.domain.decision import Decision
from pointsman.domain.memory import Fact, Memory
from pointsman.domain.record import TurnRecord
from pointsman.errors import NotFound
from pointsman.execution.privacy.redaction import Redactor, redaction_key
from pointsman.store import open_store
from pointsman.store.memory import Memories

PHONE = "whatsapp:+15551234567"


def run(name: str, *args: str, code: int = 0) -> Any:
    result = CliRunner().invoke(load(name), [*args, "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/s.db"
    decision = Decision(id="t1", route="direct", model="a/b", tier="small", policy="p")
    record = TurnRecord("t1", "c1", 1, "library", "ok", decision, (), 1.0)
    redactor = Redactor(key=redaction_key(tmp_path / "s.db", {}))
    with open_store(url) as store:
        store.append_sync(record)
        other = msgspec.structs.replace(decision, id="t2")
        store.append_sync(
            redactor.record(msgspec.structs.replace(record, id="t2", conversation_id=PHONE, decision=other))
        )
    return url


def test_good_lines_go_in_and_wrong_ones_are_named(tmp_path: Path, url: str) -> None:
    export = tmp_path / "tickets.csv"
    rows = ["c1,yes,4,t-1", f"{PHONE},no,,t-2", "nobody,yes,,t-3", "c1,,9,t-4", "c1,,,t-5", ",yes,,"]
    export.write_text("\n".join(["conversation,resolved,csat,id", *rows]))
    told = run("outcomes", "import", str(export), "--store", url, code=1)
    assert told["taken"] == 2
    assert [one["line"] for one in told["wrong"]] == [4, 5, 6, 7]
    again = run("outcomes", "import", str(export), "--store", url, code=1)
    assert again["taken"] == 2
    assert run("outcomes", "show", "c1", "--store", url)["csat"] == 4
    assert run("outcomes", "show", PHONE, "--store", url)["resolved"] is False


def test_words_of_an_export_are_redacted_where_the_store_has_a_key(tmp_path: Path, url: str) -> None:
    export = tmp_path / "tickets.jsonl"
    mail = "zoe.hidden@example.com"
    lines = [{"conversation": name, "resolved": True, "id": f"{name} {mail}", "source": mail} for name in (PHONE, mail)]
    export.write_text("\n".join(json.dumps({**line, "allow_unknown": True}) for line in lines))
    for _ in range(2):
        assert run("outcomes", "import", str(export), "--store", url)["taken"] == 2
    for file in tmp_path.glob("s.db*"):
        assert b"zoe.hidden" not in file.read_bytes(), file.name
    with open_store(url) as store, store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM outcome_report").fetchone() == (2,)


def test_nothing_of_what_was_forgotten_is_left_in_the_files_of_a_store_in_use(tmp_path: Path, url: str) -> None:
    words = "the-customers-own-words " * 9
    memory = Memory(facts=(Fact("said", words, "t1", 1),), promised=(words,))

    def left() -> list[str]:
        files = {file.name: file.read_bytes() for file in tmp_path.glob("s.db*")}
        return [name for name, raw in files.items() if b"customers-own" in raw or b"u-911-x" in raw]

    async def go() -> None:
        with open_store(url) as store:
            memories = Memories(store)
            for number in range(40):
                place = (f"k{number % 2}", f"c{number}")
                await memories.change(place, lambda _: memory, customer="u-911-x", now_us=1, ttl_us=2**60)
            assert left()
            assert run("memory", "forget", "--customer", "u-911-x", "--store", url)["deleted"] == 40
            assert not left()

    asyncio.run(go())


def test_memory_is_shown_and_forgotten_under_the_names_people_know(tmp_path: Path, url: str) -> None:
    redactor = Redactor(key=redaction_key(tmp_path / "s.db", {}))
    memory = Memory(facts=(Fact("order", "A-77", "t1", 1),))

    async def remember(name: str, customer: str) -> None:
        with open_store(url) as store:
            place = (None, redactor.name(name))
            known = redactor.text(customer)
            await Memories(store).change(place, lambda _: memory, customer=known, now_us=1, ttl_us=2**60)

    asyncio.run(remember(PHONE, "anna@example.com"))
    asyncio.run(remember("c2", "anna@example.com"))
    asyncio.run(remember("c3", "u3"))
    assert run("memory", "show", PHONE, "--store", url)["memories"][0]["facts"][0]["value"] == "A-77"
    assert run("memory", "forget", "--customer", "anna@example.com", "--store", url)["deleted"] == 2
    assert run("memory", "forget", "c3", "--store", url)["deleted"] == 1
    with pytest.raises(NotFound):
        CliRunner().invoke(load("memory"), ["show", "c3", "--store", url], catch_exceptions=False)
