"""Data and privacy: what is recorded, for how long, and how it goes. Is it safe to keep recording?"""

from __future__ import annotations

from typing import Any, Final

from pointsman.charts import numbers
from pointsman.errors import RequestError
from pointsman.execution.privacy.redaction import stored_names
from pointsman.monitoring.archive import folder_of
from pointsman.monitoring.forgetting import Forgotten, Wanted, forget, sizes
from pointsman.server.dashboard.figures import Figure, counted, said
from pointsman.server.dashboard.tables import Column, Table
from pointsman.server.dashboard.view import Moved, Shown, View

_LONGEST: Final = 256
_NEWEST: Final = 50_000
_SPAN: Final = """
    SELECT (SELECT min(at_us) FROM turn), (SELECT max(at_us) FROM turn), count(*),
        count(*) FILTER (WHERE status = 'ok' AND reply_hash IS NULL)
    FROM (SELECT status, reply_hash FROM turn ORDER BY seq DESC LIMIT ?)
"""
"""First and last by an index each (one query for both reads every turn), and the newest turns only: rows of turns are wide."""
_COUNTED: Final = (
    ("turn", "Turns"),
    ("body", "Message bodies, each once"),
    ("memory", "Memories of conversations"),
    ("agent_run", "Runs of agents"),
    ("rejection", "Rejected replies"),
    ("shadow", "Shadow checks"),
    ("grade", "Grades"),
    ("outcome", "Outcomes"),
    ("feedback", "Feedback"),
)


async def show(view: View) -> Shown:
    """Show what is kept."""
    return await view.ask(_show, view, None, "", "")


async def act(view: View) -> Shown | Moved:
    """Say what forgetting somebody would delete, or do it."""
    view.require("admin")
    return await view.ask(_act, view)


def _act(view: View) -> Shown | Moved:
    kind, name = view.form.get("kind", "customer"), view.form.get("name", "").strip()
    if kind not in ("customer", "conversation"):
        raise RequestError("choose a customer or a conversation", param="kind")
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise RequestError(f"write an id of 1 to {_LONGEST} printable characters", param="name")
    names = stored_names(name, view.router.store.path)
    wanted = Wanted(customers=names) if kind == "customer" else Wanted(conversations=names)
    if view.form.get("do") != "forget":
        return _show(view, forget(view.router.store, view.asker, wanted, dry_run=True), kind, name)
    gone = forget(view.router.store, view.asker, wanted)
    rest = "" if gone.clean else " A reader held the store: run it again in a minute."
    return Moved(view.here(), f"{numbers.count(gone.turns)} turns and all that hung on them are gone.{rest}")


def _show(view: View, would: Forgotten | None, kind: str, name: str) -> Shown:
    store, policy = view.router.store, view.router.policy
    with store.reading() as connection:
        kept: list[list[Any]] = [
            [label, connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]]  # noqa: S608 - names from above
            for table, label in _COUNTED
        ]
        first, last, looked_at, marked = connection.execute(_SPAN, (_NEWEST,)).fetchone()
    kept.append(["Days archived as Parquet", len(list(folder_of(store.path).glob("day=*")))])
    files = [[one, size] for one, size in sizes(store, view.asker)]
    redacted = policy.privacy.redacted
    data = {
        "would": would,
        "kind": kind,
        "name": name,
        "admin": view.person.may("admin"),
        "figures": _figures(kept, files, marked, looked_at),
        "first_us": first,
        "last_us": last,
        "redacted": redacted,
        "kept": policy.retention,
        "store_url": view.store_url,
        "bodies_gone": would.rows.get("body", 0) if would else 0,
        "rows_gone": sum(would.rows.values()) + would.columns + would.archived if would else 0,
    }
    tables = (
        Table("kept", "What is kept", (Column("what", "What"), Column("n", "Rows", "count")), kept),
        Table("files", "Files", (Column("file", "File"), Column("bytes", "Bytes", "count")), files),
    )
    turns = kept[0][1]
    what = (
        f"replaces {len(redacted)} kinds of personal data before anything is written" if redacted else "redacts nothing"
    )
    verdict = f"{numbers.count(turns)} turns are kept; the policy {what}." if turns else ""
    return Shown(data, verdict, tables)


def _figures(kept: list[list[Any]], files: list[list[Any]], unkept: int, looked_at: int) -> list[Figure]:
    size = sum(one[1] for one in files)
    per_turn = size / kept[0][1] if kept[0][1] else None
    return [
        counted("Turns", kept[0][1], link="/turns?range=all"),
        said("On disk", f"{size / 1e6:,.1f} MB", hint="Store, its log and the columns"),
        said(
            "Per turn",
            None if per_turn is None else f"{numbers.count(per_turn)} bytes",
            n=kept[0][1],
            why="no turn yet",
        ),
        counted(
            "Replies not kept",
            unkept,
            hint=f"Whole replies whose text is not stored, of the newest {numbers.count(looked_at)} turns: redaction took it, or"
            " retention",
        ),
    ]
