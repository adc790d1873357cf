"""The two arms of a gate, case by case, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.case_file import order_of, run_order
from pointsman.evaluation.run_log import NOT_RECORDED, GradeRow, RunHead, read_grades, read_head

_NAMED = 3


class ArmCase(msgspec.Struct):
    """One case in one arm: counts and values over its repeats. ``why`` is what was wrong with the first wrong one."""

    content: str
    conversation: str
    tags: dict[str, str]
    answers: int = 0
    graded: int = 0
    right: int = 0
    checked: int = 0
    conform: int = 0
    usd: list[float] = msgspec.field(default_factory=list)
    ttft: list[float] = msgspec.field(default_factory=list)
    latency: list[float] = msgspec.field(default_factory=list)
    writes: bool = False
    write_errors: int = 0
    why: str = ""
    why_repeat: int = 1_000_000

    def add(self, row: GradeRow) -> None:
        """Take one repeat."""
        if row.error == NOT_RECORDED:
            return
        self.answers += 1
        if row.passed is not None:
            self.graded += 1
            self.right += row.passed
        if row.conforms is not None:
            self.checked += 1
            self.conform += row.conforms
        if row.usd is not None:
            self.usd.append(float(row.usd))
        if row.error is None:
            self.ttft += [row.ttft_ms] if row.ttft_ms is not None else []
            self.latency += [row.latency_ms] if row.latency_ms is not None else []
        self.writes = self.writes or row.writes
        self.write_errors += row.write_error
        if row.passed is False and row.repeat < self.why_repeat:
            self.why, self.why_repeat = f"{row.kind or 'wrong'}: {row.text}", row.repeat

    def settle(self) -> None:
        """Put the values in an order that does not tell which call came back first: one run, one verdict, to the byte."""
        for values in (self.usd, self.ttft, self.latency):
            values.sort()

    @property
    def share(self) -> float:
        """The share of right repeats, of those graded."""
        return self.right / self.graded


class Arm(msgspec.Struct, frozen=True):
    """One model of one run."""

    folder: str
    model: str
    head: RunHead
    grader: str
    origins: frozenset[str]
    cases: dict[str, ArmCase]
    usd: Decimal


class Pair(msgspec.Struct, frozen=True):
    """One case in both arms."""

    case: str
    conversation: str
    old: ArmCase
    new: ArmCase


def read_arm(text: str) -> Arm:
    """Read the arm that ``RUN`` or ``RUN#MODEL`` names.

    Raises:
        UsageError: there is no such run or model, or the run has several and none is named.
    """
    folder, model, head = _named(text)
    cases: dict[str, ArmCase] = {}
    origins: set[str] = set()
    total = Decimal(0)
    for row in read_grades(folder):
        if row.model != model:
            continue
        origins.add(row.origin)
        total += row.usd or 0
        case = cases.get(row.case)
        if case is None:
            case = cases[row.case] = ArmCase(row.content, row.conversation, row.tags)
        case.add(row)
    for case in cases.values():
        case.settle()
    return Arm(str(folder), model, head, head.grader, frozenset(origins), cases, total)


def _named(text: str) -> tuple[Path, str, RunHead]:
    name, mark, model = text.rpartition("#")
    if Path(text).is_dir() or not mark:
        name, model = text, ""
    folder = Path(name)
    head = read_head(folder)
    if not model and len(head.models) > 1:
        raise UsageError(f"{folder}: has {len(head.models)} models: write {folder}#MODEL. {_listed(head.models)}")
    if model and model not in head.models:
        raise UsageError(f"{folder}: has no model {model[:80]!r}. {_listed(head.models)}")
    return folder, model or head.models[0], head


def pairs_of(old: Arm, new: Arm) -> list[Pair]:
    """Return the cases of both arms, in an order that says nothing of them.

    Raises:
        UsageError: the runs cover different cases, were graded differently, or one is not finished.
    """
    _comparable(old, new)
    _finished(old)
    _finished(new)
    only_old, only_new = old.cases.keys() - new.cases.keys(), new.cases.keys() - old.cases.keys()
    if only_old or only_new:
        raise UsageError(
            f"the runs cover different cases: {_some(only_old, 'the baseline')}, {_some(only_new, 'the candidate')}; "
            f"{len(old.cases.keys() & new.cases.keys()):,} are in both. Replay both on the same case file."
        )
    found = _paired(old, new, sorted(old.cases, key=lambda case: order_of(case, 0)))
    _same_gold(old, new)
    return found


def prefix_of(old: Arm, new: Arm) -> list[Pair]:
    """Return the cases of the conversations that the candidate has answered wholly, up to the first that it has not.

    The order is that in which the run takes them, fixed before it: what is there now is no choice of the easy ones.

    Raises:
        UsageError: the runs cover different cases, or were graded differently.
    """
    _comparable(old, new)
    _finished(old)
    more = new.cases.keys() - old.cases.keys()
    if more:
        raise UsageError(
            f"the runs cover different cases: {_some(more, 'the candidate')}. Replay both on the same case file."
        )
    ready: list[str] = []
    whole = 0
    before = ""
    for case in sorted(old.cases, key=lambda case: run_order(case, old.cases[case].conversation, new.head.seed)):
        if old.cases[case].conversation != before:
            whole, before = len(ready), old.cases[case].conversation
        found = new.cases.get(case)
        if found is None or found.answers < new.head.repeats:
            ready = ready[:whole]
            break
        ready.append(case)
    found_pairs = _paired(old, new, ready)
    if old.head.cases != new.head.cases:
        raise UsageError(
            f"the runs cover different cases: {old.head.cases:,} in the baseline's file, {new.head.cases:,} in the candidate's. "
            "Replay both on the same case file."
        )
    _same_gold(old, new)
    return found_pairs


def _paired(old: Arm, new: Arm, order: Sequence[str]) -> list[Pair]:
    found = [Pair(case, old.cases[case].conversation, old.cases[case], new.cases[case]) for case in order]
    changed = [pair.case for pair in found if pair.old.content != pair.new.content]
    if changed:
        raise UsageError(
            f"the cases have changed between the runs: {_some(set(changed), 'both')}. Replay the baseline again."
        )
    return found


def _same_gold(old: Arm, new: Arm) -> None:
    """Refuse runs of case files that differ in what is no part of the question: gold, tags, conversations."""
    if old.head.version != new.head.version:
        raise UsageError(
            f"the case files differ (versions {old.head.version}, {new.head.version}), though they ask the same: gold or tags "
            f"have changed. Grade the baseline's answers again: pointsman replay {new.head.cases_file} "
            f"--models recorded:{old.folder}#{old.model} --out NEW."
        )


def _comparable(old: Arm, new: Arm) -> None:
    if old.grader != new.grader:
        raise UsageError(
            f"the runs were graded differently ({old.grader} and {new.grader}): replay one again with the other's --grader; "
            "its answers are kept."
        )
    if old.head.mode != new.head.mode:
        raise UsageError(
            f"one run is on fixed history, the other free ({old.head.mode}, {new.head.mode}): not comparable."
        )


def _finished(arm: Arm) -> None:
    planned = arm.head.cases
    done = sum(case.answers >= 1 for case in arm.cases.values())
    if done < planned:
        if len(arm.cases) == planned:
            raise UsageError(
                f"{arm.folder}: of {arm.model} only {done:,} of {planned:,} cases are recorded. Gate on those that are in both "
                "(`pointsman cases --filter`), or replay the rest."
            )
        raise UsageError(
            f"{arm.folder}: {arm.model} has answered {done:,} of {planned:,} cases. Finish the run with the same "
            "`pointsman replay`, or look at it as it runs: --sequential."
        )


def _some(cases: set[str], where: str) -> str:
    if not cases:
        return f"0 only in {where}"
    named = ", ".join(sorted(cases)[:_NAMED]) + (" ..." if len(cases) > _NAMED else "")
    return f"{len(cases):,} only in {where} ({named})"


def _listed(models: Sequence[str]) -> str:
    more = len(models) - 8
    return f"There are: {', '.join(models[:8])}{f' and {more} more' if more > 0 else ''}."
