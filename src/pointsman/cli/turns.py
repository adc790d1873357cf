"""``pointsman turns``: stored turns, newest first."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from pointsman.cli.console import TIER_STYLE, out, plain, print_json, program
from pointsman.cli.figures import UNKNOWN, count, dollars, for_json
from pointsman.cli.replay_view import short
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import (
    AsJson,
    Limit,
    OnlyConversation,
    OnlyModel,
    OnlyRoute,
    OnlyStatus,
    Since,
    StoreUrl,
    Until,
    at,
    since_us,
    until_us,
)
from pointsman.cli.turn_view import ms
from pointsman.store import DEFAULT_URL, TurnFilter, TurnRow, open_store


def command(
    limit: Limit = 20,
    since: Since = None,
    until: Until = None,
    status: OnlyStatus = None,
    route: OnlyRoute = None,
    model: OnlyModel = None,
    conversation: OnlyConversation = None,
    resolved: Annotated[
        bool | None, typer.Option("--resolved/--unresolved", help="Only of conversations reported so.")
    ] = None,
    escalated: Annotated[
        bool | None, typer.Option("--escalated/--not-escalated", help="Only of conversations reported so.")
    ] = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """List stored turns, newest first. A dash (null in JSON) means unknown.

    Exit codes: 0 done, 2 the input was wrong.
    """
    chosen = TurnFilter(
        since_us=since_us(since),
        until_us=until_us(until),
        status=status,
        route=route,
        model=model,
        conversation=conversation,
        resolved=resolved,
        escalated=escalated,
    )
    with open_store(store, must_exist=True) as opened:
        rows = opened.turns(chosen, limit)
        total = opened.count(chosen)
    if json:
        print_json({"total": total, "turns": [for_json(row) for row in rows]})
        return
    out().print(plain(_verdict(rows, total), "bold"))
    if rows:
        show_stacked(_table(rows), keys=1)
        where = "" if store == DEFAULT_URL else f" --store {store}"
        out().print(plain(f"The whole story of one: {program()} turn {rows[0].id}{where}", "dim"))


def _verdict(rows: list[TurnRow], total: int) -> str:
    if not rows:
        return "No turn matches. Point an agent at `pointsman serve`, or widen the filters."
    simulated = " (simulated models)" if all(row.simulated for row in rows) else ""
    return f"{total:,} turns; the newest {len(rows)} follow{simulated}." if total > 1 else f"1 turn{simulated}."


def _table(rows: list[TurnRow]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "when", "route", "model", "status"):
        table.add_column(heading, overflow="fold")
    for heading in ("first ms", "total ms", "in tok", "out tok", "cost $"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("conversation", overflow="fold")
    mixed = not all(row.simulated for row in rows)  # where all are simulated, the verdict says so once
    for row in rows:
        usage = row.usage
        table.add_row(
            plain(row.id),
            at(row.at_us),
            plain(row.route),
            plain(short(row.model) + (" (simulated)" if row.simulated and mixed else ""), TIER_STYLE.get(row.tier, "")),
            status_text(row.status, row.error_code),
            ms(row.ttft_ms),
            ms(row.duration_ms),
            count(usage.prompt) if usage else UNKNOWN,
            count(usage.output) if usage else UNKNOWN,
            dollars(row.cost_usd),
            plain(row.conversation_id),
        )
    return table


def status_text(status: str, error_code: str | None) -> Text:
    """Return a status with its error code; colour says good or not, and the word says it too."""
    return plain(f"{status}: {error_code}" if error_code else status, "green" if status == "ok" else "red")
