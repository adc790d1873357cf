"""How ``pointsman replay-route`` shows what it found."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pointsman.cli.console import TIER_STYLE, out, plain
from pointsman.cli.figures import UNKNOWN, dollars, usd
from pointsman.evaluation.importers.reader import ConversationFile, Line
from pointsman.evaluation.route_summary import Bill, Sampled, Share, Summary

_REASONS_SHOWN = 12
_SAID = 160


def show(summary: Summary, source: ConversationFile, bad_lines: int) -> None:
    """Print the verdict, the route mix, reasons, the bill and the decisions to read."""
    console = out()
    console.print(Text(verdict(summary), style="bold"))
    left_out = f", {counted(bad_lines, 'line')} left out" if bad_lines else ""
    notes = "".join(f"; {note}" for note in source.notes)
    console.print(
        plain(f"{source.path.name}: {source.format}{left_out}{notes}; policy {summary.policy or UNKNOWN}", "dim")
    )
    if not summary.routes:
        _refusals(console, summary)
        return
    console.print(_mix("Routes", "route", summary.routes))
    console.print(_mix("Models", "model", summary.models))
    console.print(_reasons(summary))
    _money(console, summary.bill)
    console.print(
        f"Decision time: p50 {_us(summary.decided_us_p50)}, p99 {_us(summary.decided_us_p99)} (this machine, one process)."
    )
    _refusals(console, summary)
    if summary.sample:
        console.print(Text(f"\n{len(summary.sample)} decisions to read", style="bold"))
        for one in summary.sample:
            _decision(console, one)


def verdict(summary: Summary) -> str:
    """Return the one sentence that comes first."""
    bill = summary.bill
    routed = f"{counted(summary.turns, 'turn')} of {counted(summary.conversations, 'conversation')} routed"
    if summary.refused:
        routed += f", {summary.refused:,} of them refused"
    if bill.saved is None:
        return f"{routed}; cost unknown (no turn with a recorded answer and known prices)."
    more = "less" if bill.saved >= 0 else "more"
    return (
        f"{routed}: {usd(bill.routed_usd)} instead of {usd(bill.flagship_usd)} all on {short(bill.flagship or '')}, "
        f"{abs(bill.saved) * 100:.1f} % {more} (estimated, without prompt caching; says nothing about quality)."
    )


def to_json(summary: Summary, source: ConversationFile, problems: list[Line]) -> dict[str, Any]:
    """Return everything as plain data."""
    data: dict[str, Any] = msgspec.to_builtins(summary, builtin_types=(Decimal,))
    data["bill"]["saved_share"] = summary.bill.saved
    data["bill"]["estimated"] = True
    return {
        "file": source.path.name,
        "format": source.format,
        "notes": source.notes,
        "bad_lines": [{"line": line.number, "problem": line.problem} for line in problems],
        **data,
    }


def _mix(title: str, kind: str, shares: tuple[Share, ...]) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(kind, no_wrap=True)
    if kind == "model":
        table.add_column("tier", no_wrap=True, min_width=8)
    for name in ("turns", "share %", "95 % interval", "est. USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in shares:
        cells = [plain(one.name, TIER_STYLE.get(one.tier or "", ""))]
        if kind == "model":
            cells.append(plain(one.tier or UNKNOWN))
        interval = f"{one.low * 100:.1f} to {one.high * 100:.1f}"
        cells += [
            Text(f"{one.turns:,}"),
            Text(f"{one.share * 100:.1f}"),
            Text(interval),
            Text(dollars(one.cost_usd)),
        ]
        table.add_row(*cells)
    return table


def _reasons(summary: Summary) -> Table:
    title = "Most common reasons (a turn may have several)"
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("turns", justify="right", no_wrap=True)
    table.add_column("for example")
    for reason in summary.reasons[:_REASONS_SHOWN]:
        table.add_row(plain(reason.kind), plain(reason.name), f"{reason.turns:,}", plain(reason.example, "dim"))
    return table


def _money(console: Console, bill: Bill) -> None:
    if bill.saved is not None:
        tokens = f"{bill.input_tokens:,} tokens in, {bill.output_tokens:,} out"
        console.print(
            f"\nBill (estimated: 4 bytes of text a token, list prices of today, nothing cached): {usd(bill.routed_usd)} routed, "
            f"{usd(bill.flagship_usd)} all on {bill.flagship}; {bill.priced:,} turns, {tokens}."
        )
    left_out = [
        f"{n:,} {why}"
        for n, why in ((bill.unanswered, "without a recorded answer"), (bill.unpriced, "of unknown price"))
        if n
    ]
    if left_out:
        console.print(f"Not in the bill: {' and '.join(left_out)}.")


def _refusals(console: Console, summary: Summary) -> None:
    for one in summary.refusals:
        console.print(plain(f"refused: {one.conversation} turn {one.turn}: {one.text}", "red"))


def _decision(console: Console, one: Sampled) -> None:
    said = " ".join(one.said.split())
    said = said if len(said) <= _SAID else said[: _SAID - 1] + "…"
    head = plain(f"\n{one.conversation} · turn {one.turn}  ", "dim")
    console.print(head.append_text(plain(f"“{said}”", "not dim")))
    confidence = UNKNOWN if one.confidence is None else f"{one.confidence:.2f}"
    line = Text("  ")
    line.append_text(plain(f"{one.route} · "))
    line.append_text(plain(short(one.model), TIER_STYLE.get(one.tier, "")))
    why = "; ".join(one.reasons) or UNKNOWN
    cost = UNKNOWN if one.cost_usd is None else f"est. {usd(one.cost_usd)}"
    line.append_text(plain(f" · {confidence} · {why} · {_us(one.decided_us)} · {cost}"))
    console.print(line)


def counted(n: int, noun: str) -> str:
    """Return "1 turn", "2 turns", "1,000 turns"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def short(model: str) -> str:
    """Return a model's name without its provider."""
    return model.partition("/")[2] or model


def _us(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value / 1000:.2f} ms" if value >= 1000 else f"{value:.0f} µs"  # noqa: PLR2004 - a millisecond
