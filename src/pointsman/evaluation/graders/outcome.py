"""Outcome: did the run end well? Known of a run that came about again exactly as it was recorded with its reward."""

from __future__ import annotations

from typing import Final

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import Marks, version_of

_REVISION: Final = 2
_FULL: Final = 1.0


class Outcome:
    """Grades free-running replays of benchmark runs (tau-bench) by the reward that was recorded with them.

    A reward belongs to the state of the world that one run left behind, and to the words said in it. It holds for the recording
    itself, replayed call by call with the same arguments. Of a run that went another way, or of another model whose calls were
    the same but whose words are its own, it says nothing.
    """

    name = "outcome"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade one run."""
        oracle = None if case.gold is None else case.gold.oracle
        reward = None if oracle is None else oracle.get("recorded_reward")
        if not isinstance(reward, int | float):
            return self._marks.none()
        way = answer.way
        if way is None:
            return self._marks.none("a reward is of a whole run: replay with --mode free")
        if not way.whole:
            return self._marks.none(way.divergence or "not every recorded call was made again")
        if answer.origin != "recorded":
            return self._marks.none("every recorded call was made again, but the reward judged the recorded words, too")
        if reward >= _FULL:
            return self._marks.passed(f"recorded reward {reward:g}")
        return self._marks.failed("reward", f"recorded reward {reward:g}", max(0.0, float(reward)))
