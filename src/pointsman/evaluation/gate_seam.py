"""What the parts of a gate share: a metric's verdict, its terms, and where it is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from pointsman.evaluation.gate_arms import Arm, Pair
from pointsman.evaluation.gate_policy import MetricName
from pointsman.evaluation.statistics.verdict import Answer

_LEAST = 20
"""Values an arm's p95 needs at least, before it is told at all."""

KNOWS_WRITES = ("strict", "end_state")
"""The graders that say of a wrong call whether it changes something."""


class MetricVerdict(msgspec.Struct, frozen=True):
    """What one metric says. ``low`` and ``high`` bound the difference (shares) or the ratio (``ratio``); ``n`` is in cases."""

    name: str
    answer: Answer
    margin: float
    baseline: float | None
    candidate: float | None
    low: float | None
    high: float | None
    ratio: bool
    n: int
    more: int | None
    text: str


class Terms(msgspec.Struct, frozen=True):
    """At which levels: of passing, of failing; and the power that advice is for."""

    alpha: float
    alpha_fail: float
    power: float


HAS: Mapping[MetricName, Callable[[Pair], bool]] = {
    "accuracy": lambda pair: bool(pair.old.graded and pair.new.graded),
    "conformance": lambda pair: bool(pair.old.checked and pair.new.checked),
    "ttft_p95": lambda pair: bool(pair.old.ttft and pair.new.ttft),
    "latency_p95": lambda pair: bool(pair.old.latency and pair.new.latency),
    "cost": lambda pair: bool(pair.old.usd and pair.new.usd),
    "write_errors": lambda pair: pair.old.writes or pair.new.writes,
}


def missing(name: MetricName, old: Arm, new: Arm, pairs: Sequence[Pair], *, running: bool = False) -> str | None:
    """Return why a metric cannot be judged, None where it can. ``running``: more cases come, so few are no reason."""
    if name == "write_errors" and not old.grader.startswith(KNOWS_WRITES):
        return f"the grader {old.grader.partition('@')[0]} does not tell writes apart ({' and '.join(KNOWS_WRITES)} do)"
    if name in ("ttft_p95", "latency_p95") and old.origins != new.origins:
        return f"not comparable ({', '.join(sorted(old.origins))} against {', '.join(sorted(new.origins))})"
    count = sum(1 for pair in pairs if HAS[name](pair))
    if running and not any(HAS[name](msgspec.structs.replace(pair, new=pair.old)) for pair in pairs):
        # The baseline is complete: what it never measured is not to be expected, what it did is yet to come.
        measured = any(HAS[name](Pair("", "", case, case)) for case in old.cases.values())
        return None if measured else "not measured in the baseline"
    least = 1 if running else _LEAST if name in ("ttft_p95", "latency_p95") else 1
    return (
        None
        if count >= least
        else "not measured in both runs"
        if not count
        else f"measured in only {count} cases of both"
    )
