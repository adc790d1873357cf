"""A quick look at a store before turns are written to it: is the file sound, as far as it can be read in a moment?"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from pointsman.errors import StoreError
from pointsman.store.connection import open_reader

_LOOK_S = 0.2


def damage(path: Path, within_s: float = _LOOK_S) -> str | None:
    """Return a sentence on what is wrong with the store and what to do; None when nothing was found within the time.

    ``PRAGMA quick_check`` reads the whole file, so of a large one only the part that ``within_s`` seconds allow is looked at.
    """
    try:
        with closing(open_reader(path)) as connection:
            found = _first_problem(connection, within_s)
    except StoreError as error:
        return str(error)
    if found is None:
        return None
    what = " ".join(found.replace("*** in database main ***", "").split())[:120]
    return (
        f"store {path}: the file is damaged ({what}). New turns may be refused and old ones unreadable. "
        "Restore a copy, or move it away and start a new one."
    )


def _first_problem(connection: sqlite3.Connection, within_s: float) -> str | None:
    time_is_up = threading.Event()

    def stop() -> None:
        time_is_up.set()
        connection.interrupt()

    timer = threading.Timer(within_s, stop)
    timer.start()
    try:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        found = str(error)
    finally:
        timer.cancel()
        timer.join()
    # What a check says that was broken off is not to be trusted.
    return None if found == "ok" or time_is_up.is_set() else found
