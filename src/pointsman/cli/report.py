"""``pointsman report``: turns summed up by route, model, tier, intent ..."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pointsman.catalog.book import Catalog
from pointsman.cli.calls_view import show_calls
from pointsman.cli.console import TIER_STYLE, out, plain, print_json
from pointsman.cli.figures import UNKNOWN, count, dollars, for_json, usd
from pointsman.cli.outcome_view import outcome_columns, outcome_notes
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
    since_us,
    until_us,
)
from pointsman.cli.turn_view import ms
from pointsman.errors import UsageError
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.asking.slice import Slice
from pointsman.monitoring.questions import calls as calls_question
from pointsman.monitoring.questions import report as report_question
from pointsman.monitoring.questions import savings as savings_question
from pointsman.monitoring.questions.savings import Baseline
from pointsman.store import DEFAULT_URL, ReportRow, open_store
from pointsman.store.reports import DIMENSIONS, ENOUGH


def command(
    by: Annotated[str, typer.Option(help=f"One or more of: {', '.join(DIMENSIONS)}.")] = "route",
    since: Since = None,
    until: Until = None,
    status: OnlyStatus = None,
    route: OnlyRoute = None,
    model: OnlyModel = None,
    conversation: OnlyConversation = None,
    calls: Annotated[
        bool, typer.Option(help="Sum up model calls by purpose instead: planners, workers, retries.")
    ] = False,
    limit: Limit = 50,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Sum up stored turns: errors, first-token time, tokens, cost, and the cost of the same turns on the flagship.

    A dash (null in JSON) means unknown, never zero. Exit codes: 0 done, 2 the input was wrong.
    """
    dimensions = _dimensions(by)
    chosen = Slice(
        since_us(since),
        until_us(until),
        status=_only(status),
        route=_only(route),
        model=_only(model),
        conversation=_only(conversation),
    )
    with open_store(store, must_exist=True) as opened:
        asker = Asker(opened, Catalog.load())
        asker.fold()
        with asker.board() as board:
            if calls:
                show_calls(list(calls_question.ask(board, chosen).rows), limit, json=json)
                return
            groups = list(report_question.ask(board, chosen, dimensions).rows)
            whole = report_question.ask(board, chosen).rows
            warm = savings_question.against_flagship(board, chosen)
    if json:
        total = _row_json(whole[0]) if whole else None
        rows = [_row_json(row) for row in groups[:limit]]
        warmed = None if warm is None else for_json(warm)
        print_json({"by": dimensions, "total": total, "warm": warmed, "groups": len(groups), "rows": rows})
        return
    if not whole:
        out().print(plain("No turn matches. Point an agent at `pointsman serve`, or widen the filters."))
        return
    _show(dimensions, groups, whole[0], limit, warm)


def _only(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _show(
    dimensions: tuple[str, ...], groups: list[ReportRow], whole: ReportRow, limit: int, warm: Baseline | None
) -> None:
    console = out()
    console.print(plain(verdict(whole), "bold"))
    shown = groups[:limit]
    show_stacked(_latency_table(dimensions, shown), keys=len(dimensions))
    console.print()
    show_stacked(_money_table(dimensions, shown), keys=len(dimensions))
    if whole.outcomes is not None and whole.outcomes.reported:
        console.print()
        table = outcome_columns(_table(dimensions), [(_group_cells(row), row.outcomes) for row in shown])
        show_stacked(table, keys=len(dimensions))
    for note in (*warm_notes(warm), *_notes(dimensions, whole, len(groups) - len(shown))):
        console.print(plain(note, "dim"))


def _dimensions(by: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    unknown = [name for name in names if name not in DIMENSIONS]
    if unknown or not names:
        raise UsageError(f"--by {by[:100]!r}: a report can be taken by {', '.join(DIMENSIONS)} (several with commas).")
    return names


def verdict(whole: ReportRow) -> str:
    """Return the report in one sentence."""
    simulated = ""
    if whole.simulated:
        simulated = " (simulated models)" if whole.simulated == whole.turns else f" ({whole.simulated} simulated)"
    what = f"{_turns(whole.turns)}{simulated}, {_failed(whole)} failed"
    if whole.flagship_usd is None or whole.saving_usd is None:
        return f"{what}; cost {usd(whole.cost_usd)}, what it would have been on the flagship is unknown."
    part = (
        "" if whole.both_known == whole.turns else f" (both costs known for {whole.both_known} of {whole.turns} turns)"
    )
    if whole.flagship_usd == 0:
        return f"{what}; the same turns would have cost nothing on the flagship{part}."
    word = "saved" if whole.saving_usd >= 0 else "lost"
    share = abs(whole.saving_usd) / whole.flagship_usd * 100
    return f"{what}; routing {word} {usd(abs(whole.saving_usd))} of {usd(whole.flagship_usd)} ({share:.1f} %){part}."


def _latency_table(dimensions: tuple[str, ...], rows: list[ReportRow]) -> Table:
    table = _table(dimensions)
    headings = ("turns", "errors % (95 % interval)", "left", "first p50 ms", "first p95 ms", "first n", "out tok/s")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in rows:
        few = 0 < row.ttft_n < ENOUGH
        style = "dim" if few else ""
        table.add_row(
            *_group_cells(row),
            count(row.turns),
            Text(_share(row), style="dim" if row.turns < ENOUGH else ""),
            count(row.cancelled),
            Text(ms(row.ttft_p50_ms), style=style),
            Text(ms(row.ttft_p95_ms), style=style),
            count(row.ttft_n),
            UNKNOWN if row.tokens_per_s is None else f"{row.tokens_per_s:,.0f}",
            Text(f"too few (n = {row.ttft_n})" if few else "", style="dim"),
        )
    return table


def _money_table(dimensions: tuple[str, ...], rows: list[ReportRow]) -> Table:
    table = _table(dimensions)
    for heading in (
        "in uncached",
        "in cached",
        "in written",
        "out tok",
        "reasoning",
        "cost $",
        "on flagship $",
        "saved $",
        "saved %",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in rows:
        share = row.saving_usd / row.flagship_usd * 100 if row.saving_usd is not None and row.flagship_usd else None
        table.add_row(
            *_group_cells(row),
            count(row.input_uncached),
            _known(row.cache_read, row.cache_read_known, row.usage_known),
            _known(row.cache_write, row.cache_write_known, row.usage_known),
            count(row.output),
            _known(row.reasoning, row.reasoning_known, row.usage_known),
            dollars(row.cost_usd),
            dollars(row.flagship_usd),
            dollars(row.saving_usd),
            UNKNOWN if share is None else f"{share:.1f}",
            Text("" if row.cost_known == row.turns else f"cost known for {row.cost_known} of {row.turns}", style="dim"),
        )
    return table


def _known(tokens: int | None, known: int, of: int) -> str:
    """Return the sum of the known, with the number of turns that it leaves out: not every provider reports every kind."""
    return count(tokens) if tokens is None or known == of else f"{count(tokens)} ({of - known:,} unknown)"


def _table(dimensions: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in dimensions:
        table.add_column(name, overflow="fold")
    return table


def _group_cells(row: ReportRow) -> list[Text]:
    return [
        plain(UNKNOWN if value is None else value, TIER_STYLE.get(value or "", "") if name == "tier" else "")
        for name, value in row.by.items()
    ]


def warm_notes(warm: Baseline | None) -> list[str]:
    """Return what routing saved against the flagship with a warm cache: the figure of `pointsman pnl` and the pages."""
    if warm is None:
        return []
    if warm.saved_usd is None or not warm.warm_usd:
        return [
            f"What routing saved against {warm.model} with its cache kept warm is unknown: {warm.why or 'no cost'}."
        ]
    word = "saved" if warm.saved_usd >= 0 else "lost"
    share = abs(warm.saved_usd) / warm.warm_usd * 100
    note = (
        f"Against {warm.model} with its cache kept warm routing {word} {usd(abs(warm.saved_usd))} of {usd(warm.warm_usd)} "
        f"({share:.1f} %, {_turns(warm.n)}): pnl and the pages say that. Above, each turn's cache reads are as they were."
    )
    return [note]


def _notes(dimensions: tuple[str, ...], whole: ReportRow, hidden: int) -> list[str]:
    notes = []
    if hidden > 0:
        notes.append(f"{hidden} more groups: --limit shows them.")
    if whole.usage_known < whole.turns:
        notes.append(f"Tokens are known for {whole.usage_known} of {whole.turns} turns.")
    if whole.cost_known < whole.turns:
        notes.append(f"Cost is known for {whole.cost_known} of {whole.turns} turns; the rest is not in the sums.")
    if whole.both_known < whole.turns:
        notes.append(f"The flagship is compared over the {whole.both_known} turns where both costs are known.")
    notes += outcome_notes(whole.outcomes)
    if set(dimensions) & {"model", "tier"}:
        notes.append("A turn stands under the model that answered, with all its calls: --calls shows each model's own.")
    notes.append(
        f"First-token times: streamed turns only; p95 of fewer than {ENOUGH} is their largest. {UNKNOWN} is unknown."
    )
    return notes


def _turns(n: int) -> str:
    return f"{n:,} turn{'' if n == 1 else 's'}"


def _failed(row: ReportRow) -> str:
    return f"{row.errors / row.turns * 100:.1f} % ({row.errors_low * 100:.1f} to {row.errors_high * 100:.1f})"


def _share(row: ReportRow) -> str:
    return f"{row.errors / row.turns * 100:.1f} ({row.errors_low * 100:.1f} to {row.errors_high * 100:.1f})"


def _row_json(row: ReportRow) -> dict[str, Any]:
    return {**for_json(row), "ttft_enough": row.ttft_n >= ENOUGH}
