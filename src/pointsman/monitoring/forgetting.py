"""Forgetting a customer or a conversation everywhere: store, columns, archive, logs and free pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pointsman.monitoring.archive import erase_archived
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.columns.schema import TABLES
from pointsman.store import Store
from pointsman.store.captured import settle_waiting
from pointsman.store.erasing import Doomed, erase, scrub, with_bodies
from pointsman.store.shadow_rows import shadow_conversation

_ROUNDS = 3
"""How often it is looked again for turns that came in meanwhile."""


class Forgotten(msgspec.Struct, frozen=True):
    """What went, or would go: conversations, turns, rows by table of the store, rows of the columns, and of archived files.

    ``clean`` False: a reader held the store, so its log keeps old pages until its next commit.
    """

    conversations: int
    turns: int
    rows: dict[str, int]
    columns: int
    archived: int
    clean: bool = True


class Wanted(msgspec.Struct, frozen=True):
    """Whose turns: a customer, whatever names it is stored under, or conversations by their stored names."""

    customers: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()


def forget(store: Store, asker: Asker, wanted: Wanted, *, dry_run: bool = False) -> Forgotten:
    """Delete all turns that are wanted, with everything that hangs on them; or say what would go.

    Whole conversations go, but for turns in them that name another customer.

    Raises:
        StoreError: a file cannot be read or written. What is gone then is gone; a second run deletes the rest.
    """
    if dry_run:
        return _would(store, asker, wanted)
    settle_waiting(store)
    total = Forgotten(0, 0, {}, 0, 0)
    for _ in range(_ROUNDS):
        asker.fold()
        doomed = _doomed(asker, wanted)
        if total.rows and not doomed.turns:
            break
        total = _added(total, _erase(store, asker, doomed))
    return msgspec.structs.replace(total, clean=scrub(store))


def _erase(store: Store, asker: Asker, doomed: Doomed) -> Forgotten:
    ready = with_bodies(store, doomed)
    rows = store.write_sync(lambda connection: erase(connection, ready))
    columns = erase_columns(store, asker, ready)
    archived = erase_archived(store.path, [turn_id for _, turn_id in ready.turns])
    return Forgotten(len(ready.conversations), len(ready.turns), rows, columns, archived)


def _would(store: Store, asker: Asker, wanted: Wanted) -> Forgotten:
    """Return what would go: the same deletions, undone before anybody sees them."""
    asker.fold()
    doomed = with_bodies(store, _doomed(asker, wanted))
    found: dict[str, int] = {}

    def trial(connection: Any) -> None:
        connection.execute("SAVEPOINT trial")
        found.update(erase(connection, doomed))
        connection.execute("ROLLBACK TO trial")
        connection.execute("RELEASE trial")

    store.write_sync(trial)
    with asker.board() as board:
        columns = sum(
            board.rows(f"SELECT count(*) AS n FROM {table} WHERE {condition}", values)[0]["n"]
            for table, condition, values in _conditions(doomed)
        )
    archived = erase_archived(store.path, [turn_id for _, turn_id in doomed.turns], dry_run=True)
    return Forgotten(len(doomed.conversations), len(doomed.turns), found, columns, archived)


def _doomed(asker: Asker, wanted: Wanted) -> Doomed:
    """Find the turns in the columns, which are up to date and know each turn's customer."""
    with asker.board() as board:
        convs = board.rows(
            "SELECT DISTINCT conv FROM turn WHERE customer IN (SELECT unnest(?::VARCHAR[]))"
            " OR conversation IN (SELECT unnest(?::VARCHAR[]))",
            [list(wanted.customers), list(wanted.conversations)],
        )
        found = board.rows(
            "SELECT seq, id, conversation, key, customer FROM turn WHERE conv IN (SELECT unnest(?::UBIGINT[])) ORDER BY seq",
            [[row["conv"] for row in convs]],
        )
        stay = [row for row in found if _another(row, wanted)]
        leave = [row for row in found if not _another(row, wanted)]
        # What was asked again of a stronger model by batch is a turn of its own, with the same words in it.
        leave += board.rows(
            "SELECT seq, id, conversation, key, customer FROM turn WHERE conversation IN (SELECT unnest(?::VARCHAR[]))",
            [[shadow_conversation(row["id"]) for row in leave]],
        )
    mixed = {(row["conversation"], row["key"] or "") for row in stay}
    whole = {(row["conversation"], row["key"] or "") for row in leave} - mixed
    whole |= {(name, "") for name in wanted.conversations} - mixed
    return Doomed(tuple((row["seq"], row["id"]) for row in leave), tuple(sorted(whole)), wanted.customers)


def _another(row: dict[str, Any], wanted: Wanted) -> bool:
    named = row["customer"]
    return bool(wanted.customers) and named is not None and named not in wanted.customers


def _conditions(doomed: Doomed) -> list[tuple[str, str, list[Any]]]:
    seqs, ids = [seq for seq, _ in doomed.turns], [turn_id for _, turn_id in doomed.turns]
    names = [name for name, _ in doomed.conversations]
    made: list[tuple[str, str, list[Any]]] = []
    for table, columns in TABLES.items():
        known = {name for name, _ in columns}
        clauses: list[str] = []
        values: list[Any] = []
        for column, kind, chosen in (
            ("seq" if table == "turn" else "turn_seq", "BIGINT", seqs),
            ("turn_id", "VARCHAR", ids),
            ("conversation", "VARCHAR", [] if table == "turn" else names),
        ):
            if column in known:
                clauses.append(f"{column} IN (SELECT unnest(?::{kind}[]))")
                values.append(chosen)
        made.append((table, " OR ".join(clauses), values))
    return made


def erase_columns(store: Store, asker: Asker, doomed: Doomed) -> int:
    """Delete from the column file and write it anew: what DuckDB deletes stays in the file's free blocks."""
    with store.reading() as connection:
        uid = connection.execute("SELECT uid FROM store_identity").fetchone()[0]
    fresh = asker.file.path.with_name(asker.file.path.name + ".new")
    fresh.unlink(missing_ok=True)
    gone = 0
    with asker.file.alone():
        with asker.file.opened(uid) as columns:
            for table, condition, values in _conditions(doomed):
                row = columns.execute(f"DELETE FROM {table} WHERE {condition}", values).fetchone()
                gone += 0 if row is None else row[0]
            name = columns.execute("SELECT current_database()").fetchone() or ("",)
            columns.execute(f"ATTACH '{_quoted(str(fresh))}' AS fresh")
            columns.execute(f'COPY FROM DATABASE "{name[0]}" TO fresh')
            columns.execute("DETACH fresh")
        fresh.replace(asker.file.path)
        for left in asker.file.files()[1:]:
            left.unlink(missing_ok=True)
    return gone


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _added(one: Forgotten, other: Forgotten) -> Forgotten:
    rows = {table: one.rows.get(table, 0) + other.rows.get(table, 0) for table in (*one.rows, *other.rows)}
    return Forgotten(
        one.conversations + other.conversations,
        one.turns + other.turns,
        rows,
        one.columns + other.columns,
        one.archived + other.archived,
    )


def sizes(store: Store, asker: Asker) -> Sequence[tuple[str, int]]:
    """Return the files that hold turns and their sizes in bytes."""
    paths = [store.path, store.path.with_name(store.path.name + "-wal"), *asker.file.files()]
    return [(path.name, path.stat().st_size) for path in paths if path.is_file()]
