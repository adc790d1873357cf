"""Metrics that may be judged after every case: one bet for "not worse by the margin", one for "worse by it"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from pointsman.evaluation.gate_arms import Pair
from pointsman.evaluation.gate_policy import MetricName
from pointsman.evaluation.gate_seam import HAS, MetricVerdict, Terms
from pointsman.evaluation.statistics.eprocess import Betting
from pointsman.evaluation.statistics.paired import Difference, paired_share
from pointsman.evaluation.statistics.verdict import Answer, non_inferior


def _wrong_writes(pair: Pair) -> float:
    return -float(pair.new.write_errors / pair.new.answers > pair.old.write_errors / pair.old.answers)


BETS: Mapping[str, Callable[[Pair], float]] = {
    "accuracy": lambda pair: pair.new.share - pair.old.share,
    "conformance": lambda pair: pair.new.conform / pair.new.checked - pair.old.conform / pair.old.checked,
    "write_errors": _wrong_writes,
}


def bet(name: MetricName, pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
    """Return what the cases so far, each conversation one observation, say of one metric."""
    differences: dict[str, list[float]] = {}
    kept = [pair for pair in pairs if HAS[name](pair)]
    for pair in kept:
        differences.setdefault(pair.conversation, []).append(BETS[name](pair))
    not_worse, worse = Betting(-margin, terms.alpha), Betting(margin, terms.alpha_fail)
    values = [fmean(some) for some in differences.values()]
    for value in values:
        not_worse.see(value)
        worse.see(-value)
        if not_worse.shown or worse.shown:
            break
    answer: Answer = "pass" if not_worse.shown else "fail" if worse.shown else "hold"
    seen = not_worse.n
    mean = fmean(values[:seen])
    so_far = f"{mean * 100:+.1f} pp after {seen:,} conversations"
    text = {
        "pass": f"shown not worse by {margin * 100:g} pp after {seen:,} conversations",
        "fail": f"shown worse by more than {margin * 100:g} pp after {seen:,} conversations",
        "hold": f"{so_far}; evidence {not_worse.evidence:.1f} of {1 / terms.alpha:g} (not worse), "
        f"{worse.evidence:.1f} of {1 / terms.alpha_fail:g} (worse)",
    }[answer]
    more = None if answer != "hold" else _more_bets(values, margin, terms)
    return MetricVerdict(name, answer, margin, None, mean, None, None, ratio=False, n=len(kept), more=more, text=text)


def _more_bets(values: list[float], margin: float, terms: Terms) -> int | None:
    """Return what a test at the end would still need, and a third more: the price of looking all the time."""
    found: Difference = paired_share([max(0.0, -v) for v in values], [max(0.0, v) for v in values], alpha=terms.alpha)
    verdict = non_inferior(found, margin, alpha=terms.alpha, power=terms.power)
    advised = len(values) + (verdict.more or 0)
    return max(1, math.ceil(advised * 4 / 3) - len(values))
