"""How outcomes and feedback are told in the terminal: lines of one turn, columns of a report."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from pointsman.cli.figures import UNKNOWN, count, dollars, usd
from pointsman.cli.replay_view import counted
from pointsman.cli.store_options import at
from pointsman.store.outcomes import Feedback, Outcome
from pointsman.store.reports import OutcomeFigures

_FLAGS = (("resolved", "not resolved"), ("escalated", "not escalated"), ("reopened", "not reopened"))


def outcome_lines(outcome: Outcome | None, feedback: list[Feedback]) -> list[str]:
    """Return what is known of how the conversation ended and what was said of the turn; nothing where nothing was."""
    lines = []
    if outcome is not None:
        flags = zip(_FLAGS, (outcome.resolved, outcome.escalated, outcome.reopened), strict=True)
        said = [words[0] if value else words[1] for words, value in flags if value is not None]
        if outcome.csat is not None:
            said.append(f"satisfaction {outcome.csat:g} of 5")
        if outcome.handoff_cost_usd is not None:
            said.append(f"handoff cost {usd(outcome.handoff_cost_usd)}")
        source = f", says {outcome.source}" if outcome.source else ""
        lines += ["", f"Outcome of the conversation: {', '.join(said) or 'unknown'} ({at(outcome.at_us)}{source})"]
    if feedback:
        lines += ["", "Feedback on this turn"]
        lines += [_feedback_line(one) for one in feedback]
    return lines


def _feedback_line(one: Feedback) -> str:
    said = [f"thumb {one.thumb}"] if one.thumb else []
    said += [f"{one.rating} of 5"] if one.rating is not None else []
    said += [one.label] if one.label else []
    said += [f"right route: {one.route}"] if one.route else []
    said += [f"right intent: {one.intent}"] if one.intent else []
    said += [f'"{one.comment}"'] if one.comment else []
    return f"  {at(one.at_us)}  {', '.join(said)}" + (f" ({one.source})" if one.source else "")


def outcome_columns(table: Table, rows: list[tuple[list[Text], OutcomeFigures | None]]) -> Table:
    """Add to ``table`` how the conversations of each group ended; a share stands with its n."""
    for heading in ("conversations", "with outcome", "resolved % (n)", "escalated % (n)", "reopened % (n)", "csat (n)"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("cost per resolved $", justify="right", no_wrap=True)
    for cells, row in rows:
        if row is None:
            table.add_row(*cells, *[UNKNOWN] * 7)
            continue
        table.add_row(
            *cells,
            count(row.conversations),
            count(row.reported),
            _share(row.resolved, row.resolved_n),
            _share(row.escalated, row.escalated_n),
            _share(row.reopened, row.reopened_n),
            UNKNOWN if row.csat is None else f"{row.csat:.1f} ({row.csat_n})",
            dollars(row.per_resolved_usd),
        )
    return table


def outcome_notes(whole: OutcomeFigures | None) -> list[str]:
    """Return what a reader of the outcome columns must know."""
    if whole is None or not whole.reported:
        return []
    handoffs = f", handoffs included where told ({whole.handoff_n})" if whole.handoff_n else ""
    known = f"{counted(whole.cost_n, 'conversation')} whose resolution and cost are known"
    return [
        f"Cost per resolved conversation: over {known}{handoffs}.",
        "A conversation counts in each group in which it has a turn.",
    ]


def _share(part: int | None, n: int) -> str:
    return UNKNOWN if part is None or n == 0 else f"{part / n * 100:.1f} ({n})"
