"""Contracts: how replies kept to their schemas, how they failed, and the newest that were turned away."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from pointsman.charts import numbers
from pointsman.charts.forest import Interval, forest, forest_table
from pointsman.errors import NotFound, RequestError
from pointsman.evaluation.cases import Case
from pointsman.evaluation.growing import TROUBLE
from pointsman.evaluation.importers.case_seam import Found
from pointsman.evaluation.importers.case_source import Read
from pointsman.evaluation.importers.cases_store import turn_of
from pointsman.monitoring.questions import conformance
from pointsman.server.dashboard.figures import Figure, figure, said
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Moved, Shown, View
from pointsman.store.rejections import Rejection, RejectionFilter, list_rejections

_NEWEST: Final = 20
_ROWS: Final = 12
REGRESSIONS: Final = "regressions.jsonl"
"""The file beside the store that grows from this page."""


async def show(view: View) -> Shown:
    """Show how the filter's replies kept to their contracts."""
    return await view.ask(_show, view)


async def act(view: View) -> Moved:
    """Add the turn of a rejected reply to the regression set."""
    view.require("operator")
    return await view.ask(_act, view)


def _show(view: View) -> Shown:
    chosen = view.slice
    before = chosen.before()
    with view.asker.board() as board:
        found = conformance.ask(board, chosen, ("model",))
        old = None if before is None else conformance.ask(board, before).total
    newest = list_rejections(view.router.store, _filter(view), _NEWEST)
    data: dict[str, Any] = {
        "any": found.total.n > 0 or bool(newest),
        "figures": _figures(view, found, old),
        "chart": _chart(view, found),
        "newest": [_shown(view, one) for one in newest],
        "file": str(_file(view)),
        "may": view.person.may("operator"),
    }
    return Shown(data, _verdict(view, found), (_table(view, found), _kinds(found)))


def _filter(view: View) -> RejectionFilter:
    wanted = view.filter.turns()
    return RejectionFilter(since_us=wanted.since_us, until_us=wanted.until_us, model=wanted.model)


def _verdict(view: View, found: conformance.Conformance) -> str:
    total = found.total
    if total.value is None:
        return f"No reply in {view.filter.words} was held to a contract."
    worst = min(
        (row for row in found.rows if not row.conforming.few), key=lambda row: row.conforming.value or 0, default=None
    )
    tail = ""
    if worst is not None and worst.conforming.value is not None and worst.conforming.hits < worst.conforming.n:
        model, share = worst.by["model"] or "unknown", numbers.percent(worst.conforming.value)
        tail = f"; the weakest is {worst.contract} on {model} with {share}"
    checked = f"{numbers.count(total.n)} checked replies in {view.filter.words}"
    if total.few:
        return f"{numbers.count(total.hits)} of {checked} kept to their contract: too few to judge by."
    return f"{numbers.percent(total.value)} of {checked} kept to their contract{tail}."


def _figures(view: View, found: conformance.Conformance, old: Any) -> list[Figure]:
    repaired, retried, escalated = (
        sum(getattr(row, name) for row in found.rows) for name in ("repaired", "retried", "escalated")
    )
    link = view.turns()
    return [
        figure("Kept the contract", found.total, link=link, before=old, why="no reply was checked"),
        said("Repaired", numbers.count(repaired), link=link),
        said("Asked again", numbers.count(retried), link=link),
        said("Sent to a stronger model", numbers.count(escalated), link=link),
    ]


def _chart(view: View, found: conformance.Conformance) -> Plot | None:
    rows = sorted((row for row in found.rows if row.conforming.n), key=lambda row: -row.conforming.n)[:_ROWS]
    if not rows:
        return None
    items = []
    for row in rows:
        low, high = row.conforming.interval or (None, None)
        label = f"{row.contract.partition('@')[0]}, {(row.by['model'] or 'unknown').rpartition('/')[2]}"
        rate, link = row.conforming, view.turns(model=row.by["model"])
        items.append(Interval(label, rate.value, low, high, rate.n, few=rate.few, href=link))
    title = "Replies that kept their contract, by contract and model"
    return plot(
        title, lambda width: forest(items, title=title, unit="share", width=width), forest_table(items, unit="share")
    )


def _table(view: View, found: conformance.Conformance) -> Table:
    columns = (
        Column("contract", "Contract"),
        Column("model", "Model", "model"),
        Column("conforming", "Kept it", "figure"),
        Column("repaired", "Repaired", "count"),
        Column("retried", "Asked again", "count"),
        Column("escalated", "Sent up", "count"),
    )
    rows: list[list[Any]] = [
        [
            row.contract,
            Cell(row.by["model"], view.turns(model=row.by["model"])),
            row.conforming,
            row.repaired,
            row.retried,
            row.escalated,
        ]
        for row in found.rows
    ]
    return Table("contracts", "By contract and model", columns, rows, empty="No reply was held to a contract.")


def _kinds(found: conformance.Conformance) -> Table:
    columns = (Column("kind", "What was wrong"), Column("replies", "Of the replies that broke theirs", "figure"))
    rows: list[list[Any]] = [[one.kind.replace("_", " "), one.replies] for one in found.kinds]
    return Table("kinds", "Kinds of failure", columns, rows, empty="No reply broke its contract.")


def _shown(view: View, one: Rejection) -> dict[str, Any]:
    return {
        "id": one.id,
        "at_us": one.at_us,
        "outcome": one.outcome,
        "contract": f"{one.contract}@{one.version}",
        "model": one.model,
        "kinds": ", ".join(kind.replace("_", " ") for kind in one.kinds),
        "failures": [f"{pointer or 'the whole'}: {text}" for _, pointer, text in one.failures[:5]],
        "raw": one.raw,
        "turn_id": one.turn_id,
        "turn": None if one.turn_id is None else view.link("conversation", one.turn_id),
    }


def _file(view: View) -> Path:
    return view.router.store.path.with_name(REGRESSIONS)


def _rejection(view: View) -> Rejection:
    wanted = view.form.get("id", "")
    known = list_rejections(view.router.store, RejectionFilter(turn_id=view.form.get("turn", "")), 100)
    found = next((one for one in known if str(one.id) == wanted), None)
    if found is None:
        raise NotFound("there is no such rejected reply any more")
    return found


def _act(view: View) -> Moved:
    from pointsman.evaluation.import_cases import CaseWriter

    one = _rejection(view)
    record = None if one.turn_id is None else view.router.store.turn(one.turn_id)
    if record is None:
        raise NotFound("the turn of this reply is not in the store: it may have been deleted, or belongs to no turn")
    try:
        turn = turn_of(record)
    except (RequestError, msgspec.DecodeError) as error:
        raise RequestError(f"this turn cannot be made a case: {error}") from None
    tags = {TROUBLE: "rejected", "rejected": ",".join(one.kinds), "model": one.model, "route": record.decision.route}
    case = Found(Case(record.id, record.conversation_id, "store", turn, tags=tags))
    writer = CaseWriter(_file(view), append=True)
    writer.take("dashboard", [Read(f"turn {record.id}", "store", (case,))])
    done = writer.finish()
    return Moved(view.here(), f"{numbers.count(done.cases)} cases in {_file(view).name}, this turn among them.")
