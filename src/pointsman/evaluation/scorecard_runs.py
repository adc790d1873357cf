"""Scorecards applied to a run: kept beside its answers, with the card's version, so that two runs are compared by one card."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.case_file import CaseIndex
from pointsman.evaluation.cases import Case
from pointsman.evaluation.judges.model_judge import NO_MONEY
from pointsman.evaluation.judges.seam import Judge
from pointsman.evaluation.recorded import PREFIX, Shelf, open_recorded
from pointsman.evaluation.run_log import NOT_RECORDED, RunHead
from pointsman.evaluation.run_summary import Share
from pointsman.evaluation.scorecard_marks import Scored, Status
from pointsman.evaluation.scorecard_scoring import score_reply, version_with
from pointsman.evaluation.scorecards import Card
from pointsman.evaluation.statistics.clustered import clustered_mean

FOLDER = "scorecards"
FORMAT = 1


class ScoredHead(msgspec.Struct, frozen=True):
    """The first line of a file of marks: which card, in which version, asked of which judge ("" for none)."""

    card: str
    version: str
    author: str
    cases_version: str
    cases: int
    content: dict[str, Any]
    done: bool
    format: int = FORMAT


class ScoredRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer. ``marks`` are the criteria by name; ``why`` says of those that did not pass what was wrong."""

    case: str
    conversation: str
    model: str
    repeat: int
    passed: bool | None = None
    score: float | None = None
    usd: Decimal | None = None
    marks: dict[str, Status] = msgspec.field(default_factory=dict)
    why: dict[str, str] = msgspec.field(default_factory=dict)


class ScoredRun(msgspec.Struct, frozen=True):
    """A run's marks by one card."""

    head: ScoredHead
    rows: tuple[ScoredRow, ...]


class CardSum(msgspec.Struct, frozen=True):
    """A model's marks by one card: the share of cases passed, and for each criterion how many answers have which status."""

    model: str
    passed: Share
    unknown: int
    answers: int
    criteria: dict[str, dict[Status, int]]


async def score_run(  # noqa: PLR0913 - a run and what is applied to it
    folder: Path,
    head: RunHead,
    card: Card,
    *,
    judge: Judge | None = None,
    cases: Path | None = None,
    told: Callable[[ScoredRow], None] | None = None,
) -> ScoredRun:
    """Apply a card to every answer of a run.

    Raises:
        UsageError: the run's case file is gone or has changed, or the run has no answers.
    """
    path = cases or Path(head.cases_file)
    if not path.is_file():
        raise UsageError(f"{folder}: its cases were in {path}, which is not there. Name the file with --cases FILE.")
    rows: list[ScoredRow] = []
    done = True
    with contextlib.closing(_Answers(folder, head, path)) as answers:
        async for case, answer in answers.every():
            scored = await score_reply(card, case, answer, judge)
            if any(mark.reason == NO_MONEY for mark in scored.marks):
                done = False
                break
            rows.append(_row(case.conversation_id, answer, scored))
            if told is not None:
                told(rows[-1])
    author = judge.model if judge is not None and card.asks else ""
    found = ScoredHead(
        card.name,
        version_with(card, judge),
        author,
        head.version,
        head.cases,
        card.model_dump(mode="json", exclude_defaults=True),
        done,
    )
    return ScoredRun(found, tuple(rows))


class _Answers:
    """The answers of a run, case by case."""

    def __init__(self, folder: Path, head: RunHead, cases: Path) -> None:
        self._head = head
        self._index = CaseIndex(cases, seed=head.seed, limit=head.cases)
        if self._index.version != head.version:
            raise UsageError(f"{cases}: has changed since the run; replay it again.")
        self._shelves: dict[str, Shelf] = {}
        self._sources = [open_recorded(f"{PREFIX}{folder}#{model}", self._shelves)[0] for model in head.models]

    async def every(self) -> AsyncIterator[tuple[Case, Answer]]:
        with self._index:
            for case in self._index:
                for source in self._sources:
                    for repeat in range(1, self._head.repeats + 1):
                        answer = await source.answer(case, case.turn, repeat)
                        if answer.error != NOT_RECORDED:
                            yield case, answer

    def close(self) -> None:
        for shelf in self._shelves.values():
            shelf.close()


def _row(conversation: str, answer: Answer, scored: Scored) -> ScoredRow:
    return ScoredRow(
        case=answer.case_id,
        conversation=conversation,
        model=answer.model,
        repeat=answer.repeat,
        passed=scored.passed,
        score=scored.score,
        usd=scored.cost_usd,
        marks={mark.criterion: mark.status for mark in scored.marks},
        why={mark.criterion: mark.reason[:300] for mark in scored.marks if mark.status in ("fail", "unknown")},
    )


def write_scored(folder: Path, scored: ScoredRun) -> Path:
    """Keep a run's marks; earlier ones by the same card and version make room."""
    file = folder / FOLDER / f"{scored.head.card}@{scored.head.version}.jsonl"
    lines = [msgspec.json.encode(scored.head), *(msgspec.json.encode(row) for row in scored.rows)]
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"\n".join(lines) + b"\n")
        part.replace(file)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}.") from error
    return file


def read_scored(folder: Path) -> Iterator[ScoredRun]:
    """Yield the marks kept in a run, the card applied last at the end.

    Raises:
        UsageError: a file is damaged or of a newer version.
    """
    files = sorted((folder / FOLDER).glob("*.jsonl"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    for file in files:
        try:
            first, *rest = file.read_bytes().splitlines()
            head = msgspec.json.decode(first, type=ScoredHead)
            rows = tuple(msgspec.json.decode(line, type=ScoredRow) for line in rest)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise UsageError(f"{file}: is damaged: {error}. Remove the file and apply the card again.") from None
        if head.format > FORMAT:
            raise UsageError(f"{file}: of version {head.format}; this Pointsman reads {FORMAT}. Upgrade pointsman.")
        yield ScoredRun(head, rows)


def sum_up(scored: ScoredRun) -> tuple[CardSum, ...]:
    """Sum a run's marks up, model by model. Repeats are averaged inside a case; errors are clustered by conversation."""
    by_model: dict[str, list[ScoredRow]] = defaultdict(list)
    for row in scored.rows:
        by_model[row.model].append(row)
    return tuple(_sum(model, rows) for model, rows in sorted(by_model.items()))


def _sum(model: str, rows: list[ScoredRow]) -> CardSum:
    cases: dict[str, list[bool]] = defaultdict(list)
    conversation = {row.case: row.conversation for row in rows}
    criteria: dict[str, dict[Status, int]] = {}
    for row in rows:
        if row.passed is not None:
            cases[row.case].append(row.passed)
        for name, status in row.marks.items():
            counts = criteria.setdefault(name, {"pass": 0, "fail": 0, "unknown": 0, "not_applicable": 0})
            counts[status] += 1
    unknown = sum(row.passed is None for row in rows)
    return CardSum(model, _share(cases, conversation), unknown, len(rows), criteria)


def _share(cases: dict[str, list[bool]], conversation: dict[str, str]) -> Share:
    from pointsman.domain.intervals import Z_95, wilson

    if not cases:
        return Share(None, None, None, 0)
    values = [sum(passed) / len(passed) for passed in cases.values()]
    clusters = [conversation[case] for case in cases]
    mean = clustered_mean(values, clusters)
    alone = len(set(clusters)) == len(cases) and all(len(passed) == 1 for passed in cases.values())
    if alone or not mean.error:
        low, high = wilson(mean.mean * mean.clusters, mean.clusters) or (None, None)
        return Share(mean.mean, low, high, mean.n)
    return Share(mean.mean, max(0.0, mean.mean - Z_95 * mean.error), min(1.0, mean.mean + Z_95 * mean.error), mean.n)
