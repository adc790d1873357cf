"""``pointsman scorecard``: grade shipped turns and replayed runs by a card of your own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.figures import for_json
from pointsman.cli.replay_options import Emulated, MaxUsd, PolicyFile, ScriptFile
from pointsman.cli.scorecard_view import show_card, show_run, show_sums, show_turns
from pointsman.cli.store_options import AsJson, Since, StoreUrl, since_us
from pointsman.errors import UsageError
from pointsman.store import DEFAULT_URL, Store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pointsman.evaluation.judges.model_judge import Keeps, ModelJudge
    from pointsman.evaluation.scorecard_turns import ScoredTurn
    from pointsman.evaluation.scorecards import Card
    from pointsman.execution.prompts import Prompt

EXIT_STOPPED = 3

app = typer.Typer(
    help="Grade replies by a scorecard of your own. Exit codes: 0 done, 2 wrong input, 3 stopped at --max-usd.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CardFile = Annotated[Path, typer.Argument(help="A scorecard (YAML).", show_default=False)]
JudgeName = Annotated[str | None, typer.Option("--judge", help="The model that answers the card's questions.")]


@app.command()
def check(card: CardFile, json: AsJson = False) -> None:
    """Check a card: a mistake is named with its line. Prints its version and how many criteria it has."""
    from pointsman.evaluation.scorecards import read_card

    found = read_card(card)
    criteria, plan = len(list(found.criteria())), len(list(found.plan.criteria())) if found.plan else 0
    if json:
        print_json({"card": found.name, "version": found.version, "criteria": criteria, "plan_criteria": plan})
        return
    asks = "; needs a judge" if found.asks or found.asks_of_plans else ""
    plans = f", {plan} for plans" if plan else ""
    out().print(
        plain(
            f"{card}: {found.name}@{found.version}, {criteria:,} {'criterion' if criteria == 1 else 'criteria'}{plans}{asks}.",
            "bold",
        )
    )


@app.command()
def show(card: CardFile, json: AsJson = False) -> None:
    """Show a card: categories, criteria, what decides each, and what share of the score it has."""
    from pointsman.evaluation.scorecards import read_card

    found = read_card(card)
    if json:
        print_json(found.model_dump(mode="json") | {"version": found.version})
        return
    show_card(found)


@app.command()
def apply(
    card: CardFile,
    run: Annotated[
        Path | None, typer.Option("--run", help="Grade the answers of this run; left out: stored turns.")
    ] = None,
    last: Annotated[int | None, typer.Option("--last", min=1, help="The newest so many turns.")] = None,
    since: Since = None,
    judge: JudgeName = None,
    again: Annotated[bool, typer.Option("--again", help="Also turns that this version has graded.")] = False,
    cases: Annotated[Path | None, typer.Option("--cases", help="With --run: where its case file is now.")] = None,
    max_usd: MaxUsd = None,
    emulated: Emulated = False,
    script: ScriptFile = None,
    policy: PolicyFile = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Grade shipped turns (kept beside them) or a run (kept in its folder). Interrupted, it goes on where it stopped."""
    from pointsman.cli.judge import judge_prompt
    from pointsman.cli.replay_setup import dollars
    from pointsman.evaluation.scorecards import read_card

    found = read_card(card)
    if (found.asks or found.asks_of_plans) and judge is None:
        err().print(plain("the card asks a judge, and --judge names none: those criteria will be unknown"))
    asked = _Asked(found, judge, dollars(max_usd), emulated, script, policy, judge_prompt(store))
    if run is not None:
        if last is not None or since is not None:
            raise UsageError("--last and --since are about stored turns: leave them or --run out.")
        asyncio.run(_run(asked, run, cases, json=json))
        return
    if last is None and since is None:
        raise UsageError("which turns? --last N or --since 7d, or a --run.")
    with open_store(store, must_exist=True, read_only=False) as opened:
        asyncio.run(_turns(asked, opened, (since_us(since), last), again=again, json=json))


@app.command()
def report(
    name: Annotated[str | None, typer.Argument(help="Only this card.", metavar="[NAME]")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="The marks of a run; left out: of stored turns.")] = None,
    since: Since = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Sum marks up: how many replies pass, and how each criterion goes. Counts always add up."""
    if run is not None:
        from pointsman.evaluation.scorecard_runs import read_scored, sum_up

        found = [one for one in read_scored(run) if name in (None, one.head.card)]
        if not found:
            raise UsageError(
                f"{run}: has no marks{f' by {name}' if name else ''}; `pointsman scorecard apply CARD --run {run}`."
            )
        if json:
            print_json(for_json([{"head": one.head, "models": sum_up(one)} for one in found]))
            return
        for one in found:
            show_run(one)
        return
    from pointsman.store.grades import sum_grades

    with open_store(store, must_exist=True) as opened:
        sums = sum_grades(opened, None if name is None else f"scorecard:{name}", since_us(since))
    sums = [one for one in sums if name is not None or one.metric.startswith(("scorecard:", "criterion:"))]
    if json:
        print_json(for_json({"grades": sums}))
        return
    show_sums(sums)


class _Asked:
    """The card, and who is asked on which terms."""

    def __init__(
        self,
        card: Card,
        judge: str | None,
        cap: Decimal | None,
        emulated: bool,
        script: Path | None,
        policy: Path | None,
        prompt: Prompt | None,
    ) -> None:
        self.card, self.judge, self.cap, self.prompt = card, judge, cap, prompt
        self.emulated, self.script, self.policy = emulated, script, policy
        if judge is not None and not (card.asks or card.asks_of_plans):
            raise UsageError(f"the card {card.name} asks nothing of a judge: leave --judge out.")

    async def open(
        self, stack: contextlib.AsyncExitStack, compared: Iterable[str], kept: Keeps | None, spent: Decimal
    ) -> ModelJudge | None:
        """Return the judge; None where none is named."""
        if self.judge is None:
            return None
        from pointsman.cli.bench_setup import Where, open_router
        from pointsman.evaluation.bench_asking import Purse
        from pointsman.evaluation.judges.model_judge import open_judge

        router = stack.enter_context(open_router(Where(self.policy, self.emulated, self.script), self.judge))
        await stack.enter_async_context(router)
        cap = None if self.cap is None else max(Decimal(0), self.cap - spent)
        return open_judge(
            router.engine.dispatch,
            self.judge,
            compared=compared,
            missing=router.missing,
            purse=Purse(cap),
            kept=kept,
            prompt=self.prompt,
        )


async def _run(asked: _Asked, folder: Path, cases: Path | None, *, json: bool) -> None:
    from pointsman.evaluation.judges.kept import JudgeLog
    from pointsman.evaluation.judging import FOLDER
    from pointsman.evaluation.run_log import read_head
    from pointsman.evaluation.scorecard_runs import score_run, sum_up, write_scored

    head = read_head(folder)
    async with contextlib.AsyncExitStack() as stack:
        log = stack.enter_context(JudgeLog(folder / FOLDER)) if asked.judge else None
        judge = await asked.open(stack, head.models, log, log.spent if log else Decimal(0))
        scored = await score_run(folder, head, asked.card, judge=judge, cases=cases)
    write_scored(folder, scored)
    if json:
        print_json(for_json({"head": scored.head, "models": sum_up(scored)}))
    else:
        show_run(scored)
    if not scored.head.done:
        err().print("stopped at --max-usd: not every answer is graded. Give more to go on.")
        raise typer.Exit(EXIT_STOPPED)


async def _turns(
    asked: _Asked, store: Store, period: tuple[int | None, int | None], *, again: bool, json: bool
) -> None:
    from pointsman.catalog.book import Catalog
    from pointsman.evaluation.judges.same_model import same_model
    from pointsman.evaluation.scorecard_marks import turn_grades
    from pointsman.evaluation.scorecard_turns import Chosen, score_turns, turns_to_score
    from pointsman.store.grades import put_grades

    async with contextlib.AsyncExitStack() as stack:
        judge = await asked.open(stack, (), None, Decimal(0))
        ids, known = turns_to_score(store, asked.card, judge, Chosen(period[0], period[1], again))
        own: set[str] = set()
        if judge is not None:
            catalog = Catalog.load()
            rows = store.turns(limit=1_000_000)
            own = {row.id for row in rows if row.id in ids and same_model(catalog, judge.model, row.model)}
            ids -= own
        done: list[ScoredTurn] = []
        stopped = False
        async for one in score_turns(store, asked.card, ids, judge, period[0]):
            if _no_money(one):
                stopped = True
                break
            done.append(one)
            now = time.time_ns() // 1000
            found = one.by_subject()
            grades = [grade for subject, scored in found for grade in turn_grades(scored, one.turn_id, subject, now)]
            # Kept one by one: what a judge was paid for is not lost with the process.
            await store.write(partial(put_grades, grades=grades))
    told = {"card": asked.card.name, "graded": len(done), "known": known, "own_model": len(own), "stopped": stopped}
    show_turns(asked.card, done, told, json=json)
    if stopped:
        raise typer.Exit(EXIT_STOPPED)


def _no_money(one: ScoredTurn) -> bool:
    from pointsman.evaluation.judges.model_judge import NO_MONEY

    marks: list[Any] = [mark for _, scored in one.by_subject() for mark in scored.marks]
    return any(mark.reason == NO_MONEY for mark in marks)
