"""All graders by name."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

from pointsman.errors import UsageError
from pointsman.evaluation.graders.bfcl import Bfcl
from pointsman.evaluation.graders.changed_mind import ChangedMind
from pointsman.evaluation.graders.claims_action_without_call import ClaimsActionWithoutCall
from pointsman.evaluation.graders.contradicts_tool_result import ContradictsToolResult
from pointsman.evaluation.graders.end_state import EndState
from pointsman.evaluation.graders.forbidden import Forbidden
from pointsman.evaluation.graders.hallucinated_names import HallucinatedNames
from pointsman.evaluation.graders.language import Language
from pointsman.evaluation.graders.must_mention import MustMention
from pointsman.evaluation.graders.outcome import Outcome
from pointsman.evaluation.graders.refusal import Refusal
from pointsman.evaluation.graders.schema_conformance import SchemaConformance
from pointsman.evaluation.graders.strict import Strict
from pointsman.evaluation.grading_seam import Grader


@cache
def graders() -> tuple[Grader, ...]:
    """Return every grader with its default settings, in the order in which reports show them."""
    return (
        Strict(),
        Bfcl(),
        Outcome(),
        EndState(),
        SchemaConformance(),
        HallucinatedNames(),
        ClaimsActionWithoutCall(),
        ContradictsToolResult(),
        ChangedMind(),
        MustMention(),
        Forbidden(),
        Refusal(),
        Language(),
    )


def grader(name: str) -> Grader:
    """Return the grader called ``name``.

    Raises:
        UsageError: there is none; names the nearest.
    """
    known = {one.name: one for one in graders()}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
    raise UsageError(f"unknown grader {name[:60]!r}; {hint}")
