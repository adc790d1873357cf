"""Policy adherence: does an answer keep the rules of the business, as a rules file states them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pointsman.evaluation.adherence.checking import check
from pointsman.evaluation.adherence.events import events_of
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import Marks, version_of

if TYPE_CHECKING:
    from pointsman.evaluation.adherence.rules import Rules

_REVISION: Final = 1


class PolicyAdherence:
    """Names each rule that the answer breaks, with the words or the call that break it. Kind: policy.

    ``score`` is the share of rules kept, of those that had something to be about; where none had, there is no say.
    """

    name = "policy_adherence"

    def __init__(self, rules: Rules) -> None:
        self.version = version_of(_REVISION, rules=rules.model_dump(mode="json"))
        self._rules = rules
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade one answer, or one run."""
        if answer.reply is None:
            return self._marks.none()
        broken, about = check(self._rules, events_of(case, answer))
        if broken:
            kept = 1 - len(broken) / max(about, len(broken))
            return self._marks.failed("policy", "; ".join(one.text for one in broken), kept)
        return self._marks.passed(f"{about} rules kept") if about else self._marks.none("no rule is about this")
