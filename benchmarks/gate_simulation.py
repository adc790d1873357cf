"""Simulates gates whose truth is known: how often a bad swap passes, a good one passes, and a harmless one fails when looked at.

    python benchmarks/gate_simulation.py [--trials 10000] [--only whole]

The first part, ``shares``: cases are pairs (baseline right or wrong, candidate right or wrong); ``discordance`` is the share on
which the two differ. Rows 5 to 7 of the goals: a swap that is worse by its margin passes in at most 5 % of gates, an equal one in
at least 80 % at the advised number of cases, and looking after every case fails a harmless one in at most 5 %.

The second part, ``whole``: whole gates, of several metrics (accuracy, cost, p95 of the time to the first token), over
conversations of correlated turns, judged at the end and looked at after every conversation.

The functions are those of ``pointsman gate``. Prints a table, and exits with 1 when a promise is broken (by more than the
simulation's own error, 3 sigma).
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from functools import cache, partial
from typing import Any

import msgspec
import numpy as np

from pointsman.evaluation.gate import judge, judge_as_it_runs
from pointsman.evaluation.gate_arms import Arm, ArmCase, Pair
from pointsman.evaluation.gate_policy import GatePolicy, MetricName
from pointsman.evaluation.run_log import RunHead
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


_SLOW, _DEAR, _SHARED = 0.5, 0.8, 0.8
"""Spread of the logarithms of latency and cost, and how much of it both arms share."""


class World(msgspec.Struct, frozen=True):
    """The truth: the candidate's difference in ``accuracy``, its ratios of ``cost`` and time (``slow``).

    ``differ`` is the share of cases on which the arms differ, ``icc`` how alike the cases of a conversation are.
    """

    accuracy: float = 0.0
    cost: float = 1.0
    slow: float = 1.0
    differ: float = 0.04
    icc: float = 0.0
    turns: int = 1


class Trial(msgspec.Struct, frozen=True):
    """One gate to simulate: the truth, how many cases, which metrics, and whether it is looked at after every conversation."""

    world: World
    cases: int
    metrics: tuple[MetricName, ...]
    looked_at: bool


def _noise(random: Any, world: World, conversations: int) -> Any:
    """Return standard normal noise, a row a conversation, correlated inside it by ``icc``."""
    own = random.standard_normal((conversations, world.turns))
    return math.sqrt(world.icc) * random.standard_normal((conversations, 1)) + math.sqrt(1 - world.icc) * own


def _scale(random: Any, world: World, conversations: int, spread: float) -> tuple[Any, Any]:
    """Return a figure of both arms: lognormal, mostly the case's own, in part each arm's chance."""
    shared = math.sqrt(_SHARED) * _noise(random, world, conversations)
    one, other = (shared + math.sqrt(1 - _SHARED) * _noise(random, world, conversations) for _ in "ab")
    return np.exp(spread * one), np.exp(spread * other)


def pairs_in(world: World, cases: int, random: Any) -> list[Pair]:
    """Return the pairs of one simulated comparison."""
    conversations = -(-cases // world.turns)
    gain, loss = (world.differ + world.accuracy) / 2, (world.differ - world.accuracy) / 2
    fate = random.random((conversations, 1))
    tied = random.random((conversations, world.turns)) < math.sqrt(world.icc)
    draw = np.where(tied, fate, random.random((conversations, world.turns)))
    old_right, new_right = (draw >= gain).ravel().tolist(), ((draw < gain) | (draw >= gain + loss)).ravel().tolist()
    old_usd, new_usd = _scale(random, world, conversations, _DEAR)
    old_ms, new_ms = _scale(random, world, conversations, _SLOW)
    columns = (old_right, new_right, old_usd.ravel().tolist(), (world.cost * new_usd).ravel().tolist())
    times = (old_ms.ravel().tolist(), (world.slow * new_ms).ravel().tolist())
    found = []
    for place, (old, new, usd, usd_new, ms, ms_new) in enumerate(zip(*columns, *times, strict=True)):
        talk = f"k{place // world.turns}"
        before = ArmCase("", talk, {}, 1, 1, old, usd=[usd], ttft=[ms])
        after = ArmCase("", talk, {}, 1, 1, new, usd=[usd_new], ttft=[ms_new])
        found.append(Pair(str(place), talk, before, after))
    return found


def answer(trial: Trial, seed: int) -> str:
    """Return the gate's answer in one simulation."""
    pairs = pairs_in(trial.world, trial.cases, np.random.default_rng(seed))
    policy = GatePolicy(metrics=dict.fromkeys(trial.metrics))
    head = RunHead("", "", len(pairs), len(pairs), "fixed", ("m",), 1, "bfcl")
    arm = Arm("", "m", head, "bfcl", frozenset({"live"}), {}, Decimal(0))
    if not trial.looked_at:
        return judge(arm, arm, pairs, policy).answer
    # A bet that is settled stays so: one look at the end tells what a look after every conversation would have stopped at.
    whole = msgspec.structs.replace(arm, cases={pair.case: pair.old for pair in pairs})
    return judge_as_it_runs(whole, whole, pairs, policy).answer


SIZE = 800
TALK: dict[str, Any] = {"icc": 0.2, "turns": 4}
ALL: tuple[MetricName, ...] = ("accuracy", "ttft_p95", "cost")
WHOLE: tuple[tuple[str, World, tuple[MetricName, ...], str, tuple[str, float]], ...] = (
    ("cost +5 % passes", World(cost=1.05, **TALK), ("cost",), "pass", ("<=", 0.05)),
    ("p95 +10 % passes", World(slow=1.10, **TALK), ("ttft_p95",), "pass", ("<=", 0.05)),
    ("accuracy -2 pp passes, the rest equal", World(accuracy=-0.02, **TALK), ALL, "pass", ("<=", 0.05)),
    ("cost +5 % passes, the rest equal", World(cost=1.05, **TALK), ALL, "pass", ("<=", 0.05)),
    ("p95 +10 % passes, the rest better", World(0.02, 0.8, 1.10, **TALK), ALL, "pass", ("<=", 0.05)),
    ("cost +5 % fails", World(cost=1.05, **TALK), ("cost",), "fail", ("<=", 0.05)),
    ("p95 +10 % fails", World(slow=1.10, **TALK), ("ttft_p95",), "fail", ("<=", 0.05)),
    ("everything equal fails", World(**TALK), ALL, "fail", ("<=", 0.05)),
    ("everything at its margin fails", World(-0.02, 1.05, 1.10, **TALK), ALL, "fail", ("<=", 0.05)),
)
"""Gates of 200 conversations of four turns (ICC 0.2): what must happen seldom, judged at the end and as it runs."""
ABLE: tuple[tuple[str, World, tuple[MetricName, ...], int, str], ...] = (
    ("everything equal passes", World(), ALL, 2000, "pass"),
    ("cost equal passes", World(), ("cost",), 2000, "pass"),
    ("p95 equal passes", World(), ("ttft_p95",), 2000, "pass"),
    ("cost +20 % fails", World(cost=1.2), ("cost",), 2000, "fail"),
    ("p95 +40 % fails", World(slow=1.4), ("ttft_p95",), 2000, "fail"),
)
"""What a gate is for: single-turn conversations, without a promise."""


def whole(table: Table, trials: int, seed: int, processes: int) -> None:
    """Simulate whole gates."""
    with ProcessPoolExecutor(processes) as pool:
        for looked_at in (False, True):
            how = "looked at as it runs" if looked_at else "at the end"
            for what, world, metrics, wanted, promise in WHOLE:
                seen = hits(
                    partial(pool.map, chunksize=50), Trial(world, SIZE, metrics, looked_at), trials, seed, wanted
                )
                table.row(f"{how}, {what}", SIZE, trials, seen, promise)
            for what, world, metrics, n, wanted in ABLE:
                few = max(1, trials // 5)
                seen = hits(partial(pool.map, chunksize=50), Trial(world, n, metrics, looked_at), few, seed, wanted)
                table.row(f"{how}, {what}", n, few, seen, None)


def hits(over: Callable[..., Iterable[str]], trial: Trial, trials: int, seed: int, wanted: str) -> int:
    """Return in how many simulations the gate answers ``wanted``; ``over`` maps, here or in other processes."""
    first = seed * 1_000_000
    return Counter(over(partial(answer, trial), range(first, first + trials)))[wanted]


def shares(table: Table, trials: int, seed: int) -> None:
    """Simulate shares of independent cases, of conversations, and looked at."""
    chance = random.Random(seed)  # noqa: S311 - chance, no secret
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("shares", "whole"))
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    table, started = Table(), time.monotonic()
    if chosen.only != "whole":
        shares(table, chosen.trials, chosen.seed)
    if chosen.only != "shares":
        whole(table, chosen.trials, chosen.seed, chosen.processes)
    print(f"{time.monotonic() - started:.0f} s; seed {chosen.seed}")
    return 1 if table.broken else 0


if __name__ == "__main__":
    sys.exit(main())
