"""How ``pointsman demo`` shows turns and the bill."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pointsman.cli.console import TIER_STYLE, plain, program, safe
from pointsman.cli.figures import UNKNOWN, dollars, usd
from pointsman.cli.replay_view import short
from pointsman.domain.decision import Reason
from pointsman.evaluation.demo_file import DemoConversation
from pointsman.evaluation.demo_summary import DemoSummary, Group, PlayedTurn, answered_by
from pointsman.evaluation.route_summary import NOT_A_REASON
from pointsman.store.location import parse_url

if TYPE_CHECKING:
    from pointsman.cli.demo_week import Seeded

_SAID = 44
_ONE_LINE = 120
_TROUBLES = 8


def heading(conversation: DemoConversation) -> Text:
    """Return the line above a conversation: what it is about, and how the demo's agent speaks."""
    how = [{"openai": "OpenAI", "anthropic": "Anthropic"}[conversation.dialect] + " wire format"]
    how += ["streamed"] if conversation.stream else []
    how += [conversation.channel] if conversation.channel != "chat" else []
    return plain(f"\n{conversation.about}", "bold").append_text(plain(f"  ({', '.join(how)})", "not bold dim"))


def turn_line(turn: PlayedTurn, columns: int) -> Text:
    """Return a turn as one line: who said what, then route, model, confidence, why, decision time and cost.

    In fewer than ``_ONE_LINE`` columns it takes two.
    """
    said = " ".join(turn.said.split())
    said = said if len(said) <= _SAID else said[: _SAID - 1] + "…"
    line = Text(f"{turn.number}  ", style="dim", no_wrap=True, overflow="ellipsis")
    line.append_text(plain(f"{said:<{_SAID}}  " if columns >= _ONE_LINE else f"{said}\n   "))
    if not turn.stored:
        line.append_text(plain("no record in the store", "red"))
        return line
    first, last = turn.stored[0], turn.stored[-1]
    decision = first.decision
    confidence = UNKNOWN if decision.confidence is None else f"{decision.confidence:.2f}"
    # The last reason is the one that settled the route; its short name keeps the turn on one line.
    reasons = [reason for reason in decision.reasons if reason.kind not in NOT_A_REASON]
    why = _in_words(reasons[-1]) if reasons else UNKNOWN
    cost = usd(turn.cost_usd)
    line.append_text(plain(f"{decision.route} · ", "bold"))
    line.append_text(plain(short(answered_by(last)), TIER_STYLE.get(decision.tier, "")))
    line.append_text(plain(f" · {confidence} · {why} · {decision.decided_us / 1000:.1f} ms · {cost}"))
    calls = [name for exchange in turn.exchanges for name in exchange.calls]
    if calls:
        line.append_text(plain(f" · calls {', '.join(calls)}", "dim"))
    for exchange in turn.exchanges:
        if exchange.rejected is not None:
            line.append_text(plain(" · rejected a reply: not JSON, asked again", "yellow"))
        if exchange.error is not None:
            line.append_text(plain(f" · error {exchange.http_status}", "red"))
    if any(
        answered_by(record) != record.decision.model and any(step.status == "error" for step in record.steps)
        for record in turn.stored
    ):
        line.append_text(plain(f" · fell back from {short(decision.model)}", "yellow"))
    return line


def _in_words(reason: Reason) -> str:
    return "nothing recognised" if reason.kind == "default" else reason.name.replace("-", " ").replace("_", " ")


def verdict(summary: DemoSummary) -> str:
    """Return the one sentence that comes first."""
    label = "simulated models" if summary.simulated else "NOT all models were simulated"
    what = f"{summary.turns} turns of {summary.conversations} conversations answered ({label})"
    if summary.saved is None or summary.cost_usd is None or summary.flagship_cost_usd is None:
        return f"{what}; the bill is unknown."
    more = "less" if summary.saved >= 0 else "more"
    return (
        f"{what}: {usd(summary.cost_usd)} at catalogue prices instead of {usd(summary.flagship_cost_usd)} "
        f"all on {short(summary.flagship or UNKNOWN)}, {abs(summary.saved) * 100:.1f} % {more}."
    )


def show_summary(console: Console, summary: DemoSummary) -> None:
    """Print the verdict and the tables."""
    console.print()
    console.print(plain(verdict(summary), "bold"))
    console.print(
        plain("The savings show the routing, not the quality: simulated replies are the same for every model.", "dim")
    )
    console.print(_table("By route", "route", summary.routes))
    console.print(_table("By model (simulated)", "model", summary.models, counted="calls"))
    if summary.fallbacks or summary.troubles:
        console.print()
    for seen in summary.fallbacks:
        text = f"fallback: {seen.conversation} turn {seen.turn}: {'; '.join(seen.failures)} → {seen.answered}"
        console.print(plain(text, "yellow"))
    for trouble in summary.troubles[:_TROUBLES]:
        kind = "reply rejected, asked again" if trouble.kind == "rejected" else "error"
        console.print(plain(f"{kind}: {trouble.conversation} turn {trouble.turn}: {trouble.text}", "yellow"))
    if len(summary.troubles) > _TROUBLES:
        console.print(plain(f"... and {len(summary.troubles) - _TROUBLES} more (--json lists them all)", "yellow"))
    if summary.missing_records:
        console.print(plain(f"{summary.missing_records} replies have no record in the store", "red"))
    if summary.decided_us_p50 is not None and summary.decided_us_p99 is not None:
        p50, p99 = summary.decided_us_p50 / 1000, summary.decided_us_p99 / 1000
        console.print(f"Decision time over {summary.requests} requests: p50 {p50:.2f} ms, p99 {p99:.2f} ms.")


def show_week(console: Console, seeded: Seeded, store_url: str) -> None:
    """Print what the simulated week holds, and how to open the dashboard on it."""
    console.print(
        plain(
            f"\nA simulated week is beside them: {seeded.turns:,} turns, {seeded.outcomes:,} conversations with an outcome, "
            f"{seeded.shadows:,} shadow checks, {seeded.replayed:,} cases replayed on two models. What the monitors found:",
            "bold",
        )
    )
    for incident in seeded.incidents:
        console.print(plain(f"  {incident}"))
    folder = parse_url(store_url).path.parent
    console.print(plain("Open the dashboard", "bold"))
    command = f"serve --emulated --no-auth --policy {folder / 'pointsman.yaml'} --store {store_url}"
    console.print(f"  {program()} {safe(command)}", markup=False, soft_wrap=True)
    console.print(plain("  and http://127.0.0.1:8080 in a browser"))


def show_next(console: Console, store_url: str, turn_id: str | None) -> None:
    """Print what to do next."""
    console.print(plain("\nTurns are kept. Look at them with", "bold"))
    commands = [
        f"turns --store {store_url}",
        f"turn {turn_id or 'ID'} --store {store_url}",
        f"report --by route,model --store {store_url}",
    ]
    for one in commands:
        console.print(f"  {program()} {safe(one)}", markup=False, soft_wrap=True)
    console.print(plain("Then start the gateway, still with simulated models", "bold"))
    console.print(f"  {program()} serve --emulated --no-auth", markup=False, soft_wrap=True)


def to_json(summary: DemoSummary, played: list[PlayedTurn], store_url: str) -> dict[str, Any]:
    """Return the summary and every turn as plain data."""
    data: dict[str, Any] = msgspec.to_builtins(summary, builtin_types=(Decimal,))
    data["saved_share"] = summary.saved
    data["store"] = store_url
    data["turn_list"] = [_turn_data(turn) for turn in played]
    return data


def _turn_data(turn: PlayedTurn) -> dict[str, Any]:
    first = turn.stored[0].decision if turn.stored else None
    return {
        "conversation": turn.conversation,
        "turn": turn.number,
        "channel": turn.channel,
        "said": turn.said,
        "route": None if first is None else first.route,
        "model": None if first is None else first.model,
        "answered_by": answered_by(turn.stored[-1]) if turn.stored else None,
        "confidence": None if first is None else first.confidence,
        "reasons": [] if first is None else [reason.text for reason in first.reasons],
        "decided_us": None if first is None else first.decided_us,
        "cost_usd": turn.cost_usd,
        "calls": [name for exchange in turn.exchanges for name in exchange.calls],
        "reply": turn.exchanges[-1].text if turn.exchanges else None,
        "decision_ids": [exchange.decision_id for exchange in turn.exchanges],
    }


def _table(title: str, kind: str, groups: tuple[Group, ...], counted: str = "requests") -> Table:
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(kind, no_wrap=True)
    if kind == "model":
        table.add_column("tier", no_wrap=True, min_width=8)
    for name in ("turns", counted, "cost USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in groups:
        cells = [plain(one.name, TIER_STYLE.get(one.tier or "", ""))]
        if kind == "model":
            cells.append(plain(one.tier or UNKNOWN))
        table.add_row(*cells, Text(str(one.turns)), Text(str(one.requests)), Text(dollars(one.cost_usd)))
    return table
