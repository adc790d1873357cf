"""How each metric of a gate is judged once all cases are there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist, fmean

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.gate_arms import Pair
from pointsman.evaluation.gate_policy import MetricName
from pointsman.evaluation.gate_seam import HAS, MetricVerdict, Terms
from pointsman.evaluation.statistics.paired import paired_share
from pointsman.evaluation.statistics.ratios import Kind, Ratio, ratio_of
from pointsman.evaluation.statistics.verdict import Answer, non_inferior

_NORMAL = NormalDist()
_MOST_CASES = 10_000_000
"""Advice beyond this is none: nobody runs so many."""

Judge = Callable[[Sequence[Pair], float, Terms], MetricVerdict]


def _accuracy(pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
    kept = [pair for pair in pairs if HAS["accuracy"](pair)]
    return _share("accuracy", kept, [pair.old.share for pair in kept], [pair.new.share for pair in kept], margin, terms)


def _conformance(pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
    kept = [pair for pair in pairs if HAS["conformance"](pair)]
    old = [pair.old.conform / pair.old.checked for pair in kept]
    new = [pair.new.conform / pair.new.checked for pair in kept]
    return _share("conformance", kept, old, new, margin, terms)


def _share(  # noqa: PLR0913, PLR0917 - the arms and the terms
    name: str, pairs: Sequence[Pair], old: list[float], new: list[float], margin: float, terms: Terms
) -> MetricVerdict:
    clusters = [pair.conversation for pair in pairs]
    passing = paired_share(old, new, clusters, alpha=terms.alpha)
    failing = paired_share(old, new, clusters, alpha=terms.alpha_fail)
    verdict = non_inferior(
        msgspec.structs.replace(passing, high=failing.high), margin, alpha=terms.alpha, power=terms.power
    )
    text = verdict.text
    if verdict.answer == "hold" and passing.estimate < -margin:
        text += "; so far it looks worse than the margin"
    return MetricVerdict(
        name,
        verdict.answer,
        margin,
        fmean(old),
        fmean(new),
        passing.low,
        failing.high,
        ratio=False,
        n=len(pairs),
        more=verdict.more,
        text=text,
    )


def _ratio(name: str, kind: Kind, values: Callable[[Pair], tuple[list[float], list[float]]]) -> Judge:
    def judged(pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
        both = [(pair.conversation, *values(pair)) for pair in pairs]
        both = [one for one in both if one[1] and one[2]]
        found = ratio_of(
            [old for _, old, _ in both],
            [new for _, _, new in both],
            [conversation for conversation, _, _ in both],
            kind,
            alpha=terms.alpha,
            alpha_low=terms.alpha_fail,
        )
        answer, more, text = _ratio_answer(found, margin, terms)
        return MetricVerdict(
            name, answer, margin, found.baseline, found.candidate, found.low, found.high, ratio=True, n=found.cases, more=more,
            text=text,
        )  # fmt: skip

    return judged


def _ratio_answer(found: Ratio, margin: float, terms: Terms) -> tuple[Answer, int | None, str]:
    if found.baseline == found.candidate == 0:
        return "pass", None, "zero in both"
    if found.high is None or found.low is None:
        return "hold", None, "no interval: one conversation only, or a baseline of zero"
    bounds = f"between {found.low - 1:+.1%} and {found.high - 1:+.1%}"
    if found.high <= 1 + margin:
        return "pass", None, f"not more than {found.high - 1:+.1%} ({1 - terms.alpha:.0%})"
    if found.low > 1 + margin:
        return "fail", None, f"at least {found.low - 1:+.1%}, margin {margin:+.0%}"
    more = _more_for_ratio(found, margin, terms)
    advice = f", run {more:,} more cases" if more is not None else ""
    return "hold", more, f"not enough evidence: {bounds}{advice}"


def _more_for_ratio(found: Ratio, margin: float, terms: Terms) -> int | None:
    """Return how many more cases would do: the logarithm's error shrinks with their square root, half the seeming loss lasts."""
    if found.ratio is None or found.high is None or not found.ratio > 0 or not found.high > 0:
        return None
    z_pass, z_power = _NORMAL.inv_cdf(1 - terms.alpha), _NORMAL.inv_cdf(terms.power)
    error = (math.log(found.high) - math.log(found.ratio)) / z_pass
    assumed = min(max(0.0, math.log(found.ratio)) / 2, 0.75 * math.log1p(margin))
    needed = found.cases * ((z_pass + z_power) * error / (math.log1p(margin) - assumed)) ** 2
    return max(1, math.ceil(needed) - found.cases)


def _write_errors(pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
    """Judge the share of conversations with a wrong write that the baseline did not make, by exact bounds.

    C. Clopper and E. Pearson, Biometrika 26 (1934). None in 299 shows "below 1 %".
    """
    new, n = new_write_errors(pairs)
    high = upper_bound(new, n, terms.alpha)
    low = 1 - upper_bound(n - new, n, terms.alpha_fail)
    seen = f"{new:,} new in {n:,}"
    answer: Answer
    more: int | None
    if high <= margin:
        answer, more, text = "pass", None, f"{seen}: below {margin:.1%} ({1 - terms.alpha:.0%})"
    elif low > margin:
        answer, more, text = "fail", None, f"{seen}: above {margin:.1%}"
    else:
        more = _more_for_none(new, n, margin, terms.alpha)
        answer, text = "hold", f"{seen}: could be {high:.1%}" + (f", run {more:,} more cases" if more else "")
    return MetricVerdict(
        "write_errors", answer, margin, None, new / n, low, high, ratio=False, n=n, more=more, text=text
    )  # fmt: skip


def new_write_errors(pairs: Sequence[Pair]) -> tuple[int, int]:
    """Return in how many conversations the candidate made a wrong write that the baseline did not, and of how many."""
    conversations: dict[str, bool] = {}
    for pair in pairs:
        if HAS["write_errors"](pair):
            new = pair.new.write_errors / pair.new.answers > pair.old.write_errors / pair.old.answers
            conversations[pair.conversation] = conversations.get(pair.conversation, False) or new
    return sum(conversations.values()), len(conversations)


def _more_for_none(seen: int, n: int, margin: float, alpha: float) -> int | None:
    """Return how many more cases without a new error would show it; None where no number that anybody runs would."""
    low, high = n, max(n, 1) * 2
    while upper_bound(seen, high, alpha) > margin:
        high *= 2
        if high > _MOST_CASES:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if upper_bound(seen, middle, alpha) > margin else (low, middle)
    return high - n


def upper_bound(hits: int, n: int, alpha: float) -> float:
    """Return the exact one-sided upper bound of a share of which ``hits`` of ``n`` were seen."""
    if n == 0 or hits >= n:
        return 1.0
    if hits == 0:
        return 1.0 - float(alpha ** (1 / n))
    try:
        from scipy.special import betaincinv
    except ImportError:
        raise UsageError("exact bounds of write errors need scipy. Install pointsman[prove].") from None
    return float(betaincinv(hits + 1, n - hits, 1 - alpha))


JUDGES: Mapping[MetricName, Judge] = {
    "accuracy": _accuracy,
    "conformance": _conformance,
    "ttft_p95": _ratio("ttft_p95", "p95", lambda pair: (pair.old.ttft, pair.new.ttft)),
    "latency_p95": _ratio("latency_p95", "p95", lambda pair: (pair.old.latency, pair.new.latency)),
    "cost": _ratio("cost", "mean", lambda pair: (pair.old.usd, pair.new.usd)),
    "write_errors": _write_errors,
}
