"""How one turn is told in the terminal: its decision and its model calls, and how its figures are written."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pointsman.cli.console import TIER_STYLE, plain
from pointsman.cli.figures import UNKNOWN, count, dollars, usd
from pointsman.cli.replay_view import short
from pointsman.cli.route_view import flip_lines, signal_text
from pointsman.domain.decision import Decision
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.usage import Usage

_NOT_A_REASON = frozenset({"eligibility", "cost"})


def ms(value: float | None) -> str:
    """Return milliseconds: whole from ten on, else with one decimal; unknown is a dash."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"  # noqa: PLR2004 - two digits are enough to compare


def decision_line(record: TurnRecord) -> Text:
    """Return the decision as one line: route, model, confidence, why, time, cost."""
    decision = record.decision
    model = record.steps[-1].model if record.steps else decision.model
    confidence = UNKNOWN if decision.confidence is None else f"{decision.confidence:.2f}"
    why = next((reason.text for reason in decision.reasons if reason.kind not in _NOT_A_REASON), "no reason recorded")
    line = plain(f"{decision.route} · ", "bold")
    line.append_text(plain(short(model), TIER_STYLE.get(decision.tier, "")))
    line.append_text(plain(f" · {confidence} · {why} · {decision.decided_us / 1000:.1f} ms · {usd(record.cost_usd)}"))
    return line


def show_decision(console: Console, decision: Decision) -> None:
    """Print why: reasons in order, the runner-up, who could have served and who could not."""
    console.print(plain("\nWhy", "bold"))
    for number, reason in enumerate(decision.reasons, 1):
        console.print(plain(f"  {number}. {reason.text}  ({reason.kind}: {reason.name})"))
    if decision.runner_up is not None:
        second = decision.runner_up
        expected = usd(second.expected_cost_usd)
        console.print(plain(f"  runner-up: {second.route} · {second.model} · {expected} expected"))
        change, *evidence = flip_lines(second.flips_if)
        console.print(plain(f"  would be first if {change}"))
        for line in evidence:
            console.print(plain(f"    {line}", "dim"))
    console.print(plain(f"  eligible: {', '.join(decision.eligible) or 'no model'}"))
    for out in decision.excluded:
        console.print(plain(f"  excluded: {out.model}: {out.text} ({out.constraint})", "dim"))
    if decision.signals:
        console.print(plain("  signals:", "dim"))
        for name, fields in decision.signals.items():
            console.print(plain(f"    {name:<14} {signal_text(fields)}", "dim"))


def steps_table(steps: tuple[StepRecord, ...]) -> Table:
    """Return each model call as a row, failed ones too; with its prompt where Pointsman gave one its own."""
    prompted = any(step.prompt for step in steps)
    table = Table(box=None, pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    for heading in ("call", "model", "status"):
        table.add_column(heading, overflow="fold")
    for heading in ("http", "first ms", "total ms", "in", "cached", "written", "out", "reasoning", "cost $"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("prompt", "note") if prompted else ("note",):
        table.add_column(heading, overflow="fold")
    for number, step in enumerate(steps, 1):
        table.add_row(
            str(number),
            plain(step.purpose + (f" (try {step.attempt})" if step.attempt > 1 else "")),
            plain(step.model),
            plain(step.status, "green" if step.status == "ok" else "red"),
            str(step.http_status or UNKNOWN),
            ms(step.ttft_ms),
            ms(step.duration_ms),
            *_tokens(step.usage),
            dollars(step.cost_usd),
            *([plain(step.prompt or "the client's own")] if prompted else []),
            plain(_note(step)),
        )
    return table


def _tokens(usage: Usage | None) -> tuple[str, ...]:
    if usage is None:
        return (UNKNOWN,) * 5
    counts = (usage.input_uncached, usage.cache_read, usage.cache_write, usage.output, usage.reasoning)
    return tuple(count(value) for value in counts)


def _note(step: StepRecord) -> str:
    notes = []
    if step.error_code or step.error_text:
        notes.append(": ".join(part for part in (step.error_code, step.error_text) if part))
    if step.estimated:
        notes.append("tokens estimated")
    if step.stop_reason:
        notes.append(f"stopped: {step.stop_reason}")
    if step.relayed:
        notes.append("relayed")
    return "; ".join(notes)
