"""The tool bench: does a model make the right calls, with the right arguments, and none where none is due?

Every case is one turn up to where a call is due or is not; nothing is executed. Answers are graded by the same graders that
replays use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from pointsman.catalog.models import Model
from pointsman.evaluation.answers import Answer, Grade, Origin
from pointsman.evaluation.bench_asking import Job
from pointsman.evaluation.bench_running import Made
from pointsman.evaluation.bench_sums import Quantile, Share, cost_per_1k, counted, quantile, share_of
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import WRITE_ERROR, Grader
from pointsman.evaluation.statistics.repeats import mean_pass_hat_k

OUTPUT_TOKENS: Final = 1024
USUAL_OUTPUT: Final = 80
"""Tokens of a usual answer, for the price beforehand."""


class ToolsRow(msgspec.Struct, frozen=True):
    """How often one model was right.

    ``right`` is the share of answers that the grader passed, ``slices`` the same by the value of a tag. ``pass_hat_k`` is the
    chance that k repeats of a case are all right (None with one repeat). ``write_errors`` are wrong calls that change
    something. ``kinds`` counts wrong answers by what was wrong, ``errors`` calls without an answer, which count in no share;
    ``ungraded`` are answers of which the grader says nothing. The latency is that of whole answers, in milliseconds.
    """

    model: str
    origin: Origin
    right: Share
    slices: dict[str, Share]
    pass_hat_k: float | None
    write_errors: int
    kinds: dict[str, int]
    errors: dict[str, int]
    ungraded: int
    cost_per_1k_usd: Decimal | None
    latency_p50: Quantile
    latency_p95: Quantile


class ToolsBench:
    """The bench on a set of cases. Ask its ``jobs``, then ``row`` sums up what came of them."""

    def __init__(self, cases: Sequence[Case], grader: Grader, *, by: str, output_tokens: int = OUTPUT_TOKENS) -> None:
        self.cases = {case.id: case for case in cases}
        self._grader = grader
        self._by = by
        self._limit = output_tokens

    def jobs(self, models: Sequence[Model], repeats: int) -> Iterator[Job]:
        """Yield every call, models side by side: what stops half-way has asked each of them the same."""
        for repeat in range(1, repeats + 1):
            for case in self.cases.values():
                turn = msgspec.structs.replace(case.turn, max_output_tokens=self._limit, stream=False)
                for model in models:
                    yield Job(case.id, model.id, turn, repeat=repeat)

    def row(self, model: str, made: Iterable[Made], origin: Origin) -> ToolsRow:
        """Sum up the answers of one model."""
        answers = [one.answer for one in made if one.job.model == model]
        answered = [one for one in answers if _is_answer(one)]
        graded = [(one, grade) for one in answered if (grade := self._grade(one)).passed is not None]
        cases = [one.case_id for one, _ in graded]
        marks = [grade.passed is True for _, grade in graded]
        took = [one.latency_ms for one in answered if one.latency_ms is not None]
        tags = [self.cases[case].tags.get(self._by, "") for case in cases]
        return ToolsRow(
            model=model,
            origin=origin,
            right=self._share(marks, cases),
            slices={
                tag: self._share(*_only(tag, tags, marks, cases))
                for tag in dict.fromkeys(tags)
                if tag and set(tags) != {tag}
            },
            pass_hat_k=_pass_hat_k(marks, cases, max((one.repeat for one in answers), default=1)),
            write_errors=sum(grade.text.startswith(WRITE_ERROR) for _, grade in graded),
            kinds=counted([grade.kind or "wrong" for _, grade in graded if grade.passed is False]),
            errors=counted([one.error or "no_reply" for one in answers if not _is_answer(one)]),
            ungraded=len(answered) - len(graded),
            cost_per_1k_usd=cost_per_1k([one.cost_usd for one in answered]),
            latency_p50=quantile(took, 0.5),
            latency_p95=quantile(took, 0.95),
        )

    def _grade(self, answer: Answer) -> Grade:
        return self._grader.grade(self.cases[answer.case_id], answer)

    def _share(self, marks: Sequence[bool], cases: Sequence[str]) -> Share:
        """Turns of one conversation depend on each other, as repeats of one case do."""
        return share_of(marks, [self.cases[case].conversation_id for case in cases])


def _is_answer(answer: Answer) -> bool:
    return answer.reply is not None or answer.text_calls is not None


def _only(tag: str, tags: Sequence[str], marks: Sequence[bool], cases: Sequence[str]) -> tuple[list[bool], list[str]]:
    chosen = [n for n, one in enumerate(tags) if one == tag]
    return [marks[n] for n in chosen], [cases[n] for n in chosen]


def _pass_hat_k(marks: Sequence[bool], cases: Sequence[str], repeats: int) -> float | None:
    if repeats == 1:
        return None
    totals: dict[str, tuple[int, int]] = {}
    for case, mark in zip(cases, marks, strict=True):
        passed, n = totals.get(case, (0, 0))
        totals[case] = (passed + mark, n + 1)
    return mean_pass_hat_k(totals.values(), repeats)[0]
