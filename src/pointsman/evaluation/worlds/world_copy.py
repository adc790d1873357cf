"""One run's own copy of a world: an SQLite database in memory that can reach nothing outside itself.

SQL comes from case files and, through tools, from models. So ATTACH, DETACH, loading of extensions, and every PRAGMA that sets
anything are refused by an authorizer, time and size are bounded, and the file a case names is only ever read.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pointsman.errors import UsageError
from pointsman.evaluation.cases import World

BUILD_S: Final = 10.0
"""Seconds that a world's own SQL may take."""
_STEPS: Final = 10_000
"""Steps of SQLite's machine between two looks at the clock: well below a millisecond."""
_PAGES: Final = 65_536
"""Pages of 4 KiB a world may grow to: 256 MiB."""
_LONGEST: Final = 16_000_000
_MOST_ROWS: Final = 100_000
_READ_PRAGMAS: Final = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}
)
_NEVER: Final = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})
_WRONG: Final = (sqlite3.Error, sqlite3.Warning, ValueError)
"""What SQLite says of SQL that is wrong; the last of a text that it cannot even take (a NUL, half a character)."""
_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})


class WorldCopy:
    """A world of its own. ``db`` is what tools are given; ``close`` forgets it.

    Raises:
        UsageError: the world's SQL fails or takes too long, or its file is not an SQLite database in ``folder``.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self._until = time.monotonic() + BUILD_S
        self.db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        try:
            self._fill(world, folder)
        except UsageError:
            self.db.close()
            raise
        except _WRONG as error:
            self.db.close()
            raise UsageError(f"the world's SQL fails: {error}") from None

    def _fill(self, world: World, folder: Path) -> None:
        if world.file:
            _load(self.db, _inside(folder, world.file))
        self.db.execute("PRAGMA trusted_schema=OFF")
        self.db.execute("PRAGMA temp_store=MEMORY")
        self.db.execute(f"PRAGMA max_page_count={_PAGES}")
        self.db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        self.db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self.db.set_authorizer(_allowed)
        self.db.set_progress_handler(self._late, _STEPS)
        if world.sql:
            self.db.executescript(world.sql)
            if self.db.in_transaction:
                self.db.execute("COMMIT")

    def _late(self) -> bool:
        return time.monotonic() > self._until

    def limit(self, seconds: float) -> None:
        """Stop SQL that runs after so many seconds from now."""
        self._until = time.monotonic() + seconds

    def ask(self, sql: str, seconds: float = BUILD_S) -> list[tuple[Any, ...]]:
        """Return the rows of one statement; what it changes is undone.

        Raises:
            UsageError: it fails, takes too long, or returns too many rows.
        """
        self.limit(seconds)
        try:
            self.db.execute("SAVEPOINT pointsman_asks")
            try:
                rows = self.db.execute(sql).fetchmany(_MOST_ROWS + 1)
            finally:
                self.limit(seconds)
                self.db.execute("ROLLBACK TO pointsman_asks")
                self.db.execute("RELEASE pointsman_asks")
        except _WRONG as error:
            raise UsageError(f"SQL fails in this world: {error}: {sql[:120]}") from None
        if len(rows) > _MOST_ROWS:
            raise UsageError(f"SQL returns more than {_MOST_ROWS:,} rows: {sql[:120]}")
        return rows

    def close(self) -> None:
        """Forget the copy."""
        self.db.set_authorizer(None)
        self.db.close()


def _load(db: sqlite3.Connection, path: Path) -> None:
    # immutable: not even a journal beside the file is made or touched.
    source = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        if source.execute("PRAGMA page_count").fetchone()[0] > _PAGES:
            raise UsageError(f"{path.name}: a world may have {_PAGES * 4 // 1024} MiB at most")
        source.backup(db)
    finally:
        source.close()


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UsageError(f"the world's file {name[:80]!r} is not in the folder of the case file")
    if not path.is_file():
        raise UsageError(f"there is no {name[:80]!r} beside the case file: the case's world names it")
    return path


def _allowed(action: int, one: str | None, two: str | None, *_: str | None) -> int:
    """Tell SQLite whether an action is allowed; what is not is an error of the statement."""
    if action in _NEVER:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if (one or "").lower() in _READ_PRAGMAS else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (two or "").lower() in _FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def same_rows(found: Sequence[Sequence[Any]], wanted: Sequence[Sequence[Any]]) -> bool:
    """Tell whether rows are those expected, in order; true and false are 1 and 0, as SQLite keeps them."""
    return [list(row) for row in found] == [list(row) for row in wanted]
