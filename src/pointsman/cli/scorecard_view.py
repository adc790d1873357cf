"""How ``pointsman scorecard`` shows cards and marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.figures import UNKNOWN, usd
from pointsman.cli.replay_view import counted
from pointsman.cli.stacked import show_stacked
from pointsman.domain.figures import Rate

if TYPE_CHECKING:
    from pointsman.evaluation.run_summary import Share
    from pointsman.evaluation.scorecard_runs import ScoredRun
    from pointsman.evaluation.scorecard_turns import ScoredTurn
    from pointsman.evaluation.scorecards import Block, Card, Criterion
    from pointsman.store.grades import GradeSum

_SHOWN = 5


def show_card(card: Card) -> None:
    """Print a card."""
    console = out()
    console.print(plain(f"{card.name}@{card.version}: {_terms(card)}", "bold"))
    show_stacked(_criteria(card), keys=2)
    if card.plan is not None:
        console.print(plain(f"\nplans: {_terms(card.plan)}", "bold"))
        show_stacked(_criteria(card.plan), keys=2)


def _terms(block: Block) -> str:
    if block.roll_up == "all_must_pass":
        return "passes where every criterion passes"
    needed = [one.name for one in block.criteria() if one.required]
    more = f" and {', '.join(needed)} pass" if needed else ""
    return f"passes from {block.threshold:.0%} of the weights on{more}"


def _criteria(block: Block) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("category", "criterion"):
        table.add_column(name, overflow="fold")
    table.add_column("share %", justify="right", no_wrap=True)
    for name in ("by", "what"):
        table.add_column(name, overflow="fold")
    total = sum(category.weight for category in block.categories)
    for category in block.categories:
        inside = sum(one.weight for one in category.criteria)
        for one in category.criteria:
            share = category.weight / total * one.weight / inside
            mark = " (required)" if one.required else ""
            table.add_row(
                plain(category.name), plain(one.name + mark), f"{share * 100:.1f}", one.how, plain(_what(one))
            )
    return table


def _what(one: Criterion) -> str:
    if one.says is not None:
        said = one.says.model_dump(exclude_defaults=True, mode="json")
        said.pop("speaker", None)
        return f"{one.says.speaker} " + "; ".join(f"{name} {value}" for name, value in said.items())
    if one.field is not None:
        wanted = one.field.model_dump(exclude_defaults=True, mode="json")
        name = wanted.pop("name")
        return f"{name} " + "; ".join(f"{key} {value}" for key, value in wanted.items())
    return one.rule or f"{one.ask} ({one.answer})"


def show_run(scored: ScoredRun) -> None:
    """Print a run's marks: how many pass, and each criterion's counts."""
    from pointsman.evaluation.scorecard_runs import sum_up

    console = out()
    head = scored.head
    sums = sum_up(scored)
    best = max(sums, key=lambda one: one.passed.share or -1.0, default=None)
    first = (
        "nothing is graded"
        if best is None or best.passed.share is None
        else f"{best.model} passes {_percent(best.passed)}"
    )
    console.print(plain(f"{head.card}@{head.version}: {first}", "bold"))
    judge = f", judge {head.author}" if head.author else ""
    console.print(plain(f"{counted(head.cases, 'case')}{judge}{'' if head.done else ', not finished'}", "dim"))
    table = Table(box=None, pad_edge=False)
    for name in ("model", "criterion"):
        table.add_column(name, overflow="fold")
    for name in ("pass", "fail", "unknown", "does not apply", "answers", "pass %, 95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in sums:
        known = sum(row.passed is not None for row in scored.rows if row.model == one.model)
        passed = sum(row.passed is True for row in scored.rows if row.model == one.model)
        figures = (str(passed), str(known - passed), str(one.unknown), "0", str(one.answers), _percent(one.passed))
        table.add_row(plain(one.model), "the card", *figures, style="bold")
        for name, counts in one.criteria.items():
            rate = Rate(counts["pass"], counts["pass"] + counts["fail"], counts["unknown"])
            cells = [str(count) for count in counts.values()]
            table.add_row("", plain(name), *cells, str(sum(counts.values())), share(rate))
    show_stacked(table, keys=2)


def cards_of(folder: Path) -> list[dict[str, Any]]:
    """Return what cards say of a run, as data for a report."""
    from pointsman.evaluation.scorecard_runs import read_scored, sum_up

    return [
        {"card": one.head.card, "version": one.head.version, "judge": one.head.author, "models": sum_up(one)}
        for one in read_scored(folder)
    ]


def show_cards(folder: Path) -> None:
    """Print, below a run's report, what share of the replies each card passes."""
    from pointsman.evaluation.scorecard_runs import read_scored, sum_up

    console = out()
    for one in read_scored(folder):
        said = [
            f"{each.model} passes {_percent(each.passed)} % (n = {each.passed.n:,}"
            + (f", {each.unknown:,} unknown)" if each.unknown else ")")
            for each in sum_up(one)
        ]
        judge = f", judge {one.head.author}" if one.head.author else ""
        console.print(plain(f"scorecard {one.head.card}@{one.head.version}{judge}: {'; '.join(said)}"))


def show_turns(card: Card, done: Sequence[ScoredTurn], told: dict[str, Any], *, json: bool) -> None:
    """Print what became of stored turns."""
    replies = [one.reply for one in done if one.reply is not None]
    marks = Counter(status for one in replies for status, n in one.counts.items() for _ in range(n))
    passed = Rate(
        sum(one.passed is True for one in replies),
        sum(one.passed is not None for one in replies),
        sum(one.passed is None for one in replies),
    )
    costs = [scored.cost_usd for one in done for _, scored in one.by_subject()]
    total = None if None in costs else sum(cost for cost in costs if cost is not None)
    problems = [one for one in done if one.problem]
    plans = [one.plan for one in done if one.plan is not None]
    shadows = [one.shadow for one in done if one.shadow is not None]
    if json:
        from pointsman.cli.figures import for_json

        data = told | {
            "version": replies[0].version if replies else card.version,
            "passed": passed.hits,
            "failed": passed.n - passed.hits,
            "unknown": passed.unknown,
            "criteria": dict(marks),
            "plans": {"graded": len(plans), "passed": sum(one.passed is True for one in plans)},
            "shadows": {"graded": len(shadows), "passed": sum(one.passed is True for one in shadows)},
            "cost_usd": total,
            "problems": [{"turn": one.turn_id, "problem": one.problem} for one in problems],
        }
        print_json(for_json(data))
        return
    console = out()
    if not replies:
        console.print(plain(f"{card.name}: nothing new to grade ({told['known']:,} graded before).", "bold"))
    else:
        console.print(
            plain(
                f"{card.name}@{replies[0].version}: {passed.hits:,} of {counted(passed.n, 'turn')} pass, {share(passed)} %",
                "bold",
            )
        )
        unknown = f"{passed.unknown:,} turns unknown; " if passed.unknown else ""
        each = ", ".join(
            f"{marks[name]:,} {name.replace('_', ' ')}" for name in ("pass", "fail", "unknown", "not_applicable")
        )
        cost = "the judge's cost is unknown" if total is None else f"{usd(Decimal(total))} for judging"
        console.print(plain(f"{unknown}{sum(marks.values()):,} criteria: {each}; {cost}"))
    for noun, others in (("plan", plans), ("shadow", shadows)):
        if others:
            good = sum(one.passed is True for one in others)
            console.print(plain(f"{good:,} of {counted(len(others), noun)} pass"))
    if told["own_model"]:
        console.print(plain(f"{counted(told['own_model'], 'turn')} left out: the judge's own model answered them"))
    if told["stopped"]:
        console.print(plain("stopped at --max-usd: give more to go on"))
    for one in problems[:_SHOWN]:
        console.print(plain(f"turn {one.turn_id} left out: {one.problem}", "dim"))


def show_sums(sums: Sequence[GradeSum]) -> None:
    """Print the marks of stored turns by card and criterion."""
    console = out()
    cards = [one for one in sums if one.metric.startswith("scorecard:")]
    if not cards:
        console.print(plain("No turn is graded by a scorecard yet.", "bold"))
        console.print(plain("pointsman scorecard apply CARD --last 100"))
        return
    newest = cards[0]
    rate = Rate(newest.passed, newest.passed + newest.failed, newest.unknown)
    unknown = f"; {rate.unknown:,} more are unknown" if rate.unknown else ""
    verdict = f"{newest.metric} on {newest.subject}: {rate.hits:,} of {rate.n:,} pass, {share(rate)} %{unknown}"
    console.print(plain(verdict, "bold"))
    table = Table(box=None, pad_edge=False)
    for name in ("metric", "of", "version", "by"):
        table.add_column(name, overflow="fold")
    for name in ("pass", "fail", "unknown", "graded", "pass %, 95 %", "score", "cost $"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in sums:
        rate = Rate(one.passed, one.passed + one.failed, one.unknown)
        table.add_row(
            plain(one.metric),
            one.subject,
            plain(one.version),
            plain(one.author or one.source),
            f"{one.passed:,}",
            f"{one.failed:,}",
            f"{one.unknown:,}",
            f"{one.graded:,}",
            share(rate),
            UNKNOWN if one.score is None else f"{one.score:.3f}",
            usd(one.cost_usd).removeprefix("$"),
        )
    show_stacked(table, keys=1)


def share(rate: Rate) -> str:
    """Return a share with its interval, in percent; too few are said to be that."""
    if rate.value is None or rate.interval is None:
        return UNKNOWN
    low, high = rate.interval
    return f"{rate.value * 100:.1f} ({low * 100:.1f}–{high * 100:.1f})"


def _percent(found: Share) -> str:
    if found.share is None:
        return UNKNOWN
    if found.low is None or found.high is None:
        return f"{found.share * 100:.1f}"
    return f"{found.share * 100:.1f} ({found.low * 100:.1f}–{found.high * 100:.1f})"
