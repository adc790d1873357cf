"""``pointsman replay``: answer cases with models, recorded, emulated or live, and grade what they say."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import typer

from pointsman.cli.console import err, plain
from pointsman.cli.figures import usd
from pointsman.cli.replay_options import (
    CasesFile,
    Concurrency,
    DryRun,
    Emulated,
    GraderName,
    Limit,
    MaxUsd,
    Models,
    OutFolder,
    PolicyFile,
    PoolKind,
    PricesFile,
    Processes,
    PromptStore,
    Repeats,
    ReplayMode,
    RetryErrors,
    ScriptFile,
    Seed,
    ToolsFunction,
)
from pointsman.cli.store_options import AsJson
from pointsman.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointsman.evaluation.case_file import CaseIndex
    from pointsman.evaluation.replaying import Done, Source, Tick
    from pointsman.evaluation.run_log import RunLog
    from pointsman.evaluation.worlds.acting import Worlds

EXIT_STOPPED = 3
_SHOWN = 10


def command(
    cases: CasesFile,
    models: Models,
    out_: OutFolder = Path("run"),
    repeats: Repeats = 1,
    mode: ReplayMode = "fixed",
    grader: GraderName = "strict",
    tools: ToolsFunction = None,
    limit: Limit = None,
    seed: Seed = 0,
    at_once: Concurrency = 4,
    processes: Processes = 0,
    pool: PoolKind = "local",
    max_usd: MaxUsd = None,
    dry_run: DryRun = False,
    emulated: Emulated = False,
    script: ScriptFile = None,
    policy: PolicyFile = None,
    prices: PricesFile = None,
    prompts: PromptStore = None,
    retry_errors: RetryErrors = False,
    json: AsJson = False,
) -> None:
    """Answer every case with every model, grade the answers, and report. Interrupted, it goes on where it stopped.

    Exit codes: 0 done, 2 wrong input, 3 stopped at --max-usd.
    """
    from pointsman.cli.replay_setup import LiveWhere, dollars, pool_of, prices_of
    from pointsman.evaluation.graders.registry import grader as grader_of

    if script is not None and not emulated:
        raise UsageError("--script says what simulated models answer: add --emulated")
    plan = Plan(
        cases=cases,
        out=out_,
        models=models,
        repeats=repeats,
        mode=mode,
        grader=grader_of(grader),
        tools=tools,
        limit=limit,
        seed=seed,
        at_once=at_once,
        pool=pool_of(pool, processes),
        cap=dollars(max_usd),
        dry_run=dry_run,
        where=LiveWhere(policy, emulated, script, seed, prompts, only_priced=dry_run),
        price=prices_of(prices),
        retry_errors=retry_errors,
        json=json,
    )
    _tell(asyncio.run(_go(plan)), plan)


def _tell(done: Done | None, plan: Plan) -> None:
    """Report the run; None is a dry one, which has told all."""
    from pointsman.cli.run_report import report

    if done is None:
        return
    report(plan.out, json=plan.json)
    if done.left:
        err().print(
            plain(f"stopped at --max-usd {plan.cap}: {done.left:,} answers were not asked for. Give more to go on.")
        )
        raise typer.Exit(EXIT_STOPPED)


class Plan(msgspec.Struct, frozen=True):
    """What the flags ask for."""

    cases: Path
    out: Path
    models: str
    repeats: int
    mode: Literal["fixed", "free"]
    grader: Any
    tools: str | None
    limit: int | None
    seed: int
    at_once: int
    pool: Any
    cap: Decimal | None
    dry_run: bool
    where: Any
    price: Any
    retry_errors: bool
    json: bool


async def _go(plan: Plan) -> Done | None:
    """Replay; None where only the price was wanted."""
    from pointsman.cli.replay_setup import models_of, price_list, worlds_of
    from pointsman.evaluation.case_file import CaseIndex
    from pointsman.evaluation.run_log import RunHead, RunLog

    async with contextlib.AsyncExitStack() as stack:
        index = stack.enter_context(CaseIndex(plan.cases, seed=plan.seed, limit=plan.limit))
        _complain(index)
        worlds = worlds_of(plan.tools, index, free=plan.mode == "free")
        opened = await models_of(plan.models, stack, plan.where)
        price_list(index, opened.sources, plan.repeats, json=plan.json and plan.dry_run, quiet=not plan.dry_run)
        if plan.dry_run:
            return None
        head = RunHead(
            cases_file=str(plan.cases),
            version=index.version,
            cases=len(index),
            total=index.total,
            mode=plan.mode,
            models=tuple(source.name for source in opened.sources),
            repeats=plan.repeats,
            grader=f"{plan.grader.name}@{plan.grader.version}",
            seed=plan.seed,
        )
        log = stack.enter_context(RunLog(plan.out, head, retry_errors=plan.retry_errors))
        _resumed(log)
        if plan.cap is not None:
            opened.cap(max(Decimal(0), plan.cap - log.spent()))
        return await _replay(plan, index, opened.sources, log, worlds)


async def _replay(plan: Plan, index: CaseIndex, sources: Sequence[Source], log: RunLog, worlds: Worlds | None) -> Done:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pointsman.evaluation.replaying import Replay

    console = err()
    columns = (
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    total = len(index) * len(sources) * plan.repeats
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, said="")
        running = _Running()

        def told(tick: Tick) -> None:
            running.take(tick)
            progress.update(task, advance=1, said=running.text)

        replay = Replay(
            index=index,
            sources=sources,
            log=log,
            grader=plan.grader,
            repeats=plan.repeats,
            at_once=plan.at_once,
            pool=plan.pool,
            worlds=worlds,
            price=plan.price,
            told=told,
        )
        return await replay.run()


def _complain(index: CaseIndex) -> None:
    console = err()
    for number, problem in index.problems[:_SHOWN]:
        console.print(plain(f"{index.path}: line {number} left out: {problem[:200]}"))
    if len(index.problems) > _SHOWN:
        console.print(f"... and {len(index.problems) - _SHOWN:,} more lines left out")


def _resumed(log: RunLog) -> None:
    if log.pending:
        worst = usd(sum(log.pending.values(), Decimal(0)))
        calls = "call was" if len(log.pending) == 1 else "calls were"
        text = f"{len(log.pending)} {calls} on the way when this run was stopped: asked again; up to {worst} may have been paid"
        err().print(plain(text))


class _Running:
    """The figures beside the bar."""

    def __init__(self) -> None:
        self._graded = self._passed = self._failed = 0
        self._usd = Decimal(0)

    def take(self, tick: Tick) -> None:
        self._graded += tick.passed is not None
        self._passed += tick.passed is True
        self._failed += tick.error is not None
        if tick.usd is not None and not tick.reused:
            self._usd += tick.usd

    @property
    def text(self) -> str:
        share = f"{self._passed / self._graded:.1%} right, " if self._graded else ""
        failed = f"{self._failed} failed, " if self._failed else ""
        return f"{share}{failed}{usd(self._usd)}"
