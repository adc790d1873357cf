"""The three answers of a gate: not worse, worse, or not enough evidence and how much more is needed."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from pointsman.evaluation.statistics.paired import Difference
from pointsman.evaluation.statistics.sample_size import advised_cases

Answer = Literal["pass", "fail", "hold"]


class Verdict(msgspec.Struct, frozen=True):
    """What the cases say of one metric. ``more`` is how many more cases would settle it; None where none would be needed."""

    answer: Answer
    margin: float
    more: int | None
    text: str


def non_inferior(difference: Difference, margin: float, *, alpha: float = 0.05, power: float = 0.8) -> Verdict:
    """Judge whether the candidate is worse than the baseline by more than ``margin`` (a share, not percent).

    pass: the whole one-sided interval is inside the margin. fail: it is wholly outside. hold: neither; ``more`` assumes the
    discordance seen so far and, where the candidate looks worse, half of what it seems to lose, which errs on the side of more
    cases than the textbook's "no difference" and of fewer than taking a small sample at its word.
    """
    if difference.low >= -margin:
        text = f"not worse by more than {max(0.0, -difference.low) * 100:.1f} pp ({1 - alpha:.0%})"
        return Verdict("pass", margin, None, text)
    if difference.high < -margin:
        text = f"worse by at least {-difference.high * 100:.1f} pp ({1 - alpha:.0%}), margin {margin * 100:g} pp"
        return Verdict("fail", margin, None, text)
    more = _more(difference, margin, alpha, power)
    between = f"between {difference.low * 100:+.1f} and {difference.high * 100:+.1f} pp"
    text = f"not enough evidence: {between}, run {more:,} more cases"
    return Verdict("hold", margin, more, text)


def _more(difference: Difference, margin: float, alpha: float, power: float) -> int:
    assumed = max(min(0.0, difference.estimate) / 2, -0.75 * margin)
    # One case more on each side than were seen to differ: with none seen, the discordance is small, not zero.
    discordance = min(1.0, (difference.discordance * difference.effective + 1) / (difference.effective + 2))
    needed = advised_cases(margin, max(discordance, assumed**2), assumed, alpha=alpha, power=power)
    return max(1, math.ceil(needed * difference.cases / difference.effective) - difference.cases)
