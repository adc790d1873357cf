"""How the benches show what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from pointsman.cli.bench_setup import Outcome
from pointsman.cli.console import out, plain
from pointsman.cli.figures import UNKNOWN, count, dollars, for_json, usd
from pointsman.cli.stacked import show_stacked
from pointsman.evaluation.bench_running import total
from pointsman.evaluation.bench_sums import SMALL, Quantile, Share
from pointsman.evaluation.benches.latency import LatencyRow
from pointsman.evaluation.benches.structured import StructuredRow
from pointsman.evaluation.benches.tools import ToolsRow

_KINDS_SHOWN = 4
_ONE_NEAR = " The interval of another overlaps with it."
_WORD = 30


def show_price(outcome: Outcome) -> None:
    """Print what a bench would cost."""
    usual = total([price.usual_usd for price in outcome.prices])
    calls = sum(price.calls for price in outcome.prices)
    said = f"about {usd(usual)}" if usual is not None else "an unknown sum"
    out().print(plain(f"{calls:,} calls would cost {said}. Nothing was sent.", "bold"))
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in ("calls", "about $", "at most $"):
        table.add_column(heading, justify="right", no_wrap=True)
    for price in outcome.prices:
        table.add_row(plain(price.model), count(price.calls), dollars(price.usual_usd), dollars(price.worst_usd))
    show_stacked(table, keys=1)
    out().print(plain("About: four bytes a token, replies of the usual length. At most: see `--max-usd`.", "dim"))


def show_structured(rows: Sequence[StructuredRow], outcome: Outcome, contract: str) -> None:
    """Print the table of the structured bench."""
    asked = [row for row in rows if row.released.n]
    best = max(asked, key=lambda row: (row.conforms.share or 0, row.released.share or 0), default=None)
    out().print(plain(_best_structured(best, asked, contract), "bold"))
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "schema"):
        table.add_column(heading, overflow="fold")
    for heading in ("n", "valid %", "95 %", "repaired %", "rejected %", "no reply", "$ per 1k", "tokens out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("what was wrong", overflow="fold")
    for row in rows:
        table.add_row(*_structured_cells(row))
    show_stacked(table, keys=2)
    _foot(outcome, [row.released for row in asked])


def _best_structured(best: StructuredRow | None, asked: Sequence[StructuredRow], contract: str) -> str:
    if best is None:
        return "No model gave a reply."
    said = f"{best.model} ({best.mode}) comes first: {percent(best.conforms.share)} % of {best.conforms.n:,} replies"
    level = _level(best.conforms, [row.conforms for row in asked if row is not best])
    return f"{said} satisfied {contract} as they came, 95 % interval {interval(best.conforms)}.{level}"


def _level(best: Share, others: Sequence[Share]) -> str:
    """Say how many others the first one's interval overlaps: who comes first may then be chance."""
    near = sum(one.high is not None and best.low is not None and one.high >= best.low for one in others)
    return f" The intervals of {near} others overlap with it." if near > 1 else _ONE_NEAR if near else ""


def _structured_cells(row: StructuredRow) -> list[Text | str]:
    keys = [plain(row.model), row.mode]
    if row.unsupported is not None:
        return [*keys, *[UNKNOWN] * 8, plain(row.unsupported, "dim")]
    rejected = None if row.released.share is None else 1 - row.released.share
    return [
        *keys,
        count(row.conforms.n),
        percent(row.conforms.share),
        interval(row.conforms),
        percent(row.repaired.share),
        percent(rejected),
        count(sum(row.errors.values())),
        dollars(row.cost_per_1k_usd),
        count(None if row.output_tokens is None else round(row.output_tokens)),
        plain(_wrong(row.kinds, row.errors)),
    ]


def show_tools(rows: Sequence[ToolsRow], outcome: Outcome, grader: str, by: str) -> None:
    """Print the tables of the tool bench: all cases, and by the value of a tag."""
    graded = [row for row in rows if row.right.n]
    best = max(graded, key=lambda row: row.right.share or 0, default=None)
    if best is None:
        said = "No answer could be graded."
    else:
        said = f"{best.model} comes first: {percent(best.right.share)} % of {best.right.n:,} answers right by {grader}"
        said += f", 95 % interval {interval(best.right)}."
        said += _level(best.right, [row.right for row in graded if row is not best])
    out().print(plain(said, "bold"))
    repeated = any(row.pass_hat_k is not None for row in rows)
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in ("n", "right %", "95 %", *(["all repeats right %"] if repeated else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("write errors", "no reply", "not graded", "$ per 1k", "p50 ms", "95 %", "p95 ms", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("what was wrong", overflow="fold")
    for row in rows:
        table.add_row(*_tools_cells(row, repeated=repeated))
    show_stacked(table, keys=1)
    sizes = sorted({row.right.cases for row in graded})
    if len(sizes) > 1:
        said = f"Models were graded on different cases ({sizes[0]:,} to {sizes[-1]:,}): their shares do not compare."
        out().print(plain(said, "yellow"))
    _show_slices(rows, by)
    _foot(outcome, [row.right for row in graded])


def _tools_cells(row: ToolsRow, *, repeated: bool) -> list[Text | str]:
    return [
        plain(row.model),
        count(row.right.n),
        percent(row.right.share),
        interval(row.right),
        *([percent(row.pass_hat_k)] if repeated else []),
        count(row.write_errors),
        count(sum(row.errors.values())),
        count(row.ungraded),
        dollars(row.cost_per_1k_usd),
        milliseconds(row.latency_p50.value),
        bounds(row.latency_p50),
        milliseconds(row.latency_p95.value),
        bounds(row.latency_p95),
        plain(_wrong(row.kinds, row.errors)),
    ]


def _show_slices(rows: Sequence[ToolsRow], by: str) -> None:
    names = tuple(dict.fromkeys(name for row in rows for name in row.slices))
    if not names:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column(f"right % by {by}", overflow="fold")
    for name in names:
        most = max(row.slices[name].n for row in rows if name in row.slices)
        table.add_column(plain(f"{name} (n {most:,})"), justify="right", no_wrap=True)
    for row in rows:
        shares = [row.slices.get(name) for name in names]
        table.add_row(plain(row.model), *(percent(None if one is None else one.share) for one in shares))
    out().print()
    show_stacked(table, keys=1)


def show_latency(rows: Sequence[LatencyRow], outcome: Outcome) -> None:
    """Print the table of the latency bench."""
    measured = [row for row in rows if row.ttft_p50.value is not None]
    out().print(plain(_best_latency(measured), "bold"))
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in ("prompt", "n", "TTFT p50 ms", "95 %", "TTFT p95 ms", "95 %", "tokens/s", "tokens in", "cached %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("tokens out", "no reply", "$ per 1k"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_latency_cells(row))
    show_stacked(table, keys=2)
    for row in rows:
        if row.errors:
            out().print(plain(f"{row.model} at {row.size}: no reply: {tally(row.errors)}", "dim"))
    if any(row.ttft_p95.high is None for row in measured):
        said = "An upper bound of p95 needs 72 replies, any bound of p50 six (--n, --repeats); – is unknown."
        out().print(plain(said, "yellow"))
    _foot(outcome, [])


def _best_latency(rows: Sequence[LatencyRow]) -> str:
    if not rows:
        return "No reply was streamed: there is no first-token time."
    size = rows[0].size if len({row.size for row in rows}) == 1 else _widest_size(rows)
    best = min((row for row in rows if row.size == size), key=lambda row: row.ttft_p50.value or 0)
    said = f"{best.model} is first at {size} tokens of prompt: first token after {milliseconds(best.ttft_p50.value)} ms"
    return f"{said} in the median, 95 % interval {bounds(best.ttft_p50)}, {best.ttft_p50.n} replies."


def _widest_size(rows: Sequence[LatencyRow]) -> str:
    """Return the size at which most replies were measured, the first of several."""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.size] = totals.get(row.size, 0) + row.ttft_p50.n
    return max(totals, key=lambda size: totals[size])


def _latency_cells(row: LatencyRow) -> list[Text | str]:
    return [
        plain(row.model),
        row.size,
        count(row.ttft_p50.n),
        milliseconds(row.ttft_p50.value),
        bounds(row.ttft_p50),
        milliseconds(row.ttft_p95.value),
        bounds(row.ttft_p95),
        count(None if row.speed.value is None else round(row.speed.value)),
        count(None if row.prompt_tokens is None else round(row.prompt_tokens)),
        UNKNOWN if row.cached is None else f"{100 * row.cached:.0f}",
        count(None if row.output_tokens is None else round(row.output_tokens)),
        count(sum(row.errors.values())),
        dollars(row.cost_per_1k_usd),
    ]


def milliseconds(value: float | None) -> str:
    """Return milliseconds, with a decimal where they are few; unknown is a dash."""
    if value is None:
        return UNKNOWN
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004 - three digits are enough


def bounds(found: Quantile) -> str:
    """Return the bounds of a quantile; a side that so few values cannot give is a dash."""
    if found.low is None and found.high is None:
        return UNKNOWN
    return f"{milliseconds(found.low)}–{milliseconds(found.high) if found.high is not None else '?'}"


def percent(share: float | None) -> str:
    """Return a share in percent with one decimal; unknown is a dash."""
    return UNKNOWN if share is None else f"{100 * share:.1f}"


def interval(share: Share) -> str:
    """Return the bounds of a share in percent."""
    if share.low is None or share.high is None:
        return UNKNOWN
    return f"{100 * share.low:.1f}–{100 * share.high:.1f}"


def tally(found: Mapping[str, int]) -> str:
    """Return words with their counts, the most frequent ones."""
    shown = [f"{number} {' '.join(word.split())[:_WORD]}" for word, number in list(found.items())[:_KINDS_SHOWN]]
    rest = len(found) - len(shown)
    return ", ".join([*shown, f"{rest} more kinds"] if rest > 0 else shown)


def _wrong(kinds: Mapping[str, int], errors: Mapping[str, int]) -> str:
    """Return what was wrong with the replies, and why others never came."""
    return "; ".join(filter(None, (tally(kinds), f"no reply: {tally(errors)}" if errors else "")))


def _foot(outcome: Outcome, shares: Sequence[Share]) -> None:
    """Say what a reader must know of the figures above."""
    console = out()
    few = min((share.cases for share in shares), default=0)
    if shares and few < SMALL:
        console.print(
            plain(f"Only {few} different cases: too few to tell models apart that are nearly alike.", "yellow")
        )
    if "simulated" in outcome.origins:
        console.print(
            plain("Simulated models answered: these figures show the bench at work, not how good a model is.", "yellow")
        )
    left = outcome.run.left if outcome.run is not None else 0
    if left:
        console.print(plain(f"Stopped by --max-usd: {left:,} calls were not made.", "yellow"))
    if outcome.origins == {"recorded"}:
        said = "Recorded answers: nothing was asked, nothing spent. A call without a reply counts in no share."
        console.print(plain(said, "dim"))
        return
    spent = (
        f"{usd(outcome.spent_usd)} of simulated money" if outcome.origins == {"simulated"} else usd(outcome.spent_usd)
    )
    console.print(plain(f"Spent {spent}. A call without a reply counts in no share.", "dim"))


def as_json(bench: str, rows: Sequence[Any], outcome: Outcome, about: Mapping[str, Any]) -> Any:
    """Return everything as plain data."""
    return for_json({
        "bench": bench,
        **about,
        "prices": outcome.prices,
        "spent_usd": outcome.spent_usd if outcome.run is not None else None,
        "asked": len(outcome.run.made) if outcome.run is not None else 0,
        "not_asked": outcome.run.left if outcome.run is not None else None,
        "rows": rows,
    })  # fmt: skip
