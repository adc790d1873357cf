"""Metrics that may be judged as the run goes on: one bet for "not worse by the margin", one for "worse by it".

A conversation is one observation, taken once it is complete: what was bet on does not change under later looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from pointsman.evaluation.gate_arms import Pair
from pointsman.evaluation.gate_policy import MetricName
from pointsman.evaluation.gate_seam import HAS, MetricVerdict, Terms
from pointsman.evaluation.statistics.eprocess import Betting
from pointsman.evaluation.statistics.paired import Difference, paired_share
from pointsman.evaluation.statistics.running_ratio import DEAREST, RunningCost, RunningP95
from pointsman.evaluation.statistics.verdict import Answer, non_inferior


def _wrong_writes(pair: Pair) -> float:
    return -float(pair.new.write_errors / pair.new.answers > pair.old.write_errors / pair.old.answers)


_SHARES: Mapping[MetricName, Callable[[Pair], float]] = {
    "accuracy": lambda pair: pair.new.share - pair.old.share,
    "conformance": lambda pair: pair.new.conform / pair.new.checked - pair.old.conform / pair.old.checked,
    "write_errors": _wrong_writes,
}


def _bet_on_share(name: MetricName, pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
    """Return what the conversations so far say of a share, each by the mean of its cases."""
    differences: dict[str, list[float]] = {}
    kept, difference = [pair for pair in pairs if HAS[name](pair)], _SHARES[name]
    for pair in kept:
        differences.setdefault(pair.conversation, []).append(difference(pair))
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


def bet(name: MetricName, pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
    """Return what the cases so far say of one metric; ``pairs`` are those of whole conversations, in the run's order."""
    if not any(HAS[name](pair) for pair in pairs):
        text = "no case that measures it is reached yet"
        return MetricVerdict(
            name, "hold", margin, None, None, None, None, ratio=name in _RATIOS, n=0, more=None, text=text
        )
    kind = _RATIOS.get(name)
    return _bet_on_share(name, pairs, margin, terms) if kind is None else kind(name, pairs, margin, terms)


def _bet_on_cost(name: MetricName, pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
    kept, conversations = _together(name, pairs)
    running = RunningCost(margin, terms.alpha, terms.alpha_fail)
    for some in conversations:
        running.see(math.fsum(fmean(pair.old.usd) for pair in some), math.fsum(fmean(pair.new.usd) for pair in some))
        if running.settled:
            break
    if running.agrees is None:
        return MetricVerdict(
            name, "pass", margin, 0.0, 0.0, None, None, ratio=True, n=len(kept), more=None, text="zero in both"
        )
    n = sum(len(some) for some in conversations[: running.n])
    answer, text = _said(running, margin)
    if answer == ("fail" if running.agrees else "pass"):
        answer, text = "hold", "a few dear conversations decide: judge it when all are there"
    if running.cut:
        text += f"; {running.cut:,} counted as {DEAREST:g} times the mean"
    return _ratio_verdict(name, answer, text, margin, (running.old / n, running.new / n), (len(kept), running))


def _bet_on_p95(name: MetricName, pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
    kept, conversations = _together(name, pairs)
    running, values = RunningP95(margin, terms.alpha, terms.alpha_fail), _VALUES[name]
    for some in conversations:
        both = [values(pair) for pair in some]
        running.see([one for old, _ in both for one in old], [one for _, new in both for one in new])
        if running.settled:
            break
    answer, text = _said(running, margin)
    return _ratio_verdict(name, answer, text, margin, running.figures, (len(kept), running))


def _together(name: MetricName, pairs: Sequence[Pair]) -> tuple[list[Pair], list[list[Pair]]]:
    kept = [pair for pair in pairs if HAS[name](pair)]
    found: dict[str, list[Pair]] = {}
    for pair in kept:
        found.setdefault(pair.conversation, []).append(pair)
    return kept, list(found.values())


def _said(running: RunningCost | RunningP95, margin: float) -> tuple[Answer, str]:
    after = f"after {running.n:,} conversations"
    if running.not_worse.shown:
        return "pass", f"shown below {margin:+.0%} {after}"
    if running.worse.shown:
        return "fail", f"shown above {margin:+.0%} {after}"
    for_it, against = running.not_worse, running.worse
    return "hold", (
        f"{after}: evidence {for_it.evidence:.1f} of {for_it.wanted:g} (not worse), "
        f"{against.evidence:.1f} of {against.wanted:g} (worse)"
    )


def _ratio_verdict(  # noqa: PLR0913, PLR0917 - a verdict's parts
    name: MetricName,
    answer: Answer,
    text: str,
    margin: float,
    figures: tuple[float, float],
    seen: tuple[int, RunningCost | RunningP95],
) -> MetricVerdict:
    n, running = seen
    more = None
    if answer == "hold" and running.needed is not None and running.n:
        more = max(1, math.ceil((running.needed - running.n) * n / running.n))
    old, new = figures
    return MetricVerdict(name, answer, margin, old, new, None, None, ratio=True, n=n, more=more, text=text)


_VALUES: Mapping[MetricName, Callable[[Pair], tuple[list[float], list[float]]]] = {
    "ttft_p95": lambda pair: (pair.old.ttft, pair.new.ttft),
    "latency_p95": lambda pair: (pair.old.latency, pair.new.latency),
}
_RATIOS: Mapping[MetricName, Callable[[MetricName, Sequence[Pair], float, Terms], MetricVerdict]] = {
    "cost": _bet_on_cost,
    "ttft_p95": _bet_on_p95,
    "latency_p95": _bet_on_p95,
}
