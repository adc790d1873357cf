"""End state: is the world as it should be, once the run is over?"""

from __future__ import annotations

from typing import Final

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import WRITE_ERROR, Marks, version_of

_REVISION: Final = 1


class EndState:
    """Grades free-running replays on a world of their own (``--mode free --tools``) by the state that they left behind.

    A wrong state that the run wrote itself is a write error; one where something was left undone is not.
    """

    name = "end_state"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade one run."""
        if case.world is None:
            return self._marks.none()
        way = answer.way
        if way is None or way.state is None:
            return self._marks.none(
                "a world is acted on in a free run: replay with --mode free --tools MODULE:FUNCTION"
            )
        state = way.state
        counts = ((state.reads, "look-up"), (state.writes, "change"), (state.failed, "failed call"))
        calls = ", ".join(f"{count} {word}" + ("" if count == 1 else "s") for count, word in counts)
        if answer.reply is None or state.right is None:
            return self._marks.none(state.text or "no reply")
        if state.right and not way.whole:
            return self._marks.failed("not_ended", f"{way.divergence}; {calls}")
        if state.right:
            return self._marks.passed(calls)
        said = f"{state.text}; {calls}"
        return self._marks.failed(state.kind or "wrong_state", f"{WRITE_ERROR}: {said}" if state.writes else said)
