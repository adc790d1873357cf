"""Mentions what had to be mentioned, in words of its own: values must be the same, most content words must be there."""

from __future__ import annotations

from typing import Final

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import Marks, version_of
from pointsman.execution.routes.phrases import mentions

_REVISION: Final = 1


class MustMention:
    """Kind: not_mentioned. Score: the share that is mentioned. A reply that only calls tools comes before the words are due."""

    name = "must_mention"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade the answer's text."""
        wanted = case.gold.must_mention if case.gold is not None else ()
        reply = answer.reply
        if not wanted or reply is None or reply.tool_calls:
            return self._marks.none()
        missing = [item for item in wanted if not mentions(reply.text, item)]
        if not missing:
            return self._marks.passed()
        return self._marks.failed("not_mentioned", "; ".join(missing)[:500], 1 - len(missing) / len(wanted))
