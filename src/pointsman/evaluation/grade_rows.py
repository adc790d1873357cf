"""What is kept of a graded answer: all that reports and gates want to know."""

from __future__ import annotations

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import is_write_error
from pointsman.evaluation.run_log import NOT_RECORDED, GradeRow
from pointsman.execution.routes.tool_words import may_write

_TEXT = 300
"""Characters of a grade's text that are kept."""


def grade_row(case: Case, content: bytes, answer: Answer, grade: Grade, conforms: bool | None) -> GradeRow:
    """Return all that reports and gates want to know of an answer."""
    way = answer.way
    if answer.error == NOT_RECORDED:
        grade = Grade(grade.grader, None, text="no answer is recorded")
    return GradeRow(
        case=case.id,
        content=content.hex()[:12],
        conversation=case.conversation_id,
        model=answer.model,
        repeat=answer.repeat,
        origin=answer.origin,
        passed=grade.passed,
        kind=grade.kind,
        score=grade.score,
        text=grade.text[:_TEXT],
        write_error=is_write_error(grade),
        writes=_may_write(case, answer),
        conforms=conforms,
        error=None if answer.error is None else answer.error[:_TEXT],
        usd=answer.cost_usd,
        ttft_ms=answer.ttft_ms,
        latency_ms=answer.latency_ms,
        input_tokens=None if answer.usage is None else answer.usage.prompt,
        output_tokens=None if answer.usage is None else answer.usage.output,
        diverged_at=None if way is None else way.diverged_at,
        divergence="" if way is None else way.divergence[:_TEXT],
        tags=case.tags,
    )


def _may_write(case: Case, answer: Answer) -> bool:
    """Tell whether something could have been changed: by a call that is due, or by one that was made."""
    due = () if case.gold is None else case.gold.calls
    if any(may_write(call.name) if call.writes is None else call.writes for call in due):
        return True
    return answer.reply is not None and any(may_write(call.name) for call in answer.reply.tool_calls)
