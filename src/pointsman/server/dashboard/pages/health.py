"""Live health: every model on its tier in the last minutes. Fail over, roll back, or wait?"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pointsman.charts import numbers
from pointsman.errors import RequestError
from pointsman.monitoring.questions import health
from pointsman.server.dashboard.figures import change
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View

_WINDOWS: Final = {"15m": (900, "15 minutes"), "1h": (3600, "hour"), "24h": (86_400, "24 hours")}
_BAD: Final = 0.05
_NO_CHANGE: Final = "one of the two windows has too few turns"


async def show(view: View) -> Shown:
    """Show the last window beside the one before."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    name = view.query.get("window", "15m")
    if name not in _WINDOWS:
        raise RequestError(f"window: {name[:20]!r} is none of {', '.join(_WINDOWS)}", param="window")
    seconds, words = _WINDOWS[name]
    with view.asker.board() as board:
        found = health.ask(board, view.slice, ("model", "tier"), health.Options(seconds))
        [last] = board.rows("SELECT max(at_us) AS at_us FROM turn")
    data = {
        "windows": [(key, word, view.here(window=key), key == name) for key, (_, word) in _WINDOWS.items()],
        "words": words,
        "last_us": last["at_us"],
        "widest": name == "24h",
        "wider": view.here(window="24h"),
    }
    return Shown(data, _verdict(found, words), (_table(view, found),))


def _verdict(found: health.Healths, words: str) -> str:
    turns = sum(row.turns for row in found.rows)
    if not turns:
        return f"No turn came in the last {words}: nothing can be said."
    enough = [row for row in found.rows if not row.errors.few]
    bad = [row for row in enough if (row.errors.interval or (0.0, 1.0))[0] > _BAD]
    if bad:
        worst = max(bad, key=lambda row: row.errors.value or 0.0)
        return (
            f"{worst.by['model']} fails {numbers.percent(worst.errors.value)} of its turns "
            f"(n = {numbers.count(worst.errors.n)}) in the last {words}: look at it first."
        )
    if not enough:
        return f"{numbers.count(turns)} turns in the last {words}: too few of any model to judge it."
    grey = f"; {len(found.rows) - len(enough)} had too few turns to judge" if len(enough) < len(found.rows) else ""
    return f"No model of {len(enough)} fails clearly more than {numbers.percent(_BAD)} in the last {words}{grey}."


def _table(view: View, found: health.Healths) -> Table:
    before = {(row.by["model"], row.by["tier"]): row for row in found.before}
    columns = (
        Column("model", "Model", "model"),
        Column("tier", "Tier", "tier"),
        Column("turns", "Turns", "count"),
        Column("errors", "No reply", "figure"),
        Column("errors_change", "Change", hint="Against the window before", why=_NO_CHANGE),
        Column("ttft_p50", "First token, median", "figure"),
        Column("ttft_p95", "First token, p95", "figure"),
        Column("ttft_change", "Change of p95", hint="Against the window before", why=_NO_CHANGE),
        Column("tokens_s", "Tokens/s", "figure"),
        Column("tools", "Tool calls right", "figure"),
        Column("contracts", "Contracts kept", "figure"),
        Column("last", "Last turn", "when"),
    )
    window = msgspec.structs.replace(view.slice, since_us=found.since_us, until_us=found.until_us)
    rows: list[list[Any]] = []
    for row in found.rows:
        old = before.get((row.by["model"], row.by["tier"]))
        link = view.turns(window, model=row.by["model"], tier=row.by["tier"])
        rows.append(
            [
                Cell(row.by["model"], link),
                row.by["tier"],
                Cell(row.turns, link, few=row.errors.few),
                row.errors,
                None if old is None else change(row.errors, old.errors) or None,
                row.ttft_p50,
                row.ttft_p95,
                None if old is None else change(row.ttft_p95, old.ttft_p95) or None,
                row.tokens_s_p50,
                row.tools,
                row.contracts,
                row.last_us,
            ]
        )
    return Table("models", "Models", columns, rows, empty="No turn came in this window. No data is not zero errors.")
