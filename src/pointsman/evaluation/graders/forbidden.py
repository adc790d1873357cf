"""Says what it must not say: as it stands, or in words that come near it and are not denied. Texts inside calls count too."""

from __future__ import annotations

from typing import Final

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import Marks, version_of
from pointsman.execution.routes.phrases import forbidden_in

_REVISION: Final = 1


class Forbidden:
    """Kinds: forbidden (as it stands), near_forbidden (in other words)."""

    name = "forbidden"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade the answer's text and the texts it passes to tools."""
        banned = case.gold.forbidden if case.gold is not None else ()
        if not banned or answer.reply is None:
            return self._marks.none()
        texts = [answer.reply.text, *(call.arguments for call in answer.reply.tool_calls)]
        hits = [(phrase, hit) for phrase in banned for text in texts if (hit := forbidden_in(_unmarked(text), phrase))]
        if not hits:
            return self._marks.passed()
        exact = [phrase for phrase, hit in hits if hit == "exact"]
        kind = "forbidden" if exact else "near_forbidden"
        return self._marks.failed(kind, "; ".join(dict.fromkeys(exact or [phrase for phrase, _ in hits]))[:500])


def _unmarked(text: str) -> str:
    """Return text without the marks that hide words from a check but not from a reader."""
    return text.translate({ord(mark): None for mark in "*`~"})
