from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pointsman.store import open_store

WRITER = Path(__file__).parent / "writer_program.py"
ROUNDS = 4


def live_and_die(url: str, life: int, prints: int) -> list[str]:
    """Start the writer, let it print so many ids, kill it there and then; return every id that reached us."""
    process = subprocess.Popen([sys.executable, str(WRITER), "endless", url, f"life{life}"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(prints)]
    process.kill()
    seen += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    return [line.decode().strip() for line in seen if line.endswith(b"\n")]


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_every_turn_that_was_confirmed_is_there_once_after_kill_9(tmp_path: Path, durability: str) -> None:
    url = f"sqlite:///{tmp_path}/store.db?durability={durability}"
    moments = random.Random(durability)
    confirmed = [name for life in range(ROUNDS) for name in live_and_die(url, life, moments.randint(1, 400))]
    assert len(confirmed) >= ROUNDS
    with open_store(url) as store:
        with closing(sqlite3.connect(store.path)) as connection, connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            stored = [row[0] for row in connection.execute("SELECT id FROM turn")]
            orphans = connection.execute("SELECT count(*) FROM step WHERE turn_seq NOT IN (SELECT seq FROM turn)")
            assert orphans.fetchone()[0] == 0
        assert len(stored) == len(set(stored))
        assert set(confirmed) <= set(stored)
        for name in stored[:: max(1, len(stored) // 50)]:
            whole = store.turn(name)
            assert whole is not None
            assert len(whole.steps) == 2
            assert whole.reply == whole.request[1][1][::-1]


def test_a_full_disk_is_told_and_writing_goes_on_when_there_is_room(
    tmp_path: Path, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = run_python(WRITER, "limited", f"sqlite:///{tmp_path}/store.db")
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert "disk" in done.stdout
