"""``pointsman judge``: which of two models' replies is better, by a third; and what that judge is worth."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.figures import for_json, usd
from pointsman.cli.replay_options import Concurrency, Emulated, MaxUsd, PolicyFile, ScriptFile
from pointsman.cli.replay_view import counted
from pointsman.cli.store_options import AsJson, StoreUrl
from pointsman.errors import StoreError, UsageError
from pointsman.store import DEFAULT_URL, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pointsman.evaluation.judging import BothArms, Judged, JudgedRow, RunArm
    from pointsman.execution.prompts import Prompt
    from pointsman.store.labels import Labels

EXIT_STOPPED = 3

app = typer.Typer(
    help="Let a model compare replies, and measure it against people. Exit codes: 0 done, 2 wrong input, 3 stopped at --max-usd.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ByJudge = Annotated[
    str, typer.Option("--judge", help="The model that judges; none of those compared.", show_default=False)
]


@app.command()
def compare(
    baseline: Annotated[str, typer.Option(help="RUN or RUN#MODEL: what answers today.", show_default=False)],
    candidate: Annotated[str, typer.Option(help="RUN or RUN#MODEL: what is to take its place.", show_default=False)],
    judge: ByJudge,
    rubric: Annotated[
        Path | None, typer.Option(help="A text file: by what replies are compared, in your words.")
    ] = None,
    cases: Annotated[
        Path | None, typer.Option(help="Where the runs' case file is now; left out, where it was.")
    ] = None,
    at_once: Concurrency = 4,
    max_usd: MaxUsd = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it could cost.")] = False,
    emulated: Emulated = False,
    script: ScriptFile = None,
    policy: PolicyFile = None,
    store: StoreUrl = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Compare two models' replies case by case, each pair in both orders; a judge that answers otherwise then says "tie".

    Interrupted, it goes on where it stopped, and asks nothing twice.
    """
    from pointsman.cli.judge_view import show_judged
    from pointsman.cli.replay_setup import LiveWhere, dollars
    from pointsman.evaluation.judging import BothArms, RunArm

    if script is not None and not emulated:
        raise UsageError("--script says what simulated models answer: add --emulated")
    old, new = RunArm.named(baseline), RunArm.named(candidate)
    plan = _Plan(old, new, judge, _rubric(rubric), at_once, dollars(max_usd), dry_run, judge_prompt(store))
    where = LiveWhere(policy, emulated, script, 0)
    with BothArms(old, new, cases) as both:
        judged = asyncio.run(_judge(plan, both, where, json=json))
    if judged is None:
        return
    with _labels_of(store) as labels:
        show_judged(judged, labels, json=json)
    if not judged.head.done:
        err().print(plain(f"stopped at --max-usd {max_usd}: {judged.head.cases - len(judged.rows):,} cases are left."))
        raise typer.Exit(EXIT_STOPPED)


@app.command()
def report(json: AsJson = False, store: StoreUrl = DEFAULT_URL) -> None:
    """Say of each judge how it agrees with people, how often it flips, what its figures are once corrected, and if it may gate.

    Labels come from `pointsman label` and from the dashboard's review queue.
    """
    from pointsman.cli.judge_view import show_standings
    from pointsman.evaluation.judging_standing import standing
    from pointsman.store.labels import Labels

    with open_store(store, must_exist=True) as opened:
        labels = Labels(opened)
        found = [standing(labels, key.judge, key.version, key.metric) for key in labels.judges()]
    if json:
        print_json({"judges": [for_json(one) | {"may_gate": one.may_gate} for one in found]})
        return
    show_standings(found)


class _Plan:
    """What the flags ask for."""

    def __init__(
        self,
        old: RunArm,
        new: RunArm,
        judge: str,
        rubric: str,
        at_once: int,
        cap: Decimal | None,
        dry_run: bool,
        prompt: Prompt | None,
    ) -> None:
        self.old, self.new, self.judge, self.rubric = old, new, judge, rubric
        self.at_once, self.cap, self.dry_run, self.prompt = at_once, cap, dry_run, prompt


async def _judge(plan: _Plan, both: BothArms, where: Any, *, json: bool) -> Judged | None:
    """Compare, and keep what was found; None where only the price was wanted."""
    from pointsman.cli.bench_setup import Where, open_router
    from pointsman.evaluation.bench_asking import Purse
    from pointsman.evaluation.judges.kept import JudgeLog
    from pointsman.evaluation.judges.model_judge import open_judge
    from pointsman.evaluation.judging import FOLDER, Judged, judge_arms, judged_head, write_judged

    async with contextlib.AsyncExitStack() as stack:
        # A judge that may not judge is refused before anything is started.
        router = stack.enter_context(open_router(Where(where.policy, where.emulated, where.script), plan.judge))
        await stack.enter_async_context(router)
        compared = (plan.old.model, plan.new.model)
        dispatch = router.engine.dispatch
        if plan.dry_run:
            one = open_judge(dispatch, plan.judge, compared=compared, missing=router.missing, prompt=plan.prompt)
            await _price(one, both, plan.rubric, json=json)
            return None
        log = stack.enter_context(JudgeLog(plan.new.folder / FOLDER))
        if log.pending:
            calls = counted(len(log.pending), "call")
            err().print(plain(f"{calls} on the way when this was stopped: asked again; they may have been paid"))
        cap = None if plan.cap is None else max(Decimal(0), plan.cap - log.spent)
        one = open_judge(
            dispatch,
            plan.judge,
            compared=compared,
            missing=router.missing,
            purse=Purse(cap),
            kept=log,
            prompt=plan.prompt,
        )
        with _progress(both) as told:
            rows, done = await judge_arms(both, one, rubric=plan.rubric, at_once=plan.at_once, told=told)
        head = judged_head(plan.old, plan.new, one, origin=one.origin, rubric=plan.rubric, done=done)
        judged = Judged(head, tuple(rows))
        write_judged(judged)
        return judged


async def _price(judge: Any, both: BothArms, rubric: str, *, json: bool) -> None:
    total: Decimal | None = Decimal(0)
    pairs = 0
    for case in both.index:
        found = await both.answered(case)
        if found.a is None or found.b is None or found.identical:
            continue
        pairs += 1
        worst = judge.worst_pair(case.turn, found.a, found.b, rubric)
        total = None if total is None or worst is None else total + worst
    if json:
        print_json(for_json({"pairs": pairs, "calls": 2 * pairs, "worst_usd": total}))
        return
    text = "its price is unknown" if total is None else f"{usd(total)} at the very most"
    out().print(plain(f"{judge.model}: {counted(pairs, 'pair')}, {2 * pairs:,} calls, {text}", "bold"))


@contextlib.contextmanager
def _progress(both: BothArms) -> Iterator[Any]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = err()
    columns = (
        TextColumn("judging"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    spent, flips = Decimal(0), 0
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(both.index), said="")

        def told(row: JudgedRow) -> None:
            nonlocal spent, flips
            spent += row.usd or 0
            flips += row.flipped is True
            bar.update(task, advance=1, said=f"{flips} flips, {usd(spent)}")

        yield told


def _rubric(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as UTF-8 text: {error}.") from error
    if not text:
        raise UsageError(f"{path}: is empty; write by what replies are compared, or leave --rubric out.")
    return text


def judge_prompt(store: str) -> Prompt | None:
    """Return the judge's prompt that is in force in the store; None where there is no store."""
    from pointsman.execution.prompts import PromptBook

    try:
        with open_store(store, must_exist=True) as opened:
            return PromptBook(opened).get("judge")
    except StoreError:
        return None


@contextlib.contextmanager
def _labels_of(store: str) -> Iterator[Labels | None]:
    """Yield the labels of a store; None where there is no store."""
    from pointsman.store.labels import Labels

    try:
        opened = open_store(store, must_exist=True)
    except StoreError:
        yield None
        return
    with opened:
        yield Labels(opened)
