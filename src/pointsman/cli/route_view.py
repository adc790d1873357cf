"""The picture of one decision: verdict first, then reasons, signals, models, and what would change it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pointsman.cli.console import TIER_STYLE, plain
from pointsman.cli.figures import usd
from pointsman.domain.decision import Decision
from pointsman.domain.turn import Turn
from pointsman.routing.policy import Policy

_QUOTE = 72
# "intent.recognised = false, intent.risk = 'none'" is read as "intent recognised no, intent risk none".
_SAID = (
    (re.compile(r"(\w+)\.(\w+) = "), r"\1 \2 "),
    (re.compile(r"\btrue\b"), "yes"),
    (re.compile(r"\bfalse\b"), "no"),
    (re.compile(r"'([^',]*)'"), r"\1"),
)


def show(decision: Decision, turn: Turn, policy: Policy, console: Console) -> None:
    """Print the whole decision."""
    console.print(_verdict(decision))
    console.print(_context(decision, turn, policy), style="dim")
    console.print()
    console.print(_reasons(decision))
    console.print(_signals(decision.signals))
    console.print(_models(decision))
    console.print(_runner_up(decision))


def money(cost: Decimal | None) -> str:
    """Return a cost as people read it; unknown and free are said in words."""
    if cost is None:
        return "price unknown"
    if not cost:
        return "$0 (your own machine)"
    return usd(cost)


def _verdict(decision: Decision) -> Text:
    verdict = Text()
    verdict.append(decision.route, style="bold")
    verdict.append(" -> ")
    verdict.append(decision.model, style=f"bold {TIER_STYLE.get(decision.tier, '')}".strip())
    confidence = "unknown (not measured yet)" if decision.confidence is None else f"{decision.confidence:.2f}"
    verdict.append(
        f" ({decision.tier}), about {money(decision.expected_cost_usd)}, confidence {confidence}, "
        f"decided in {decision.decided_us / 1000:.2f} ms"
    )
    return verdict


def _context(decision: Decision, turn: Turn, policy: Policy) -> Text:
    said = next((message.text for message in reversed(turn.messages) if message.role == "user"), "")
    said = " ".join(said.split())
    short = said if len(said) <= _QUOTE else said[: _QUOTE - 3] + "..."
    return plain(f'"{short}"  policy {policy.source} ({decision.policy}), decision {decision.id}')


def _reasons(decision: Decision) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Why, in order", title_justify="left", pad_edge=False)
    table.add_column("#", no_wrap=True, justify="right")
    table.add_column("by", no_wrap=True)
    table.add_column("name", no_wrap=True)
    table.add_column("what it said", overflow="fold")
    for number, reason in enumerate(decision.reasons, 1):
        table.add_row(str(number), reason.kind, plain(reason.name), plain(reason.text))
    return table


def _signals(signals: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="What was measured", title_justify="left", pad_edge=False)
    table.add_column("signal", no_wrap=True)
    table.add_column("values", overflow="fold")
    for name, fields in signals.items():
        table.add_row(name, plain(signal_text(fields)))
    return table


def signal_text(fields: Any) -> str:
    """Return the fields of one signal as people read them; an older record may hold a bare value."""
    if not isinstance(fields, dict):
        return _value(fields)
    return ", ".join(f"{field} {_value(value)}" for field, value in fields.items())


def _value(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "[" + ", ".join(str(item) for item in value) + "]"
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value) or "none"


def _models(decision: Decision) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Models of this policy", title_justify="left", pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("standing", overflow="fold")
    table.add_column("why", overflow="fold")
    table.add_row(plain(decision.model, "bold"), "chosen", "")
    for number, model in enumerate(decision.fallbacks, 1):
        table.add_row(plain(model), f"fallback {number}", "")
    placed = {decision.model, *decision.fallbacks}
    for model in decision.eligible:
        if model not in placed:
            table.add_row(plain(model), "able", "not a fallback for this turn")
    said = ""
    for item in decision.excluded:
        why = f"{item.constraint}: {item.text}"
        # A sentence that holds for many models is read once.
        table.add_row(plain(item.model), "excluded", plain("the same" if why == said else why))
        said = why
    return table


def _runner_up(decision: Decision) -> Text:
    second = decision.runner_up
    if second is None:
        return Text("Runner-up: none, no other model of this policy could take this turn.")
    cost = money(second.expected_cost_usd)
    condition, *evidence = flip_lines(second.flips_if)
    text = f"Runner-up: {second.route} -> {second.model}, about {cost}; it would have won if {condition}."
    return plain("\n".join((text, *(f"  {line}" for line in evidence))))


def flip_lines(flips_if: str) -> tuple[str, ...]:
    """Return what would flip a decision as lines to read: the change, then the rule's condition and this turn's values."""
    change, _, rest = flips_if.partition(": ")
    condition, mark, seen = rest.rpartition("; now ")
    if not mark:
        return (flips_if,)
    for words, said in _SAID:
        seen = words.sub(said, seen)
    return change, f"the rule asks for: {condition}", f"this turn has: {seen}"
