"""What a gate asks for: which metrics, with which margins, how surely. Written by people, as YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.errors import UsageError

MetricName = Literal[
    "accuracy", "conformance", "ttft_p95", "latency_p95", "cost", "write_errors", "scorecard", "judged"
]

MARGINS: Mapping[MetricName, float] = {
    "accuracy": 0.02,
    "conformance": 0.005,
    "ttft_p95": 0.10,
    "latency_p95": 0.10,
    "cost": 0.05,
    "write_errors": 0.01,
    "scorecard": 0.02,
    "judged": 0.05,
}
"""What a candidate may lose: shares in points, ratios in parts of the baseline; new write errors in all cases that may write.

Of ``judged`` it is how many more points of the cases may be lost to the baseline than are won.
"""

OUTSIDE: frozenset[MetricName] = frozenset({"scorecard", "judged"})
"""Metrics that do not come with the answers: a card is applied, a judge is asked, beside the run."""

Margin = Annotated[float, Field(gt=0, lt=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MetricTerms(_Section):
    """One metric's terms. ``margin``: what may be lost, as a share (0.02 is two points, or two percent of the baseline)."""

    margin: Margin


class GatePolicy(_Section):
    """The terms of a gate.

    ``metrics`` None: every metric that was measured in both runs, at its usual margin. A metric that is named must be measured.
    """

    metrics: dict[MetricName, MetricTerms | None] | None = None
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    power: Annotated[float, Field(gt=0.5, lt=1)] = 0.8

    def margins(self) -> dict[MetricName, float]:
        """Return the metrics to judge, each with its margin."""
        if self.metrics is None:
            return dict(MARGINS)
        return {name: MARGINS[name] if terms is None else terms.margin for name, terms in self.metrics.items()}


def read_gate_policy(path: Path) -> GatePolicy:
    """Read a gate's terms.

    Raises:
        UsageError: the file is wrong; names file, line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text.") from None
    file = LocatedYaml(path.name, text, UsageError)
    try:
        return GatePolicy.model_validate(file.data or {})
    except ValidationError as problem:
        first = problem.errors()[0]
        place = tuple(part for part in first["loc"] if part in _WORDS or isinstance(part, int))
        raise file.problem(place, _sentence(dict(first))) from None


_WORDS = frozenset({*MARGINS, *GatePolicy.model_fields, "margin"})


def _sentence(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return f"{str(error['loc'][-1])[:40]!r} is not a field here; there are {', '.join(GatePolicy.model_fields)}, margin"
    if error["type"] == "literal_error":
        return f"{str(error['loc'][1])[:40]!r} is no metric; there are {', '.join(MARGINS)}"
    return str(error["msg"])


def chosen(policy: GatePolicy, names: str | None) -> GatePolicy:
    """Return the policy with only the metrics that ``--metrics`` names.

    Raises:
        UsageError: one is unknown.
    """
    if names is None:
        return policy
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in MARGINS]
    if unknown or not wanted:
        raise UsageError(f"--metrics: {(unknown or [''])[0][:40]!r} is no metric; there are {', '.join(MARGINS)}")
    known = policy.metrics or {}
    metrics: Any = {name: known.get(name) for name in wanted}  # type: ignore[call-overload]
    return policy.model_copy(update={"metrics": metrics})
