"""May the candidate take the baseline's place? One verdict of several metrics, each asked whether it is worse by its margin.

Pass wants every metric to pass at ``alpha``: the chance to pass a candidate that is at its margin in any of them is at most
``alpha``, however many there are (intersection-union: R. Berger, Technometrics 24, 1982). Fail is claimed by each of k metrics at
``alpha / k`` (Bonferroni), so that a candidate that is worse in none fails with at most ``alpha``. Everything else is hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.gate_arms import Arm, Pair
from pointsman.evaluation.gate_bets import bet
from pointsman.evaluation.gate_metrics import JUDGES
from pointsman.evaluation.gate_outside import Outside
from pointsman.evaluation.gate_policy import OUTSIDE, GatePolicy, MetricName
from pointsman.evaluation.gate_seam import MetricVerdict, Terms, missing
from pointsman.evaluation.statistics.verdict import Answer

_NOT_RUNNING = "only known once the run is finished"


class Flip(msgspec.Struct, frozen=True):
    """A case that the arms answer differently: its share of right repeats before and after."""

    case: str
    conversation: str
    before: float
    after: float
    why: str
    tags: dict[str, str]


class Gate(msgspec.Struct, frozen=True):
    """The verdict. ``more`` is how many more cases would settle it, where it is hold; ``left_out`` says what was not judged."""

    answer: Answer
    text: str
    cases: int
    conversations: int
    metrics: tuple[MetricVerdict, ...]
    lost: tuple[Flip, ...]
    gained: tuple[Flip, ...]
    more: int | None
    left_out: tuple[str, ...]
    sequential: bool = False


def judge(
    old: Arm,
    new: Arm,
    pairs: Sequence[Pair],
    policy: GatePolicy,
    *,
    outside: Mapping[MetricName, Outside] | None = None,
) -> Gate:
    """Return the verdict over all cases of both arms. ``outside`` are metrics that were measured beside the runs.

    Raises:
        UsageError: nothing was graded, or a metric that the policy names is not measured.
    """
    margins, named = policy.margins(), policy.metrics is not None
    beside = outside or {}

    def why_not(name: MetricName) -> str | None:
        if name not in OUTSIDE:
            return missing(name, old, new, pairs)
        # A judge that may not gate yet holds a gate that names it, and has no say in one that does not.
        return "not measured in both runs" if name not in beside else None if named else beside[name].lacks

    margins = {name: margin for name, margin in margins.items() if named or name not in OUTSIDE or name in beside}
    measured, left_out = _measured(why_not, margins, named=named)
    terms = Terms(policy.alpha, policy.alpha / max(1, len(measured)), policy.power)
    found = tuple((beside[name] if name in OUTSIDE else JUDGES[name])(pairs, margins[name], terms) for name in measured)
    return _gate(pairs, found, left_out)


def judge_as_it_runs(old: Arm, new: Arm, pairs: Sequence[Pair], policy: GatePolicy) -> Gate:
    """Return the verdict on the conversations so far; it may be asked for after each, and still errs as seldom as promised.

    Raises:
        UsageError: nothing that can be judged was measured.
    """
    margins = {
        name: margin for name, margin in policy.margins().items() if policy.metrics is not None or name not in OUTSIDE
    }
    if not pairs:
        text = "no whole conversation is answered yet, in the order in which the run takes them"
        return Gate("hold", text, 0, 0, (), (), (), None, (), sequential=True)
    measured, left_out = _measured(
        lambda name: _NOT_RUNNING if name in OUTSIDE else missing(name, old, new, pairs, running=True),
        margins,
        named=policy.metrics is not None,
    )
    terms = Terms(policy.alpha, policy.alpha / max(1, len(measured)), policy.power)
    found = tuple(bet(name, pairs, margins[name], terms) for name in measured)
    return msgspec.structs.replace(_gate(pairs, found, left_out), sequential=True)


def _gate(pairs: Sequence[Pair], found: tuple[MetricVerdict, ...], left_out: list[str]) -> Gate:
    failed = [one.name for one in found if one.answer == "fail"]
    held = [one for one in found if one.answer == "hold"]
    more = max((one.more for one in held if one.more is not None), default=None)
    answer: Answer = "fail" if failed else "hold" if held else "pass"
    n = f"{len(pairs):,} cases"
    if failed:
        text = f"the candidate is worse in {', '.join(failed)} ({n})"
    elif held:
        told = next((one.text for one in held if one.name in OUTSIDE and one.more is None), "more cases are needed")
        advice = f"run {more:,} more cases" if more is not None else told
        text = f"not enough evidence on {', '.join(one.name for one in held)} after {n}: {advice}"
    else:
        text = f"the candidate is not worse in {', '.join(one.name for one in found)} ({n})"
    flips = [
        Flip(pair.case, pair.conversation, pair.old.share, pair.new.share, pair.new.why or pair.old.why, pair.new.tags)
        for pair in pairs
        if pair.old.graded and pair.new.graded and pair.old.share != pair.new.share
    ]
    flips.sort(key=lambda flip: (flip.after - flip.before, flip.case))
    return Gate(
        answer=answer,
        text=text,
        cases=len(pairs),
        conversations=len({pair.conversation for pair in pairs}),
        metrics=found,
        lost=tuple(flip for flip in flips if flip.after < flip.before),
        gained=tuple(
            sorted(
                (flip for flip in flips if flip.after > flip.before),
                key=lambda flip: (flip.before - flip.after, flip.case),
            )
        ),
        more=more,
        left_out=tuple(left_out),
    )


def _measured(
    why_not: Callable[[MetricName], str | None], margins: Mapping[MetricName, float], *, named: bool
) -> tuple[list[MetricName], list[str]]:
    """Return the metrics that can be judged, and why others cannot."""
    found: list[MetricName] = []
    left_out: list[str] = []
    for name in margins:
        why = why_not(name)
        if why is None:
            found.append(name)
        elif named:
            raise UsageError(f"{name} cannot be judged: {why}. Measure it, or leave it out of the policy's metrics.")
        else:
            left_out.append(f"{name}: {why}")
    if not found:
        raise UsageError(f"there is nothing to judge: {'; '.join(left_out)}")
    return found, left_out
