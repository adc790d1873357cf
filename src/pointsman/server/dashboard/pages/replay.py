"""Replay and gates: the runs there are, and two of their models compared, flipped cases first."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pointsman.charts import numbers
from pointsman.errors import RequestError, UsageError
from pointsman.evaluation.flip_html import flip_html
from pointsman.evaluation.flip_views import flip_views
from pointsman.evaluation.gate import Gate
from pointsman.evaluation.gate_outside import outside
from pointsman.evaluation.gate_papers import figures as written
from pointsman.evaluation.gate_policy import GatePolicy
from pointsman.evaluation.promoting import Evidence, evidence
from pointsman.evaluation.run_extent import extents
from pointsman.evaluation.run_log import RunHead, read_grades, read_head
from pointsman.evaluation.run_plots import cost_plot, level, margin_plots, repeat_plot, time_plot
from pointsman.evaluation.run_shelf import KeptRun, Shelf, read_shelf, run_folder
from pointsman.evaluation.run_summary import ModelSum, Share, summarise
from pointsman.server.dashboard import promotion
from pointsman.server.dashboard.plots import Plot
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Moved, Shown, View
from pointsman.store.labels import Labels

_FLIPS: Final = 20
_ARMS: Final = 400
_TEXT: Final = 300


async def act(view: View) -> Moved:
    """Put the candidate in the baseline's place."""
    view.require("operator")
    return await view.ask(_promote, view)


def _promote(view: View) -> Moved:
    return promotion.promote(view, _judged(view, (view.form.get("baseline", ""), view.form.get("candidate", ""))))


async def show(view: View) -> Shown:
    """Show the runs, one of them, or two of their models compared."""
    if view.query.get("baseline") or view.query.get("candidate"):
        return await view.ask(_compared, view)
    return await view.ask(_one if view.rest else _all, view)


def runs_folder(view: View) -> Path:
    """Return where runs are: where the policy says, else ``runs`` beside the store."""
    return view.router.policy.runs_path or view.router.store.path.parent / "runs"


def _all(view: View) -> Shown:
    shelf = read_shelf(runs_folder(view))
    return Shown(_data(view, shelf), _verdict(shelf), (_runs(view, shelf),))


def _data(view: View, shelf: Shelf, **more: Any) -> dict[str, Any]:
    folder = runs_folder(view)
    arms = [f"{run.name}#{model}" for run in shelf.runs for model in run.head.models][:_ARMS]
    usual: dict[str, Any] = {
        "kind": "all",
        "folder": str(folder),
        "command": f"pointsman replay cases.jsonl --models MODEL,MODEL --max-usd 5 --out {folder}/first",
        "problems": shelf.problems,
        "arms": arms,
        "baseline": view.query.get("baseline", ""),
        "candidate": view.query.get("candidate", ""),
        "plots": (),
    }
    return usual | more


def _verdict(shelf: Shelf) -> str:
    if not shelf.runs:
        return ""
    newest = shelf.runs[0]
    some = "One run" if shelf.total == 1 else f"{numbers.count(shelf.total)} runs"
    models = len(newest.head.models)
    of = f"{numbers.count(newest.head.cases)} cases on {models} model{'' if models == 1 else 's'}"
    return f"{some}; the newest, {newest.name[:80]}, is of {of}."


def _runs(view: View, shelf: Shelf) -> Table:
    columns = (
        Column("run", "Run"),
        Column("graded", "Graded", "when"),
        Column("models", "Models"),
        Column("cases", "Cases", "count"),
        Column("repeats", "Repeats", "count"),
        Column("mode", "Mode"),
        Column("grader", "Grader", "id"),
    )
    return Table("runs", "Runs", columns, [_run_row(view, run) for run in shelf.runs], shelf.total, empty="No run yet.")


def _run_row(view: View, run: KeptRun) -> list[Any]:
    head = run.head
    models = ", ".join(head.models[:4]) + (f" and {len(head.models) - 4} more" if len(head.models) > 4 else "")  # noqa: PLR2004 - a line of the table
    mode = "recorded history" if head.mode == "fixed" else "free, on the tape"
    link = view.link(view.page.slug, run.name)
    return [Cell(run.name, link), run.graded_at_us, models, head.cases, head.repeats, mode, head.grader]


def _one(view: View) -> Shown:
    folder = run_folder(runs_folder(view), view.rest)
    head = read_head(folder)
    tag = view.query.get("repeats_by") or None
    sums = sorted(
        summarise(read_grades(folder), repeats_by=tag), key=lambda one: (-(one.accuracy.share or -1.0), one.model)
    )
    plots = _plots(cost_plot(sums), time_plot(sums, extents(read_grades(folder))), *map(repeat_plot, sums[:2]))
    shelf = read_shelf(runs_folder(view))
    data = _data(
        view,
        shelf,
        kind="one",
        tags=sorted({name for one in sums for name in one.by_tag} | ({tag} if tag else set())),
        repeats_by=tag or "",
        plots=plots,
        told=_told(head, sums),
        pair=_pair(view, head),
        report=f"pointsman run-report {folder} --html run.html",
    )
    best = next((one for one in sums if one.accuracy.share is not None), None)
    verdict = "Nothing was graded yet."
    if best is not None:
        often = "is right most often:" if len(sums) > 1 else "is right in"
        verdict = f"{best.model} {often} {_share(best.accuracy)}, n = {numbers.count(best.accuracy.n)}."
    return Shown(data, verdict, (_models(view.rest, sums),), title=f"Run {view.rest}")


def _pair(view: View, head: RunHead) -> str:
    """Return where a run's two models are compared, "" where it is of more or fewer."""
    if len(head.models) != 2:  # noqa: PLR2004 - a pair
        return ""
    baseline, candidate = (f"{view.rest}#{model}" for model in head.models)
    return view.link(view.page.slug, baseline=baseline, candidate=candidate)


def _told(head: RunHead, sums: list[ModelSum]) -> str:
    how = "on the recorded history" if head.mode == "fixed" else "running freely on the tape"
    simulated = any("simulated" in one.origins for one in sums)
    said = f"{numbers.count(head.cases)} cases of {head.cases_file} (version {head.version}), {how}, graded by {head.grader}."
    return said + (" Simulated models answered: this says nothing of real ones." if simulated else "")


def _models(run: str, sums: list[ModelSum]) -> Table:
    columns = (
        Column("model", "Model"),
        Column("right", "Right (95 %)"),
        Column("n", "n", "count"),
        Column("conform", "Conform (95 %)"),
        Column("pass_1", "pass^1", "share"),
        Column("pass_4", "pass^4", "share", "All of four repeats right; – where cases were asked fewer times"),
        Column("usd_1000", "USD per 1,000", "usd"),
        Column("spent_usd", "Spent", "usd"),
        Column("ttft_p95_ms", "First token, p95", "ms"),
        Column("latency_p95_ms", "Answer, p95", "ms"),
    )
    rows = []
    for one in sums:
        every = {k: share for k, share, _ in one.pass_hat}
        per = None if one.usd_case is None else one.usd_case * 1000
        shares = [_share(one.accuracy), one.accuracy.n, _share(one.conformance), every.get(1), every.get(4)]
        rows.append([one.model, *shares, per, one.usd, one.ttft[1].value, one.latency[1].value])
    return Table("models", f"Models of {run}" if run else "Both arms", columns, rows)


def _share(share: Share) -> str | None:
    return None if share.share is None else numbers.with_interval(share.share, share.low, share.high)


def _plots(*drawn: str) -> tuple[Plot, ...]:
    return tuple(Plot(one) for one in drawn if one)


def _compared(view: View) -> Shown:
    shelf = read_shelf(runs_folder(view))
    names = view.query.get("baseline", ""), view.query.get("candidate", "")
    try:
        found = _judged(view, names)
    except UsageError as error:
        return Shown(_data(view, shelf, problems=(str(error)[:1000],)), "", (_runs(view, shelf),), status=400)
    old, new, gate = found.old, found.new, found.gate
    views = flip_views(gate, old, new, _FLIPS)
    sums = _both(found)
    command = f"--baseline {old.folder}#{old.model} --candidate {new.folder}#{new.model}"
    total = len(gate.lost) + len(gate.gained)
    data = _data(
        view,
        shelf,
        kind="compared",
        gate=gate,
        simulated=found.simulated,
        plots=_plots(margin_plots(gate)),
        flips=[Plot(flip_html(one, place)) for place, one in enumerate(views.views, 1)],
        missing=views.missing,
        more=total - len(views.views),
        report=f"pointsman run-report {new.folder}#{new.model} --against {old.folder}#{old.model} --html gate.html",
        promote=f"pointsman promote {command}" if gate.answer == "pass" else "",
        **promotion.offer(view, found),
    )
    title = f"{new.model[:60]} in place of {old.model[:60]}"
    return Shown(
        data, f"{gate.answer.capitalize()}: {gate.text[:_TEXT]}.", (_metrics(gate), _models("", sums)), title=title
    )


def _judged(view: View, names: tuple[str, str]) -> Evidence:
    """Judge the gate over the arms of that name.

    Raises:
        UsageError: one is not there, or they cannot be compared.
    """
    paths: list[str] = []
    for name, what in zip(names, ("baseline", "candidate"), strict=True):
        run, mark, model = name.partition("#")
        if not run:
            raise RequestError(f"choose a {what}", param=what)
        folder = run_folder(runs_folder(view), run)
        paths.append(f"{folder}#{model}" if mark else str(folder))
    labels = Labels(view.router.store)
    return evidence(paths[0], paths[1], GatePolicy(), lambda old, new: outside(old, new, labels))


def _both(found: Evidence) -> list[ModelSum]:
    """Return the sums of both arms, the candidate's first."""
    sums: list[ModelSum] = []
    for arm in (found.new, found.old):
        sums += summarise(row for row in read_grades(Path(arm.folder)) if row.model == arm.model)
    return sums


def _metrics(gate: Gate) -> Table:
    columns = (
        Column("metric", "Metric"),
        Column("verdict", "Verdict"),
        Column("baseline", "Baseline"),
        Column("candidate", "Candidate"),
        Column("difference", "Difference (bounds)"),
        Column("margin", "Margin"),
        Column("n", "n", "count"),
        Column("text", "What it rests on"),
    )
    rows = []
    for one in gate.metrics:
        change, margin = written(one)[2:]
        arms = level(one.name, one.baseline), level(one.name, one.candidate)
        rows.append([one.name.replace("_", " "), one.answer, *arms, change, margin, one.n, one.text])
    return Table("metrics", "Metrics", columns, rows)
