"""How the router's profit and loss looks in the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from rich.table import Table

from pointsman.cli.console import out, plain
from pointsman.cli.figures import UNKNOWN, dollars, for_json, usd
from pointsman.cli.stacked import show_stacked
from pointsman.domain.figures import Estimate
from pointsman.monitoring.profit import Line, in_words
from pointsman.monitoring.profit_of import Profit


def show_profit(found: Profit) -> None:
    """Print profit and loss: the verdict, then one line per group and their sum."""
    total = found.total
    out().print(plain(in_words(total), "bold"))
    out().print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(found.by)
    for name in (
        *("turns", "cost $", "flagship $", "saved $", "shadow $", "judge $"),
        *("re-asks $", "handoffs $", "harm $", "net $", "95 % from $", "to $"),
    ):
        table.add_column(name, justify="right")
    for line in (*found.lines, total):
        table.add_row(*_cells(line, last=line is total), style="bold" if line is total else "")
    show_stacked(table, 1)
    out().print()
    for text in remarks(found):
        out().print(plain(text))


def remarks(found: Profit) -> list[str]:
    """Return what the figures rest on, and what they leave out."""
    total = found.total
    days = [datetime.fromtimestamp(us / 1e6, UTC).date() for us in (found.since_us, found.until_us - 1)]
    against = f"{total.compared:,} turns against the flagship with its cache kept warm"
    notes = [
        f"{days[0]} to {days[1]} (UTC), {total.turns:,} turns; saved: {against}.",
        f"In the cost: routers {usd(total.router_usd)}, planners {usd(total.planner_usd)}, retries {usd(total.retries_usd)}.",
    ]
    if total.simulated:
        which = "all of them" if total.simulated == total.turns else f"{total.simulated:,} of them"
        notes.append(f"Simulated are {which}: no provider was paid. `--simulated no` leaves such turns out.")
    if total.unpriced:
        notes.append(f"{total.unpriced:,} turns have no known cost: they are in no sum.")
    if total.lost_usd:
        notes.append(f"Shadow calls under way or not heard of: {usd(total.lost_usd)}, counted as spent.")
    if total.harm.value is not None:
        notes.append(f"Harm rests on {total.harm.n:,} checked turns{_behind(total.harm.why)}.")
    if total.reasks is None:
        notes.append("Re-asks are counted while shadow checks are on.")
    elif total.reask_usd is None:
        notes.append(f"{total.reasks:,} questions were asked again; economics.prices.reask_usd gives them a price.")
    if total.handoff_usd is None:
        notes.append(f"{total.handoffs:,} cases went to people; economics.prices.handoff_usd gives them a price.")
    return notes


def _behind(text: str) -> str:
    return f" ({text})" if text else ""


def _cells(line: Line, *, last: bool) -> list[Any]:
    net = line.net
    return [
        plain("all" if last else line.name or "not recognised"),
        f"{line.turns:,}",
        dollars(line.cost_usd),
        dollars(line.flagship_usd),
        signed(line.saved_usd),
        dollars(line.shadow_usd + line.lost_usd),
        dollars(line.judge_usd),
        dollars(line.reask_usd),
        dollars(line.handoff_usd),
        _cents(line.harm.value),
        _cents(net.value),
        _cents(net.low),
        _cents(net.high),
    ]


def signed(value: Decimal | None) -> str:
    """Return dollars that may be below zero."""
    if value is None:
        return UNKNOWN
    return f"-{dollars(-value)}" if value < 0 else dollars(value)


def _cents(value: float | None) -> str:
    return UNKNOWN if value is None else signed(Decimal(repr(value)).quantize(Decimal("0.01")))


def profit_json(found: Profit) -> dict[str, Any]:
    """Return profit and loss as JSON."""
    return {
        "since_us": found.since_us,
        "until_us": found.until_us,
        "by": found.by,
        "verdict": in_words(found.total),
        "total": _line_json(found.total),
        "lines": [_line_json(line) for line in found.lines],
    }


def _line_json(line: Line) -> dict[str, Any]:
    plain_data: dict[str, Any] = for_json(line)
    net: Estimate = line.net
    return plain_data | {"before_harm_usd": for_json(line.before_harm_usd), "net": msgspec.to_builtins(net)}
