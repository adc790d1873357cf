"""``pointsman gate``: may the candidate take the baseline's place? Pass, fail, or run so many more cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.figures import for_json
from pointsman.cli.replay_view import counted
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson
from pointsman.errors import StoreError, UsageError
from pointsman.store import DEFAULT_URL, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pointsman.evaluation.gate import Flip, Gate
    from pointsman.evaluation.gate_arms import Arm
    from pointsman.evaluation.gate_outside import Outside
    from pointsman.evaluation.gate_policy import MetricName

EXIT_CODES = {"pass": 0, "fail": 1, "hold": 3}
_STYLES = {"pass": "bold green", "fail": "bold red", "hold": "bold yellow"}
_WHY = 110


def command(
    baseline: Annotated[str, typer.Option(help="RUN or RUN#MODEL: what answers today.", show_default=False)],
    candidate: Annotated[str, typer.Option(help="RUN or RUN#MODEL: what is to take its place.", show_default=False)],
    policy: Annotated[Path | None, typer.Option(help="The gate's terms (YAML); left out, the usual margins.")] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Only these, with commas: accuracy, conformance, ttft_p95, latency_p95, cost, write_errors, scorecard, judged."
        ),
    ] = None,
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Look while the candidate's run goes on, as often as you like.")
    ] = False,
    flips: Annotated[int, typer.Option(min=0, max=1000, help="Flipped cases to show.")] = 10,
    junit: Annotated[Path | None, typer.Option(help="Write the verdict as JUnit XML, too.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the verdict as Markdown, too.")] = None,
    store: Annotated[
        str, typer.Option("--store", help="Where the labels are that a judge is measured by.", envvar="POINTSMAN_STORE")
    ] = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Compare two runs case by case and say whether the candidate is good enough.

    Exit codes: 0 pass, 1 fail, 2 wrong input (also runs of different cases), 3 not enough evidence.
    """
    from pointsman.evaluation.gate import judge, judge_as_it_runs
    from pointsman.evaluation.gate_arms import pairs_of, prefix_of, read_arm
    from pointsman.evaluation.gate_policy import GatePolicy, chosen, read_gate_policy

    terms = chosen(GatePolicy() if policy is None else read_gate_policy(policy), metrics)
    old, new = read_arm(baseline), read_arm(candidate)
    gate = (
        judge_as_it_runs(old, new, prefix_of(old, new), terms)
        if sequential
        else judge(old, new, pairs_of(old, new), terms, outside=measured_beside(old, new, store))
    )
    _papers(gate, old.model, new.model, junit, markdown)
    if json:
        print_json({"baseline": _arm(old), "candidate": _arm(new), **for_json(gate)})
    else:
        simulated = "simulated" in old.origins | new.origins
        _show(gate, old.model, new.model, flips, simulated=simulated)
    raise typer.Exit(EXIT_CODES[gate.answer])


def measured_beside(old: Arm, new: Arm, store: str) -> Mapping[MetricName, Outside]:
    """Return what cards and judges say of two arms, measured by the labels of a store; without a store nobody labelled."""
    from pointsman.evaluation.gate_outside import outside
    from pointsman.store.labels import Labels

    try:
        opened = open_store(store, must_exist=True)
    except StoreError:
        return outside(old, new)
    with opened:
        return outside(old, new, Labels(opened))


def _arm(arm: Any) -> dict[str, Any]:
    return {"run": arm.folder, "model": arm.model, "cases_version": arm.head.version, "grader": arm.grader}


def _papers(gate: Gate, old: str, new: str, junit_to: Path | None, markdown_to: Path | None) -> None:
    from pointsman.evaluation.gate_papers import junit, markdown

    for path, text in ((junit_to, junit), (markdown_to, markdown)):
        if path is not None:
            try:
                path.write_text(text(gate, old, new), encoding="utf-8")
            except OSError as error:
                raise UsageError(f"{path}: cannot be written: {error.strerror}.") from error


def _show(gate: Gate, old: str, new: str, flips: int, *, simulated: bool) -> None:
    console = out()
    console.print(Text.assemble((gate.answer.upper(), _STYLES[gate.answer]), plain(f": {gate.text}", "bold")))
    looked = ", looked at while the run goes on" if gate.sequential else ""
    cases = counted(gate.cases, "case")
    console.print(plain(f"{old} -> {new}, {cases} of {counted(gate.conversations, 'conversation')}{looked}", "dim"))
    if simulated:
        console.print(plain("simulated models answered: this says nothing of real ones", "bold"))
    _flips("lost", gate.lost, flips)
    _flips("gained", gate.gained, flips)
    console.print()
    show_stacked(_table(gate), keys=1)
    for one in gate.left_out:
        console.print(plain(f"not judged: {one}", "dim"))


def _table(gate: Gate) -> Table:
    from pointsman.evaluation.gate_papers import figures

    table = Table(box=None, pad_edge=False)
    table.add_column("metric", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for name in ("baseline", "candidate", "difference (bounds)", "margin", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for metric in gate.metrics:
        table.add_row(
            metric.name,
            Text(metric.answer, _STYLES[metric.answer]),
            *figures(metric),
            f"{metric.n:,}",
            plain(metric.text),
        )
    return table


def _flips(what: str, flips: tuple[Flip, ...], shown: int) -> None:
    console = out()
    if not flips:
        return
    console.print(
        plain(f"\n{counted(len(flips), 'case')} {what}" + ("" if shown else " (--flips N shows them)"), "bold")
    )
    if not shown:
        return
    for flip in flips[:shown]:
        console.print(
            plain(f"  {flip.case}  {flip.before:.0%} -> {flip.after:.0%}  {' '.join(flip.why[:_WHY].split())}")
        )
    if len(flips) > shown:
        console.print(plain(f"  ... and {len(flips) - shown:,} more (--flips N, --json)", "dim"))
