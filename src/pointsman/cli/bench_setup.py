"""What the benches share on the command line: which models are asked and where, the price before, the bar while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pointsman.cli.console import err, plain
from pointsman.cli.figures import usd
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Asker, Job, Purse, usual_cost
from pointsman.evaluation.bench_running import BenchRun, Price, price_list, run_jobs, total
from pointsman.evaluation.cases import Case

if TYPE_CHECKING:
    from pointsman.app import Router
    from pointsman.catalog.models import Model
    from pointsman.routing.policy import Policy

Models = Annotated[
    str, typer.Option("--models", help="The models to ask, with commas (`pointsman models` lists them).")
]
Repeats = Annotated[int, typer.Option("--repeats", min=1, max=100, help="How often each is asked the same.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", help="Whose providers, keys and catalogue are used; default ./pointsman.yaml."),
]
Emulated = Annotated[bool, typer.Option("--emulated", help="Simulated models answer; no account is needed.")]
Local = Annotated[
    bool, typer.Option("--local", help="Ask local/smollm2-135m on this machine (`pointsman local-model`).")
]
ScriptFile = Annotated[Path | None, typer.Option("--script", help="With --emulated: what the simulated models say.")]
MaxUsd = Annotated[str | None, typer.Option("--max-usd", help="Never spend more than this, in dollars.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what it would cost.")]
AtOnce = Annotated[int, typer.Option("--at-once", min=1, max=256, help="How many calls are made at the same time.")]
BudgetStore = Annotated[
    str | None,
    typer.Option("--store", help="Where the policy's budgets are counted; left out, this bench counts in none."),
]


_SHOWN_PROBLEMS = 3


class Where(msgspec.Struct, frozen=True):
    """Where the models are asked, as the flags say. ``paced``: simulated models take their time, as real ones do.

    ``local`` starts the small demo model on this machine.
    """

    policy: Path | None = None
    emulated: bool = False
    script: Path | None = None
    store: str | None = None
    paced: bool = False
    local: bool = False


class Terms(msgspec.Struct, frozen=True):
    """On which terms: the cap in dollars, whether only the price is wanted, and how many calls at once."""

    max_usd: Decimal | None = None
    dry_run: bool = False
    at_once: int = 4


class Setting(msgspec.Struct, frozen=True):
    """Everything a bench needs to ask models."""

    models: tuple[Model, ...]
    asker: Asker


class Outcome(msgspec.Struct, frozen=True):
    """What came of it: the price before, and the run (None: only the price was wanted)."""

    prices: tuple[Price, ...]
    run: BenchRun | None
    spent_usd: Decimal

    @property
    def origins(self) -> frozenset[str]:
        """Where the answers come from: live, simulated."""
        return frozenset() if self.run is None else frozenset(one.answer.origin for one in self.run.made)


def terms(max_usd: str | None, *, dry_run: bool, at_once: int) -> Terms:
    """Return the terms.

    Raises:
        UsageError: the cap is no amount of money.
    """
    if max_usd is None:
        return Terms(None, dry_run, at_once)
    try:
        cap = Decimal(max_usd)
    except InvalidOperation:
        cap = Decimal("NaN")
    if not cap.is_finite() or cap < 0 or cap > 1_000_000:  # noqa: PLR2004 - a slip of the finger
        raise UsageError(f"--max-usd {max_usd[:40]!r} is no amount of dollars: write it like 2.50")
    return Terms(cap, dry_run, at_once)


def bench(
    names: str, where: Where, chosen: Terms, jobs_of: Callable[[Setting], Sequence[Job]], *, usual_output: int
) -> tuple[Setting, Outcome]:
    """Open the models, ask what ``jobs_of`` wants asked, and return what came of it.

    Raises:
        UsageError: an unknown model, one that cannot be called, or a cap on calls of unknown price.
    """
    with open_router(where, names) as router:
        return asyncio.run(_bench(router, names, chosen, jobs_of, usual_output))


async def _bench(
    router: Router, names: str, chosen: Terms, jobs_of: Callable[[Setting], Sequence[Job]], usual_output: int
) -> tuple[Setting, Outcome]:
    async with router:
        dispatch = router.engine.dispatch
        asker = Asker(dispatch, Purse(chosen.max_usd), router.missing)
        setting = Setting(_models(router, names), asker)
        if not chosen.dry_run:
            for model in setting.models:
                asker.origin(model.id)
        jobs = jobs_of(setting)
        now = datetime.now(UTC)
        rates = {model.id: dispatch.catalog.rates(model.id, now) for model in setting.models}
        prices = price_list(jobs, lambda job: usual_cost(job.turn, rates[job.model], usual_output), asker.worst)
        if chosen.dry_run:
            return setting, Outcome(prices, None, Decimal(0))
        _say_price(prices)
        run = await _with_bar(jobs, asker, chosen.at_once)
        return setting, Outcome(prices, run, asker.purse.spent)


def _models(router: Router, names: str) -> tuple[Model, ...]:
    wanted = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not wanted:
        raise UsageError(
            "--models names no model: write ids with commas, e.g. --models openai/gpt-5.4,google/gemini-3.5-flash"
        )
    models = tuple({(model := router.catalog.get(name)).id: model for name in wanted}.values())
    for model in models:
        if model.responses_only:
            raise UsageError(
                f"{model.id} answers on the Responses API only, which no dialect here speaks: leave it out"
            )
    return models


@contextlib.contextmanager
def open_router(where: Where, names: str) -> Iterator[Router]:
    """Yield a router that is only used to reach the models: nothing of a bench is kept as a turn."""
    from pointsman.app import build_router
    from pointsman.cli.policy_file import open_policy

    if where.script is not None and not where.emulated:
        raise UsageError("--script says what simulated models answer: add --emulated")
    if where.local and (where.emulated or where.policy is not None):
        raise UsageError("--local asks the demo model of this machine only: leave --emulated and --policy out")
    with contextlib.ExitStack() as stack:
        url = None
        if where.emulated:
            from pointsman.emulator.app import Emulator
            from pointsman.emulator.script import Script, load_script
            from pointsman.emulator.serving import serve_in_thread
            from pointsman.evaluation.demo_script import AT_ONCE, PACE

            usual = Script(any_model=True, pace=PACE if where.paced else AT_ONCE)
            script = load_script(where.script) if where.script else usual
            url = stack.enter_context(serve_in_thread(Emulator(script))).base_url
        store = where.store
        if store is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pointsman-bench-"))
            store = f"sqlite:///{folder}/bench.db"
        if where.local:
            from pointsman.app import build_local_router

            yield stack.enter_context(build_local_router(store=store))
            return
        policy = _with_providers(open_policy(where.policy), names)
        yield build_router(policy, store=store, simulate_at=url)


def _with_providers(policy: Policy, names: str) -> Policy:
    """Return the policy with the providers of the models named: a bench may ask models that no route uses yet."""
    from pointsman.catalog.book import Catalog
    from pointsman.providers.hosts import HOSTS
    from pointsman.routing.sections import Provider

    catalog = Catalog.load(policy.catalogue_path)
    found = [catalog.find(name.strip()) for name in names.split(",") if name.strip()]
    wanted = {model.provider for model in found if model is not None} - set(policy.providers)
    more = {name: Provider.model_validate({"host": name}) for name in sorted(wanted & set(HOSTS))}
    return policy.model_copy(update={"providers": {**policy.providers, **more}}) if more else policy


def _say_price(prices: Sequence[Price]) -> None:
    """Say on stderr what is about to be spent."""
    calls = sum(price.calls for price in prices)
    usual = total([price.usual_usd for price in prices])
    worst = total([price.worst_usd for price in prices])
    said = f"about {usd(usual)}, {usd(worst)} at the very most" if usual is not None else "price unknown"
    err().print(plain(f"{calls:,} calls, {said}.", "dim"))


def own_cases(path: Path, limit: int | None) -> tuple[Case, ...]:
    """Return the first cases of a file; says on stderr which lines are left out.

    Raises:
        UsageError: no case can be read.
    """
    from pointsman.evaluation.case_file import read_cases

    cases: list[Case] = []
    bad = 0
    for line in read_cases(path):
        if line.case is not None:
            cases.append(line.case)
        else:
            bad += 1
            if bad <= _SHOWN_PROBLEMS:
                err().print(plain(f"{path}: line {line.number} left out: {(line.problem or '')[:200]}"))
        if len(cases) == limit:
            break
    if bad > _SHOWN_PROBLEMS:
        err().print(plain(f"... and {bad - _SHOWN_PROBLEMS:,} more lines left out"))
    if not cases:
        raise UsageError(f"{path}: no case can be read")
    return tuple(cases)


async def _with_bar(jobs: Sequence[Job], asker: Asker, at_once: int) -> BenchRun:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = err()
    columns = (
        TextColumn("asking"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed, ${task.fields[spent]:.4f}"),
        TimeRemainingColumn(),
    )
    failed = 0
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(jobs), failed=0, spent=Decimal(0))

        def told(job: Job, answer: Answer) -> None:  # noqa: ARG001 - the shape of ``Told``
            nonlocal failed
            failed += answer.reply is None
            progress.update(task, advance=1, failed=failed, spent=asker.purse.spent)

        return await run_jobs(jobs, asker.ask, at_once=at_once, told=told)
