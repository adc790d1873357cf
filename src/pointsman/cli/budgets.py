"""``pointsman budgets``: what is spent of each budget."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.figures import UNKNOWN, count, dollars, for_json
from pointsman.cli.policy_file import open_policy
from pointsman.cli.replay_view import counted
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, Limit, StoreUrl
from pointsman.execution.limits.budgets import period_of
from pointsman.execution.limits.scopes import words
from pointsman.routing.sections_budgets import Cap
from pointsman.store import DEFAULT_URL, open_store
from pointsman.store.money import from_pico
from pointsman.store.spend import Line, list_spend

_FULL = Decimal(1)


class Row(msgspec.Struct, frozen=True):
    """One account. Amounts are US dollars; ``cap_usd`` is None where the policy has no cap for it.

    ``assumed_usd`` is the part of ``spent_usd`` whose true cost is unknown: the reservation stands for it. ``held_usd`` is
    reserved for calls on their way (or left over from a crash until the next start). ``unpriced_calls`` were let through
    without a price and count nothing.
    """

    scope: str
    id: str
    period: str
    simulated: bool
    spent_usd: Decimal
    assumed_usd: Decimal
    assumed_calls: int
    held_usd: Decimal
    unpriced_calls: int
    cap_usd: Decimal | None

    @property
    def left(self) -> Decimal | None:
        """What may still be spent; None without a cap."""
        return None if self.cap_usd is None else max(Decimal(0), self.cap_usd - self.spent_usd - self.held_usd)


def command(
    policy: Annotated[Path | None, typer.Option(help="The policy with the caps; default: pointsman.yaml here.")] = None,
    limit: Limit = 50,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Show what is spent, assumed and reserved of each budget in this day and month (UTC), and for good.

    Exit codes: 0 done, 2 the input was wrong.
    """
    chosen = open_policy(policy)
    now = datetime.now(UTC)
    with open_store(store, must_exist=True) as opened:
        lines = list_spend(opened, period_of("day", now), period_of("month", now))
    rows = [_row(line, chosen.budgets.caps) for line in lines]
    if json:
        print_json({"budgets": [{**for_json(row), "left_usd": for_json(row.left)} for row in rows]})
        return
    out().print(plain(_verdict(rows, len(chosen.budgets.caps)), "bold"))
    if rows:
        show_stacked(_table(rows[:limit]), keys=1)
    if len(rows) > limit:
        out().print(plain(f"and {len(rows) - limit} more: --limit {len(rows)}", "dim"))


def _row(line: Line, caps: tuple[Cap, ...]) -> Row:
    account, spend = line.account, line.spend
    return Row(
        scope=account.scope,
        id=account.id,
        period=account.period,
        simulated=line.simulated,
        spent_usd=_usd(spend.spent),
        assumed_usd=_usd(spend.assumed),
        assumed_calls=spend.assumed_calls,
        held_usd=_usd(line.held),
        unpriced_calls=spend.unpriced_calls,
        cap_usd=_cap(line, caps),
    )


def _cap(line: Line, caps: tuple[Cap, ...]) -> Decimal | None:
    account = line.account
    per = {4: "year", 5: "total", 7: "month", 10: "day"}[len(account.period)]
    name = account.id if account.scope in {"key", "agent"} else account.id.partition("/")[2]
    fitting = [cap for cap in caps if cap.of == account.scope and cap.per == per]
    own = [cap for cap in fitting if cap.name == name] or [cap for cap in fitting if cap.name is None]
    return own[0].usd if own else None


def _usd(pico: int) -> Decimal:
    return from_pico(pico) or Decimal(0)


def _verdict(rows: list[Row], caps: int) -> str:
    if not caps:
        return "The policy has no caps. Write some under budgets: (docs/how-to/cap-what-is-spent.md)."
    full = sum(row.cap_usd is not None and row.left == 0 for row in rows)
    used = (
        f"{counted(len(rows), 'account')} spent something in this period" if rows else "nothing is spent in this period"
    )
    return f"{counted(caps, 'cap')}; {used}; {full or 'none'} used up."


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("whose", overflow="fold")
    table.add_column("period", no_wrap=True)
    for heading in ("spent $", "assumed $", "held $", "cap $", "left $", "used %", "no price"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        style = "red" if row.left == 0 else ""
        table.add_row(
            plain(words(row.scope, row.id) + (" (simulated)" if row.simulated else ""), style),  # type: ignore[arg-type]
            row.period,
            dollars(row.spent_usd),
            dollars(row.assumed_usd) if row.assumed_calls else "",
            dollars(row.held_usd) if row.held_usd else "",
            dollars(row.cap_usd),
            dollars(row.left),
            UNKNOWN if row.cap_usd is None else f"{(row.spent_usd + row.held_usd) / row.cap_usd * 100:.0f}",
            count(row.unpriced_calls) if row.unpriced_calls else "",
        )
    return table
