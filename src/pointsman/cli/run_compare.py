"""A run's report beside a baseline: the gate's verdict, and the cases that flipped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pointsman.cli.figures import for_json
from pointsman.cli.gate import measured_beside
from pointsman.evaluation.flip_views import flip_views
from pointsman.evaluation.gate import Gate, judge
from pointsman.evaluation.gate_arms import Arm, pairs_of, read_arm
from pointsman.evaluation.gate_policy import GatePolicy, read_gate_policy
from pointsman.evaluation.run_extent import Extent, extents
from pointsman.evaluation.run_log import read_grades
from pointsman.evaluation.run_summary import ModelSum, summarise
from pointsman.store import DEFAULT_URL

if TYPE_CHECKING:
    from pointsman.evaluation.run_page import Comparison

_SHOWN = 50
"""Flips in the HTML file: more would be read by nobody and make it large."""
_LISTED = 1000
"""Flips that ``pointsman gate`` lists at most; its JSON has all."""


class Asked(msgspec.Struct, frozen=True):
    """What is to be compared: ``RUN`` or ``RUN#MODEL`` twice."""

    candidate: str
    baseline: str
    policy: Path | None = None
    cases: Path | None = None


class Compared:
    """Two arms and the verdict on them."""

    def __init__(self, asked: Asked, old: Arm, new: Arm, gate: Gate) -> None:
        self._asked, self._old, self._new, self._gate = asked, old, new, gate
        same = Path(old.folder).resolve() == Path(new.folder).resolve()
        self._elsewhere = not same
        # Two versions of one model are told apart by where they were run.
        self._named = f"{old.model} (baseline)" if self._elsewhere and old.model == new.model else old.model

    def with_baseline(self, folder: Path, sums: tuple[ModelSum, ...], repeats_by: str | None) -> tuple[ModelSum, ...]:
        """Return the sums of the run and of the baseline, where it is not among them."""
        if not self._elsewhere and any(one.model == self._old.model for one in sums):
            return sums
        source = Path(self._old.folder) if self._elsewhere else folder
        rows = (row for row in read_grades(source) if row.model == self._old.model)
        return (
            *sums,
            *(msgspec.structs.replace(one, model=self._named) for one in summarise(rows, repeats_by=repeats_by)),
        )

    def extents(self) -> dict[str, Extent]:
        """Return the baseline's times and tokens, where they are not in the run's own folder."""
        if not self._elsewhere:
            return {}
        rows = (row for row in read_grades(Path(self._old.folder)) if row.model == self._old.model)
        own = extents(rows).get(self._old.model)
        return {} if own is None else {self._named: msgspec.structs.replace(own, model=self._named)}

    def comparison(self) -> Comparison:
        """Return what the HTML file shows of it."""
        from pointsman.evaluation.run_page import Comparison

        views = flip_views(self._gate, self._old, self._new, _SHOWN, self._asked.cases)
        total = len(self._gate.lost) + len(self._gate.gained)
        command = (
            f"pointsman gate --baseline {self._old.folder}#{self._old.model} "
            f"--candidate {self._new.folder}#{self._new.model} {f'--flips {total}' if total <= _LISTED else '--json'}"
        )
        return Comparison(self._named, self._new.model, self._gate, views, command)

    def verdict(self) -> str:
        """Return the verdict as a line."""
        return f"{self._gate.answer.upper()} against {self._named}: {self._gate.text}"

    def for_json(self) -> dict[str, Any]:
        """Return the verdict with all its flips."""
        found: dict[str, Any] = for_json(self._gate)
        return {"run": self._old.folder, "model": self._old.model, **found}


def compare(asked: Asked) -> Compared:
    """Judge the candidate against the baseline.

    Raises:
        UsageError: a run or model is not there, several models and none named, or the runs cannot be compared.
    """
    terms = GatePolicy() if asked.policy is None else read_gate_policy(asked.policy)
    old, new = read_arm(asked.baseline), read_arm(asked.candidate)
    beside = measured_beside(old, new, DEFAULT_URL)
    return Compared(asked, old, new, judge(old, new, pairs_of(old, new), terms, outside=beside))
