"""All graders by name."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path

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
from pointsman.evaluation.graders.policy_adherence import PolicyAdherence
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
    """Return the grader called ``name``; ``policy_adherence:FILE`` is the one that holds answers against a rules file.

    Raises:
        UsageError: there is none; names the nearest. Or the rules file is wrong.
    """
    kind, mark, file = name.partition(":")
    if kind == PolicyAdherence.name:
        if not mark or not file:
            raise UsageError("policy_adherence needs a rules file: policy_adherence:rules.yaml")
        path = Path(file)
        stat = path.stat() if path.is_file() else None
        return _adherence(path, None if stat is None else (stat.st_mtime_ns, stat.st_size))
    known = {one.name: one for one in graders()}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
    raise UsageError(f"unknown grader {name[:60]!r}; {hint}")


@lru_cache(maxsize=32)
def _adherence(path: Path, _written: tuple[int, int] | None) -> PolicyAdherence:
    """Return the grader of a rules file as it is now: read once, again when it has changed."""
    from pointsman.evaluation.adherence.rules import read_rules

    return PolicyAdherence(read_rules(path))
