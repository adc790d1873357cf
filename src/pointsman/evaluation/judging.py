"""Compares the answers of two models to the same cases, by a judge, and keeps what it said beside the candidate's run."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Self

import msgspec

from pointsman.domain.reply import Reply
from pointsman.errors import UsageError
from pointsman.evaluation.case_file import CaseIndex
from pointsman.evaluation.cases import Case
from pointsman.evaluation.judges.model_judge import NO_MONEY
from pointsman.evaluation.judges.seam import Comparison, Judge, Verdict, compare
from pointsman.evaluation.judges.wording import with_rubric
from pointsman.evaluation.recorded import PREFIX, Shelf, open_recorded
from pointsman.evaluation.run_log import RunHead, read_head
from pointsman.evaluation.scorecard_evidence import reply_of
from pointsman.store.labels import item_id

FOLDER = "judged"
FORMAT = 1
IDENTICAL = "the replies are the same, letter for letter"
NO_REPLY = "the other gave no reply"
BY_RULE = frozenset({IDENTICAL, NO_REPLY})
"""Reasons of verdicts that need no judge, and no person: they are so."""


class JudgedHead(msgspec.Struct, frozen=True):
    """The first line of a file of comparisons: a is the baseline's reply, b the candidate's. ``done``: every case is in it."""

    baseline_run: str
    baseline: str
    candidate_run: str
    candidate: str
    judge: str
    origin: str
    version: str
    rubric: str
    cases_version: str
    cases: int
    done: bool
    format: int = FORMAT


class JudgedRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One case. ``item`` is the id under which people label the same two replies. ``usd`` None: unknown."""

    case: str
    conversation: str
    item: str
    verdict: Verdict
    flipped: bool | None = None
    reasons: tuple[str, str] = ("", "")
    usd: Decimal | None = None
    error: str | None = None


class Judged(msgspec.Struct, frozen=True):
    """Comparisons of two arms by one judge."""

    head: JudgedHead
    rows: tuple[JudgedRow, ...]


class RunArm(msgspec.Struct, frozen=True):
    """One model of one run."""

    folder: Path
    model: str
    head: RunHead

    @classmethod
    def named(cls, text: str) -> RunArm:
        """Return the arm that ``RUN`` or ``RUN#MODEL`` names.

        Raises:
            UsageError: there is no such run or model, or the run has several models and none is named.
        """
        name, mark, model = text.rpartition("#")
        if Path(text).is_dir() or not mark:
            name, model = text, ""
        head = read_head(Path(name))
        names = ", ".join(head.models[:8])
        if not model and len(head.models) > 1:
            raise UsageError(f"{name}: has {len(head.models)} models: write {name}#MODEL. There are: {names}.")
        if model and model not in head.models:
            raise UsageError(f"{name}: has no model {model[:80]!r}. There are: {names}.")
        return cls(Path(name), model or head.models[0], head)


class Answered(msgspec.Struct, frozen=True):
    """A case with the replies of both arms; None where there was none."""

    case: Case
    a: Reply | None
    b: Reply | None

    @property
    def item(self) -> str:
        """The id of what a person is shown: the case and both replies."""
        return item_id("pair", self.case.content, _parts(self.a), _parts(self.b))

    @property
    def identical(self) -> bool:
        """Whether both say the same, letter for letter: that needs no judge."""
        return _parts(self.a) == _parts(self.b)


class BothArms:
    """The answers of two arms, case by case. Use it as a context."""

    def __init__(self, old: RunArm, new: RunArm, cases: Path | None = None) -> None:
        """Open both.

        Raises:
            UsageError: the runs are of different cases, or their case file is gone or has changed.
        """
        if old.head.version != new.head.version:
            raise UsageError(
                f"the runs are of different cases (versions {old.head.version}, {new.head.version}): not comparable."
            )
        path = cases or Path(new.head.cases_file)
        if not path.is_file():
            raise UsageError(
                f"{new.folder}: its cases were in {path}, which is not there. Name the file with --cases FILE."
            )
        self._open = contextlib.ExitStack()
        self._shelves: dict[str, Shelf] = {}
        self.index = self._open.enter_context(CaseIndex(path, seed=new.head.seed, limit=new.head.cases))
        try:
            if self.index.version != new.head.version:
                raise UsageError(f"{path}: has changed since the run; replay it again.")
            self._arms = [open_recorded(f"{PREFIX}{arm.folder}#{arm.model}", self._shelves)[0] for arm in (old, new)]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close and remove what was opened."""
        self._open.close()
        for shelf in self._shelves.values():
            shelf.close()

    async def answered(self, case: Case) -> Answered:
        """Return the first answers of both arms."""
        found = [reply_of(await arm.answer(case, case.turn, 1)) for arm in self._arms]
        return Answered(case, found[0], found[1])


def _parts(reply: Reply | None) -> bytes:
    """Return what a reply says, without ids and counts: the same words are the same reply."""
    if reply is None:
        return b""
    said = [reply.text, [(call.name, call.arguments) for call in reply.tool_calls]]
    return msgspec.json.encode(said)


Told = Callable[[JudgedRow], None]


async def judge_arms(
    both: BothArms, judge: Judge, *, rubric: str = "", at_once: int = 4, told: Told | None = None
) -> tuple[list[JudgedRow], bool]:
    """Compare both arms on every case; return the rows in the order of the cases, and whether the money reached.

    Raises:
        UsageError: the judge cannot be asked at all.
    """
    rows: dict[int, JudgedRow] = {}
    waiting = iter(enumerate(both.index))
    state = {"stopped": False}

    async def work() -> None:
        for place, case in waiting:
            if state["stopped"]:
                return
            row = await _row(judge, await both.answered(case), rubric)
            if row is None:
                state["stopped"] = True
                return
            rows[place] = row
            if told is not None:
                told(row)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [rows[place] for place in sorted(rows)], not state["stopped"]


async def _row(judge: Judge, pair: Answered, rubric: str) -> JudgedRow | None:
    """Return what a judge says of a case; None where the money does not reach."""
    case = pair.case
    if pair.a is None or pair.b is None or pair.identical:
        reason = IDENTICAL if pair.identical else NO_REPLY
        verdict: Verdict = "same" if pair.identical else "a" if pair.b is None else "b"
        return JudgedRow(case.id, case.conversation_id, pair.item, verdict, False, (reason, reason), Decimal(0))
    found: Comparison = await compare(judge, case.turn, pair.a, pair.b, rubric=rubric)
    if NO_MONEY in found.errors:
        return None
    return JudgedRow(
        case=case.id,
        conversation=case.conversation_id,
        item=pair.item,
        verdict=found.verdict,
        flipped=found.flipped,
        reasons=found.reasons,
        usd=found.cost_usd,
        error=found.errors[0] if found.errors else None,
    )


def judged_head(  # noqa: PLR0913 - what a file of comparisons is of
    old: RunArm, new: RunArm, judge: Judge, *, origin: str, rubric: str, done: bool
) -> JudgedHead:
    """Return the head of a file of comparisons."""
    return JudgedHead(
        baseline_run=str(old.folder),
        baseline=old.model,
        candidate_run=str(new.folder),
        candidate=new.model,
        judge=judge.model,
        origin=origin,
        version=with_rubric(judge.version, rubric),
        rubric=rubric,
        cases_version=new.head.version,
        cases=new.head.cases,
        done=done,
    )


def write_judged(judged: Judged) -> Path:
    """Keep comparisons in the candidate's run; earlier ones of the same arms, judge and prompt make room."""
    head = judged.head
    name = msgspec.json.encode([head.baseline_run, head.baseline, head.candidate, head.judge, head.version])
    file = Path(head.candidate_run) / FOLDER / f"pairs-{hashlib.sha256(name).hexdigest()[:12]}.jsonl"
    lines = [msgspec.json.encode(head), *(msgspec.json.encode(row) for row in judged.rows)]
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"\n".join(lines) + b"\n")
        part.replace(file)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}.") from error
    return file


def read_judged(run: Path) -> Iterator[Judged]:
    """Yield the comparisons kept in a run, the one made last at the end.

    Raises:
        UsageError: a file is damaged or of a newer version.
    """
    files = (run / FOLDER).glob("pairs-*.jsonl")
    for file in sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name)):
        try:
            first, *rest = file.read_bytes().splitlines()
            head = msgspec.json.decode(first, type=JudgedHead)
            rows = tuple(msgspec.json.decode(line, type=JudgedRow) for line in rest)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise UsageError(
                f"{file}: is damaged: {error}. Remove the file and judge again; its answers are kept."
            ) from None
        if head.format > FORMAT:
            raise UsageError(f"{file}: of version {head.format}; this Pointsman reads {FORMAT}. Upgrade pointsman.")
        yield Judged(head, rows)


def judged_between(run: Path, baseline: str, candidate: str, cases_version: str) -> list[Judged]:
    """Return the comparisons of two models that a run holds, of the same cases."""
    return [
        one
        for one in read_judged(run)
        if (one.head.baseline, one.head.candidate, one.head.cases_version) == (baseline, candidate, cases_version)
    ]
