"""``pointsman run-report``: what a replay found, model by model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.table import Table

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.figures import UNKNOWN, for_json, usd
from pointsman.cli.replay_view import counted
from pointsman.cli.scorecard_view import cards_of, show_cards
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson
from pointsman.errors import UsageError

if TYPE_CHECKING:
    from pointsman.cli.run_compare import Compared
    from pointsman.evaluation.run_log import RunHead
    from pointsman.evaluation.run_summary import ModelSum, Quantile, Share

_KINDS = 4
_TAGS = 12


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run, or RUN#MODEL.", show_default=False)],
    by: Annotated[str | None, typer.Option("--by", help="Cut the accuracy by this tag, too.")] = None,
    repeats_by: Annotated[
        str | None, typer.Option("--repeats-by", help="Cases that share this tag are repeats of one case.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML file, with plots.")] = None,
    against: Annotated[
        str | None, typer.Option(help="RUN or RUN#MODEL: compare with this baseline; flips go into the HTML.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="With --against: the gate's terms (YAML); left out, the usual margins.")
    ] = None,
    cases: Annotated[
        Path | None, typer.Option(help="With --against: where the case file is now; left out, where it was.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Sum up a run: accuracy with its interval, pass^k, cost, latency, kinds of failures.

    Exit codes: 0 done, 2 wrong input.
    """
    if against is None and (policy is not None or cases is not None):
        raise UsageError("--policy and --cases belong to a comparison: add --against RUN, or leave them out.")
    compared = None
    if against is not None:
        from pointsman.cli.run_compare import Asked, compare

        compared = compare(Asked(run, against, policy, cases))
    report(run, by=by, repeats_by=repeats_by, html=html, json=json, compared=compared)


def report(
    run: str | Path,
    *,
    by: str | None = None,
    repeats_by: str | None = None,
    html: Path | None = None,
    json: bool = False,
    compared: Compared | None = None,
) -> None:
    """Print the report of the run in folder ``run``."""
    from pointsman.evaluation.run_log import read_grades, read_head
    from pointsman.evaluation.run_summary import summarise

    folder, model = _split(run)
    head = read_head(folder)
    if model and model not in head.models:
        raise UsageError(f"{folder}: has no model {model[:80]!r}. There are: {', '.join(head.models[:8])}.")
    rows = (row for row in read_grades(folder) if not model or row.model == model)
    sums = summarise(rows, repeats_by=repeats_by)
    if compared is not None:
        sums = compared.with_baseline(folder, sums, repeats_by)
    if html is not None:
        _write_page(html, folder, head, sums, compared)
    if json:
        more = {} if compared is None else {"against": compared.for_json()}
        cards = for_json(cards_of(folder))
        print_json(
            {"run": msgspec.to_builtins(head), "models": [_json(one) for one in sums], "scorecards": cards, **more}
        )
        return
    _show(head, sums, by, compared)
    show_cards(folder)


def _split(text: str | Path) -> tuple[Path, str]:
    """Return the folder and the model ('' for all) that ``RUN`` or ``RUN#MODEL`` names."""
    name, mark, model = str(text).rpartition("#")
    if not mark or Path(text).is_dir():
        return Path(text), ""
    return Path(name), model


def _write_page(to: Path, folder: Path, head: RunHead, sums: tuple[ModelSum, ...], compared: Compared | None) -> None:
    from pointsman.evaluation.run_extent import extents
    from pointsman.evaluation.run_log import read_grades
    from pointsman.evaluation.run_page import page

    found = extents(read_grades(folder))
    if compared is not None:
        found |= compared.extents()
    text = page(head, sums, found, None if compared is None else compared.comparison())
    try:
        # Halves of letters that a file cannot hold may stand in other people's text.
        to.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{to}: cannot be written: {error.strerror}.") from error


def _json(one: ModelSum) -> dict[str, Any]:
    data: dict[str, Any] = for_json(one)
    data["pass_hat"] = {str(k): {"share": share, "cases": n} for k, share, n in one.pass_hat}
    for name in ("kinds", "errors"):
        data[name] = dict(getattr(one, name))
    for name in ("ttft", "latency"):
        p50, p95 = data[name]
        data[name] = {"p50": p50, "p95": p95}
    data["by_tag"] = {tag: dict(values) for tag, values in data["by_tag"].items()}
    return data


def _show(head: RunHead, sums: tuple[ModelSum, ...], by: str | None, compared: Compared | None = None) -> None:
    console = out()
    if compared is not None:
        console.print(plain(compared.verdict(), "bold"))
    best = max(sums, key=lambda one: one.accuracy.share or -1.0, default=None)
    if best is None or best.accuracy.share is None:
        console.print(plain(f"{counted(head.cases, 'case')}, nothing graded by {head.grader}", "bold"))
    else:
        often = "is right most often:" if len(sums) > 1 else "is right in"
        console.print(plain(f"{best.model} {often} {_percent(best.accuracy)}", "bold"))
    some = f" of {head.total:,}" if head.cases < head.total else ""
    repeats = f", {head.repeats} repeats" if head.repeats > 1 else ""
    how = "on the recorded history" if head.mode == "fixed" else "running freely on the tape"
    what = f"{counted(head.cases, 'case')}{some} (version {head.version}){repeats}, {how}, graded by {head.grader}"
    console.print(plain(what, "dim"))
    if any("simulated" in one.origins for one in sums):
        console.print(plain("simulated models answered: this says nothing of real ones", "bold"))
    show_stacked(_table(sums), keys=1)
    _failures(sums)
    if by is not None:
        _by_tag(sums, by)


def _table(sums: tuple[ModelSum, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for name in (
        "right, 95 %",
        "n",
        "conform, 95 %",
        "USD / 1,000",
        "TTFT p50 ms",
        "p95 ms",
        "latency p50 ms",
        "p95 ms",
        "p95, 95 %",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for one in sorted(sums, key=lambda one: (-(one.accuracy.share or -1.0), one.model)):
        latency = one.latency[1]
        table.add_row(
            plain(one.model),
            _percent(one.accuracy),
            f"{one.accuracy.n:,}",
            _percent(one.conformance),
            UNKNOWN if one.usd_case is None else f"{one.usd_case * 1000:.3f}",
            _ms(one.ttft[0]),
            _ms(one.ttft[1]),
            _ms(one.latency[0]),
            _ms(latency),
            UNKNOWN if latency.low is None else f"{latency.low:,.0f}–{latency.high or 0:,.0f}",
        )
    return table


def _failures(sums: tuple[ModelSum, ...]) -> None:
    console = out()
    for one in sums:
        said = [f"pass^{k} {share:.3f}" for k, share, _ in one.pass_hat] if len(one.pass_hat) > 1 else []
        more = len(one.kinds) - _KINDS
        said += [f"{count:,} {kind}" for kind, count in one.kinds[:_KINDS]] + (
            [f"{more} more kind{'s' if more > 1 else ''}"] if more > 0 else []
        )
        said += [f"{count:,} failed: {kind}" for kind, count in one.errors[:_KINDS]]
        said += [f"{one.write_errors:,} wrong writes"] if one.write_errors else []
        said += [f"{one.diverged:,} left the tape"] if one.diverged else []
        said += [f"{one.answers - one.graded:,} not graded"] if one.answers > one.graded else []
        said += [f"{usd(one.usd)} in all"] if one.usd is not None else []
        console.print(plain(f"{one.model}: {', '.join(said) or 'nothing wrong'}"))


def _by_tag(sums: tuple[ModelSum, ...], tag: str) -> None:
    values = sorted({value for one in sums for value, _ in one.by_tag.get(tag, ())})
    if not values:
        known = sorted({name for one in sums for name in one.by_tag})
        raise UsageError(
            f"--by {tag[:40]}: the cases have no such tag to cut by; there are: {', '.join(known) or 'none'}"
        )
    for start in range(0, len(values), _TAGS):
        shown = values[start : start + _TAGS]
        table = Table(title=f"\nright by {tag}", title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column(tag, overflow="fold")
        for one in sums:
            table.add_column(one.model, justify="right", overflow="fold")
        for value in shown:
            cells = [dict(one.by_tag.get(tag, ())).get(value) for one in sums]
            table.add_row(
                plain(value), *(UNKNOWN if cell is None else f"{_percent(cell)} of {cell.n}" for cell in cells)
            )
        show_stacked(table, keys=1)


def _percent(share: Share) -> str:
    if share.share is None:
        return UNKNOWN
    if share.low is None or share.high is None:
        return f"{share.share:.1%}"
    return f"{share.share:.1%} ({share.low * 100:.1f}–{share.high * 100:.1f})"


def _ms(found: Quantile) -> str:
    return UNKNOWN if found.value is None else f"{found.value:,.0f}"
