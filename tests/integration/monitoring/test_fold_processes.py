"""The column file under two real processes, and under kill -9 in the middle of a batch."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pointsman.catalog.book import Catalog
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.simulated_traffic import Plan, write_traffic
from pointsman.store import open_store
from pointsman.store.keys import create_key
from support.gateway import gateway
from unit.monitoring.conftest import turn

PROGRAM = Path(__file__).with_name("fold_program.py")
START_US = 1_790_000_000_000_000


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    with open_store(f"sqlite:///{path}?durability=normal"):
        write_traffic(path, Plan(900, 1, START_US, bodies=False), Catalog.load())
    return path


def _program(path: Path, batch: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(PROGRAM), str(path), str(batch)], stdout=subprocess.PIPE, text=True)


def _check(path: Path) -> None:
    with open_store(f"sqlite:///{path}", must_exist=True) as store:
        asker = Asker(store, Catalog.load())
        asker.fold()
        with asker.board() as board, store.reading() as landing:
            for table, key, column in (("turn", "id", "id"), ("step", "turn_seq * 100 + n", "turn_seq * 100 + n")):
                there = [row[0] for row in landing.execute(f"SELECT {key} FROM {table}")]
                here = [row["x"] for row in board.rows(f"SELECT {column} AS x FROM {table}")]
                assert Counter(here) == Counter(there)
            outcomes = landing.execute("SELECT count(*) FROM outcome").fetchone()[0]
            assert board.rows("SELECT count(*) AS n FROM outcome") == [{"n": outcomes}]


def test_killed_in_the_middle_again_and_again_each_turn_is_there_once(filled: Path) -> None:
    for lines in (1, 2, 4):
        with _program(filled, 40) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
    _check(filled)


def test_two_processes_fold_at_once_while_a_third_asks(filled: Path) -> None:
    with open_store(f"sqlite:///{filled}", must_exist=True) as store, contextlib.ExitStack() as stack:
        asker = Asker(store, Catalog.load())
        both = [stack.enter_context(_program(filled, 60)) for _ in range(2)]
        seen = 0
        while any(process.poll() is None for process in both):
            mix: Any = asker.ask("mix")
            turns = mix.total.turns if mix.total else 0
            assert turns >= seen
            seen = turns
        assert [process.wait() for process in both] == [0, 0]
        taken = sum(int(line) for process in both if process.stdout for line in process.stdout)
        assert taken <= store.count()
    _check(filled)


def test_questions_are_asked_over_http_by_keys_that_may(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with open_store(f"sqlite:///{path}?durability=normal") as store:
        store.append_sync(turn(1))
        _, viewer = create_key(store, "wall", role="viewer")
        _, plain = create_key(store, "bot")

    with gateway(path, keys=True) as running:

        def get(query: str, secret: str) -> tuple[int, Any]:
            headers = {"authorization": f"Bearer {secret}"}
            request = urllib.request.Request(running.base_url + query, headers=headers)  # noqa: S310 - loopback
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)

        assert get("/v1/questions", plain)[0] == 403
        assert "cost" in [one["name"] for one in get("/v1/questions", viewer)[1]["data"]]
        status, said = get("/v1/questions/mix?by=route&model=anthropic/claude-haiku-4-5", viewer)
        assert status == 200
        assert said["answer"]["total"]["turns"] == 1
        assert said["answer"]["rows"][0]["share"]["interval"] is not None
        assert get("/v1/questions/mix?modle=x", viewer)[0] == 400
        assert get("/v1/questions/nothing", viewer)[0] == 404
