"""The figures of whole days as Parquet files, for other programs and for the time after the store has let go of them.

Beside a store ``pointsman.db`` a folder ``pointsman.db.archive`` holds one folder per day (UTC), ``day=2026-11-22``, with a file
per table. Figures only: no message is archived. A file is written under another name and put in place whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pointsman.monitoring.asking.asker import Asker

if TYPE_CHECKING:
    import duckdb

_DAY_US: Final = 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TURN_OF: Final = {
    "turn": "SELECT * FROM turn WHERE {day} ORDER BY seq",
    "step": "SELECT * FROM step WHERE {day} ORDER BY turn_seq, n",
    "checked": "SELECT turn.id AS turn_id, checked.* FROM checked JOIN turn ON turn.seq = checked.turn_seq WHERE {turn_day}",
    "grade": "SELECT grade.* FROM grade JOIN turn ON turn.id = grade.turn_id WHERE {turn_day}",
    "outcome": "SELECT * FROM outcome WHERE {day}",
}


class Archived(msgspec.Struct, frozen=True):
    """A day (UTC, ISO) that was archived: its turns and the bytes of its files."""

    day: str
    turns: int
    bytes: int


def folder_of(store: Path) -> Path:
    """Return the folder in which a store's days are archived."""
    return store.with_name(store.name + ".archive")


def archive(store: Path, asker: Asker, *, now_us: int, again: bool = False) -> list[Archived]:
    """Archive every day that is over and has turns; ``again``: also those that are there already.

    Raises:
        StoreError: the columns cannot be read.
        OSError: the folder cannot be written.
    """
    asker.fold()
    made = []
    with asker.board() as board:
        days = board.rows(
            f"SELECT at_us // {_DAY_US} AS day, count(*) AS turns FROM turn GROUP BY day HAVING day < ? ORDER BY day",
            [now_us // _DAY_US],
        )
    with asker.file.exporting() as connection:
        for row in days:
            day = (_EPOCH + timedelta(days=row["day"])).date().isoformat()
            place = folder_of(store) / f"day={day}"
            if place.exists() and not again:
                continue
            _write(connection, place, row["day"])
            made.append(Archived(day, row["turns"], sum(path.stat().st_size for path in place.iterdir())))
    return made


def _write(connection: duckdb.DuckDBPyConnection, place: Path, day: int) -> None:
    fresh = place.with_name(f".{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    limits = f">= {day * _DAY_US} AND {{0}} < {(day + 1) * _DAY_US}"
    for table, query in _TURN_OF.items():
        sql = query.format(day="at_us " + limits.format("at_us"), turn_day="turn.at_us " + limits.format("turn.at_us"))
        path = str(fresh / f"{table}.parquet").replace("'", "''")
        connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    shutil.rmtree(place, ignore_errors=True)
    fresh.replace(place)


def erase_archived(store: Path, turn_ids: Sequence[str], *, dry_run: bool = False) -> int:
    """Write archived days anew without these turns and what belongs to them; return how many rows went, or would."""
    import duckdb

    folder = folder_of(store)
    if not turn_ids or not folder.is_dir():
        return 0
    gone = 0
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE gone AS SELECT unnest(?::VARCHAR[]) AS id", [list(turn_ids)])
        connection.execute("CREATE TABLE gone_turn (seq BIGINT, conv UBIGINT)")
        days = sorted(folder.glob("day=*"))
        for day in days:
            turns = str(day / "turn.parquet").replace("'", "''")
            connection.execute(
                f"INSERT INTO gone_turn SELECT seq, conv FROM read_parquet('{turns}') WHERE id IN (SELECT id FROM gone)"
            )
        for day in days:
            for path in sorted(day.glob("*.parquet")):
                gone += _without(connection, path, dry_run=dry_run)
    return gone


_BELONGS: Final = {
    "turn": "id IN (SELECT id FROM gone)",
    "step": "turn_seq IN (SELECT seq FROM gone_turn)",
    "checked": "turn_seq IN (SELECT seq FROM gone_turn)",
    "grade": "turn_id IN (SELECT id FROM gone)",
    "outcome": "conv IN (SELECT conv FROM gone_turn)",
}


def _without(connection: duckdb.DuckDBPyConnection, path: Path, *, dry_run: bool) -> int:
    condition = _BELONGS.get(path.stem)
    if condition is None:
        return 0
    source = f"read_parquet('{str(path).replace(chr(39), chr(39) * 2)}')"
    row = connection.execute(f"SELECT count(*) FROM {source} WHERE {condition}").fetchone()
    gone = 0 if row is None else int(row[0])
    if gone and not dry_run:
        fresh = path.with_name(f".{path.name}.new")
        target = str(fresh).replace("'", "''")
        connection.execute(
            f"COPY (SELECT * FROM {source} WHERE NOT ({condition})) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        )
        fresh.replace(path)
    return gone
