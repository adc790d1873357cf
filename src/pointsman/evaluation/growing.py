"""Finds what a regression set should grow by: turns that went wrong, and cases on which models disagree.

A turn went wrong when a reply of it was rejected by its contract, or somebody complained. Models disagree on a case when one
answer to it passed and another did not, of two models or of two repeats. Each case is tagged with its ``trouble``.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.case_file import order_of, read_cases
from pointsman.evaluation.cases import Case
from pointsman.evaluation.importers.case_seam import Found
from pointsman.evaluation.importers.case_source import Read
from pointsman.evaluation.importers.cases_store import store_rows
from pointsman.evaluation.run_log import read_grades, read_head
from pointsman.store import Store
from pointsman.store.incidents import IncidentReader
from pointsman.store.shadow import Shadows

TROUBLE = "trouble"
"""The tag: ``rejected``, ``complaint``, ``misrouted``, ``incident`` or ``disagreement``."""
_INCIDENTS = 1000
"""The newest incidents that are looked at."""


def troubled_turns(store: Store, since_us: int | None = None) -> Iterator[Read]:
    """Yield the turns of a store that went wrong, as cases; and what could not be read, with its problem.

    A turn that a shadow check found misrouted went wrong, too, unless a person found otherwise; and one that an incident points
    to.
    """
    misrouted, incidents = Shadows(store).material_ids(), IncidentReader(store)
    linked = frozenset(turn for one in incidents.all(limit=_INCIDENTS) for turn in incidents.turns(one.id))
    for read in store_rows(store, since_us):
        if read.problem is not None:
            yield read
            continue
        words = [(one, _trouble(one.case, misrouted, linked)) for one in read.found]
        found = tuple(_tagged(one, **{TROUBLE: word}) for one, word in words if word is not None)
        if found:
            yield msgspec.structs.replace(read, found=found)


def _trouble(case: Case, misrouted: AbstractSet[str], linked: AbstractSet[str]) -> str | None:
    if "feedback" in case.tags:
        return "complaint"
    if "rejected" in case.tags:
        return "rejected"
    if case.id in misrouted:
        return "misrouted"
    return "incident" if case.id in linked else None


def _tagged(found: Found, **tags: str) -> Found:
    return Found(msgspec.structs.replace(found.case, tags=found.case.tags | tags), found.shipped)


class _Verdicts(msgspec.Struct):
    """Who passed a case and who did not, as bits by the number of the model. ``content`` is the case's hash."""

    content: str
    passed: int = 0
    failed: int = 0


def disagreements(folder: Path, cases: Path | None = None) -> Iterator[Read]:
    """Yield the cases of a run on which not all answers were right and not all wrong, tagged with who was which.

    ``cases`` is where the run's case file is now; None: where it was.

    Raises:
        UsageError: there is no run, or its case file is gone.
    """
    head = read_head(folder)
    path = Path(head.cases_file) if cases is None else cases
    if not path.is_file():
        raise UsageError(f"{folder}: its cases were in {path}, which is not there. Name the file with --cases FILE.")
    models: dict[str, int] = {}
    verdicts: dict[int, _Verdicts] = {}
    for row in read_grades(folder):
        if row.passed is None:
            continue
        bit = 1 << models.setdefault(row.model, len(models))
        one = verdicts.setdefault(order_of(row.case, 0), _Verdicts(row.content))
        if row.passed:
            one.passed |= bit
        else:
            one.failed |= bit
    for line in read_cases(path):
        if line.case is None:
            continue
        found = verdicts.get(order_of(line.case.id, 0))
        if found is None or not (found.passed and found.failed):
            continue
        place = f"{path.name}: line {line.number}"
        if not line.case.content.hex().startswith(found.content):
            yield Read(place, problem="the case has changed since the run")
            continue
        tags = {TROUBLE: "disagreement", "right": _names(models, found.passed), "wrong": _names(models, found.failed)}
        yield Read(place, "disagreement", (_tagged(Found(line.case), **tags),))


def _names(models: dict[str, int], bits: int) -> str:
    return ",".join(sorted(name for name, number in models.items() if bits >> number & 1))
