"""Simulates gates whose truth is known: how often a bad swap passes, a good one passes, and a harmless one fails when looked at.

    python benchmarks/gate_simulation.py [--trials 10000]

Cases are pairs (baseline right or wrong, candidate right or wrong); ``discordance`` is the share on which the two differ. The
functions are those of ``pointsman gate``. Rows 5 to 7 of the goals: a swap that is worse by its margin passes in at most 5 % of
gates, an equal one in at least 80 % at the advised number of cases, and looking after every case fails a harmless one in at most
5 %. Prints a table, and exits with 1 when a promise is broken (by more than the simulation's own error, 3 sigma).
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache

from pointsman.evaluation.statistics.eprocess import Betting
from pointsman.evaluation.statistics.mcnemar import mcnemar_exact
from pointsman.evaluation.statistics.paired import paired_share
from pointsman.evaluation.statistics.sample_size import advised_cases, design_effect
from pointsman.evaluation.statistics.verdict import non_inferior

ALPHA = 0.05
SIZES = ((0.02, 0.02), (0.04, 0.02), (0.08, 0.02), (0.16, 0.02), (0.04, 0.03), (0.08, 0.03), (0.01, 0.005))
"""Discordance and margin."""


def outcomes(chance: random.Random, n: int, discordance: float, difference: float) -> tuple[int, int]:
    """Return on how many of ``n`` independent cases only the candidate, and only the baseline, is right."""
    gain, loss = (discordance + difference) / 2, (discordance - difference) / 2
    gained = binomial(chance, n, gain)
    return gained, binomial(chance, n - gained, loss / (1 - gain))


def binomial(chance: random.Random, n: int, p: float) -> int:
    """Return a draw, by the gaps between successes: they are few."""
    if p <= 0:
        return 0
    if p >= 1:
        return n
    count, place, log_q = 0, 0, math.log1p(-p)
    while True:
        place += int(math.log(1.0 - chance.random()) / log_q) + 1
        if place > n:
            return count
        count += 1


@cache
def verdict(gained: int, lost: int, n: int, margin: float) -> str:
    """Return the gate's answer: of independent cases it depends on these counts alone."""
    baseline = [0] * gained + [1] * lost + [1] * (n - gained - lost)
    candidate = [1] * gained + [0] * lost + [1] * (n - gained - lost)
    return non_inferior(paired_share(baseline, candidate), margin).answer


def clustered(chance: random.Random, n: int, rates: tuple[float, float], size: int, icc: float) -> str:
    """Return the gate's answer on conversations of ``size`` cases: with chance sqrt(icc) a case shares its fate."""
    discordance, difference = rates
    gain, loss = (discordance + difference) / 2, (discordance - difference) / 2
    baseline, candidate, clusters = [], [], []
    for conversation in range(-(-n // size)):
        fate = chance.random()
        for _ in range(size):
            draw = fate if chance.random() < math.sqrt(icc) else chance.random()
            old, new = (0, 1) if draw < gain else (1, 0) if draw < gain + loss else (1, 1)
            baseline.append(old)
            candidate.append(new)
            clusters.append(conversation)
    return non_inferior(paired_share(baseline, candidate, clusters), 0.02).answer


def looked_at(chance: random.Random, n: int, rates: tuple[float, float], margin: float) -> tuple[str, int]:
    """Return the answer of a gate that is looked at after every case, and after how many cases it came."""
    discordance, difference = rates
    gain, loss = (discordance + difference) / 2, (discordance - difference) / 2
    fine, worse = Betting(-margin, ALPHA), Betting(margin, ALPHA)
    for seen in range(1, n + 1):
        draw = chance.random()
        value = 1 if draw < gain else -1 if draw < gain + loss else 0
        fine.see(value)
        worse.see(-value)
        if fine.shown:
            return "pass", seen
        if worse.shown:
            return "fail", seen
    return "hold", n


def peeked(chance: random.Random, n: int, discordance: float) -> bool:
    """Return whether McNemar's test, looked at every 25 cases as people do, ever calls a harmless swap worse."""
    gained = lost = 0
    for seen in range(1, n + 1):
        draw = chance.random()
        gained += draw < discordance / 2
        lost += discordance / 2 <= draw < discordance
        if seen % 25 == 0 and lost > gained and mcnemar_exact(lost, gained) < ALPHA:
            return True
    return False


class Table:
    """Prints rows as they come, and remembers broken promises."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        print(f"{'gate':<66}{'cases':>7}{'trials':>8}{'share':>9}  promise")

    def row(self, what: str, n: int, trials: int, hits: int, promise: tuple[str, float] | None) -> None:
        share = hits / trials
        said = ""
        if promise is not None:
            sign, bound = promise
            slack = 3 * math.sqrt(bound * (1 - bound) / trials)
            kept = share <= bound + slack if sign == "<=" else share >= bound - slack
            said = f"{sign} {bound:.0%} {'kept' if kept else 'BROKEN'}"
            if not kept:
                self.broken.append(what)
        print(f"{what:<66}{n:>7,}{trials:>8,}{share:>9.2%}  {said}", flush=True)


def count(trials: int, answer: Callable[[], str], wanted: str) -> int:
    return Counter(answer() for _ in range(trials))[wanted]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    trials, table, started = chosen.trials, Table(), time.monotonic()
    chance = random.Random(chosen.seed)  # noqa: S311 - chance, no secret
    for discordance, margin in SIZES:
        n = advised_cases(margin, discordance)
        name = f"margin {margin * 100:g} pp, {discordance:.0%} of cases differ"
        if discordance >= margin:
            bad = count(trials, lambda: verdict(*outcomes(chance, n, discordance, -margin), n, margin), "pass")  # noqa: B023
            table.row(f"worse by its margin passes: {name}", n, trials, bad, ("<=", 0.05))
        good = count(trials, lambda: verdict(*outcomes(chance, n, discordance, 0.0), n, margin), "pass")  # noqa: B023
        table.row(f"equal passes: {name}", n, trials, good, (">=", 0.80))
        harmless = count(trials, lambda: verdict(*outcomes(chance, n, discordance, 0.0), n, margin), "fail")  # noqa: B023
        table.row(f"equal fails: {name}", n, trials, harmless, ("<=", 0.05))
    few = max(200, trials // 5)
    for icc in (0.1, 0.3):
        base = advised_cases(0.02, 0.08)
        n = math.ceil(base * design_effect(6, 1, icc))
        bad = count(few, lambda: clustered(chance, n, (0.08, -0.02), 6, icc), "pass")  # noqa: B023
        table.row(
            f"worse by its margin passes: 2 pp, 8 %, 6 turns a conversation, ICC {icc}", n, few, bad, ("<=", 0.05)
        )
        good = count(few, lambda: clustered(chance, n, (0.08, 0.0), 6, icc), "pass")  # noqa: B023
        table.row(f"equal passes: 2 pp, 8 %, 6 turns a conversation, ICC {icc}", n, few, good, (">=", 0.80))
    for n in (1000, 2000):
        found = [looked_at(chance, n, (0.08, 0.0), 0.02) for _ in range(trials)]
        table.row(
            "looked at after every case, equal fails: 2 pp, 8 %",
            n,
            trials,
            sum(a == "fail" for a, _ in found),
            ("<=", 0.05),
        )
        table.row(
            "looked at after every case, equal passes: 2 pp, 8 %", n, trials, sum(a == "pass" for a, _ in found), None
        )
        found = [looked_at(chance, n, (0.08, -0.02), 0.02) for _ in range(trials)]
        table.row(
            "looked at after every case, worse by its margin passes: 2 pp, 8 %", n, trials, sum(a == "pass" for a, _ in found),
            ("<=", 0.05),
        )  # fmt: skip
        naive = sum(peeked(chance, n, 0.08) for _ in range(few))
        table.row("for comparison: McNemar every 25 cases fails an equal one, 8 %", n, few, naive, None)
    for difference in (-0.05, -0.10):
        found = [looked_at(chance, 2000, (0.12, difference), 0.02) for _ in range(few)]
        stops = sorted(seen for answer, seen in found if answer == "fail")
        median = f"{stops[len(stops) // 2]:,}" if stops else "-"
        what = f"looked at after every case, {difference * 100:+g} pp fails (median after {median} cases)"
        table.row(what, 2000, few, len(stops), None)
    print(f"{time.monotonic() - started:.0f} s; seed {chosen.seed}")
    return 1 if table.broken else 0


if __name__ == "__main__":
    sys.exit(main())
