"""How shadow checks look in the terminal."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.table import Table

from pointsman.cli.console import note, out, plain
from pointsman.cli.figures import UNKNOWN, for_json, usd
from pointsman.cli.stacked import show_stacked
from pointsman.monitoring.misroutes_of import Rates
from pointsman.monitoring.shadow.standing import Pair, Standing
from pointsman.monitoring.shadow.words import remarks, said, sentence, verdict
from pointsman.store.money import from_pico
from pointsman.store.shadow_rows import STATES, ShadowRow

_SHOWN = 4_000


def show_status(now: Standing, rates: Rates) -> None:
    """Print how checks stand: the verdict first."""
    out().print(plain(verdict(now, rates), "bold"))
    if rates.overall.n:
        out().print()
        show_stacked(_table(rates), 2)
        out().print()
    for line in remarks(now, rates):
        out().print(plain(line))


def _table(rates: Rates) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("by", "name"):
        table.add_column(name)
    for name in ("turns", "checked", "misrouted %", "95 % from", "to %"):
        table.add_column(name, justify="right")
    for kind, groups in (("route", rates.by_route), ("intent", rates.by_intent)):
        for name, one in groups.items():
            ends = (one.value, one.low, one.high)
            numbers = [UNKNOWN if end is None else f"{end * 100:.1f}" for end in ends]
            table.add_row(
                kind, plain(name or "not recognised"), f"{one.turns:,}", f"{one.n:,}", *numbers,
                style="dim" if one.few else "",
            )  # fmt: skip
    return table


def show_rows(rows: list[ShadowRow]) -> None:
    """Print checks as a table."""
    if not rows:
        note("no turn was checked; `pointsman shadow status` says why")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("turn", "state", "chosen by", "verdict", "decided by"):
        table.add_column(name)
    for name in ("chance %", "reply $", "judge $"):
        table.add_column(name, justify="right")
    for row in rows:
        cost = [usd(from_pico(pico)).removeprefix("$") for pico in (row.cost_pico, row.judge_cost_pico)]
        words = (row.turn_id, row.state, row.why, (row.verdict or UNKNOWN).replace("_", " "), row.decided_by or UNKNOWN)
        table.add_row(*map(plain, words), f"{row.probability * 100:.3g}", *cost)
    show_stacked(table, 1)


def show_pair(one: Pair) -> None:
    """Print one check with both replies."""
    row = one.row
    console = out()
    console.print(plain(f"Turn {row.turn_id}: {sentence(one)}", "bold"))
    if row.error_text:
        console.print(plain(row.error_text))
    for title, text in (
        ("The customer asked", one.asked),
        (f"Shipped ({one.shipped_model or 'unknown'})", said(one.shipped)),
        (f"Shadow ({row.model or 'none'}{', simulated' if row.simulated else ''})", said(one.shadow)),
        ("Tool calls differ", one.detail.get("calls")),
        *zip(("Judge, shipped first", "Judge, shadow first"), one.detail.get("reasons", ()), strict=False),
    ):
        if text:
            console.print()
            console.print(plain(title, "bold"))
            console.print(plain(str(text)[:_SHOWN]))


def status_json(now: Standing, rates: Rates) -> dict[str, Any]:
    """Return how checks stand, as JSON."""
    money = now.purse.money
    return {
        "on": now.on,
        "not_looked_at": now.behind,
        "states": {state: now.count(state) for state in STATES},
        "budget": for_json(
            {
                "limit_usd": from_pico(now.purse.limit),
                "shadow_usd": from_pico(money.shadow),
                "judge_usd": from_pico(money.judge),
                "not_heard_of_usd": from_pico(money.lost),
                "under_way_usd": from_pico(money.held),
                "since_us": now.purse.period.since_us,
                "until_us": now.purse.period.until_us,
            }
        ),
        "corrected_by_labels": rates.corrected,
        "confidence_unknown": rates.unknown,
        "flips": list(rates.flips),
        "misroutes": msgspec.to_builtins(rates.overall),
        "by_route": msgspec.to_builtins(rates.by_route),
        "by_intent": msgspec.to_builtins(rates.by_intent),
    }


def row_json(row: ShadowRow) -> dict[str, Any]:
    """Return a check without replies, as JSON."""
    return {
        "turn": row.turn_id,
        "state": row.state,
        "why": row.why,
        "probability": row.probability,
        "model": row.model,
        "simulated": row.simulated,
        "verdict": row.verdict,
        "misrouted": row.material,
        "decided_by": row.decided_by,
        "judge": row.judge,
        "flipped": row.flipped,
        "error": row.error_text,
        "cost_usd": for_json(from_pico(row.cost_pico)),
        "judge_cost_usd": for_json(from_pico(row.judge_cost_pico)),
    }


def pair_json(one: Pair) -> dict[str, Any]:
    """Return a check with both replies, as JSON."""
    return row_json(one.row) | {
        "asked": one.asked,
        "shipped_model": one.shipped_model,
        "shipped": said(one.shipped),
        "shadow": said(one.shadow),
        "detail": one.detail,
    }
