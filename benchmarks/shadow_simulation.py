"""How often the 95 % interval of the misroute rate covers the truth, over scenarios of traffic, sampling and judges.

    python benchmarks/shadow_simulation.py [--runs 2000] [--seed 1]

The truth is the rate of the process that makes the turns. Conversations differ in how hard they are, hard turns have lower
confidence, and the lowest 5 % of confidence are always checked beside a floor over everything: so what is checked is far from
what there is. Exit code 1 where a scenario is outside 93 to 97 %.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any, Final

import msgspec
import numpy as np

from pointsman.domain.intervals import wilson
from pointsman.monitoring.misroutes import Unit, errors_of, misroutes

LOW, HIGH = 0.93, 0.97
SHARE: Final = 0.05


class Scenario(msgspec.Struct, frozen=True):
    """Traffic and how it is checked. ``rate``: of misroutes; ``spread``: how much conversations differ (0: not at all).

    ``sensitivity`` and ``specificity`` None: the judge never errs. ``labels``: share of what people are shown that they label.
    """

    name: str
    turns: int
    rate: float
    floor: float
    spread: float = 1.0
    size: float = 4.0
    sensitivity: float | None = None
    specificity: float | None = None
    review: float = 0.05
    labels: float = 1.0
    lost: float = 0.0


SCENARIOS: Final = (
    Scenario("misroutes 1 %, floor 1 %", 60_000, 0.01, 0.01),
    Scenario("misroutes 1 %, floor 5 %", 10_000, 0.01, 0.05),
    Scenario("misroutes 8 %, floor 1 %", 20_000, 0.08, 0.01),
    Scenario("misroutes 8 %, floor 20 %, long conversations", 3_000, 0.08, 0.2, spread=2.0, size=12.0),
    Scenario("misroutes 23 %, floor 1 %, small", 8_000, 0.30, 0.01),
    Scenario("misroutes 5 %, a third not checked", 20_000, 0.05, 0.03, lost=0.33),
    Scenario("misroutes 8 %, judge 85 / 97 %", 20_000, 0.08, 0.05, sensitivity=0.85, specificity=0.97, review=0.2),
    Scenario("misroutes 3 %, judge 90 / 95 %", 40_000, 0.03, 0.05, sensitivity=0.90, specificity=0.95, review=0.2),
    Scenario("misroutes 17 %, judge 80 / 90 %", 12_000, 0.20, 0.05, sensitivity=0.80, specificity=0.90, review=0.3),
)


def traffic(scenario: Scenario, chance: Any, turns: int) -> tuple[Any, Any, Any]:
    """Return of every turn its conversation, its chance to be misrouted, and its confidence."""
    sizes = 1 + chance.poisson(scenario.size - 1, int(turns / scenario.size * 1.5) + 10)
    conversation = np.repeat(np.arange(len(sizes)), sizes)[:turns]
    hard = chance.gamma(1 / scenario.spread, scenario.spread, len(sizes)) if scenario.spread else np.ones(len(sizes))
    # 1 - exp(-x): the more of it, the nearer to certain, whatever x is.
    misrouted = 1 - np.exp(-hard[conversation] * scenario.rate * 1.02)
    confidence = -misrouted / max(scenario.rate, 1e-9) * 0.3 + chance.normal(size=len(conversation))
    return conversation, misrouted, confidence


def truth(scenario: Scenario) -> float:
    """Return the rate of the process: the mean over conversations of 1 - exp(-c h) with h of a gamma distribution."""
    rate = scenario.rate * 1.02
    if not scenario.spread:
        return float(1 - np.exp(-rate))
    return float(1 - (1 + scenario.spread * rate) ** (-1 / scenario.spread))


def checked(scenario: Scenario, chance: Any) -> tuple[list[Unit], int]:
    """Return the units of one simulated period, and how many turns there were."""
    conversation, misrouted, confidence = traffic(scenario, chance, scenario.turns)
    n = len(conversation)
    human = chance.random(n) < misrouted
    low = confidence <= np.quantile(confidence, SHARE)
    probability = np.where(low, 1.0, scenario.floor)
    chosen = np.flatnonzero(chance.random(n) < probability)
    judged = human.copy()
    if scenario.sensitivity is not None and scenario.specificity is not None:
        right = np.where(human, scenario.sensitivity, scenario.specificity)
        judged = np.where(chance.random(n) < right, human, ~human)
    missing = chance.random(n) < scenario.lost
    review = np.where(judged, 1.0, scenario.review)
    seen = (chance.random(n) < review) & (chance.random(n) < scenario.labels)
    labelled = scenario.sensitivity is not None
    units = [
        Unit(
            float(probability[at]),
            None if missing[at] else bool(judged[at]),
            str(conversation[at]),
            bool(human[at]) if labelled and seen[at] else None,
            float(review[at]),
        )
        for at in chosen
    ]
    return units, n


class Covered(msgspec.Struct, frozen=True):
    """How often the interval covered the truth, how wide it was, how far off the estimate was on average."""

    runs: int
    hits: int
    width: float
    bias: float
    checked: float

    @property
    def share(self) -> float:
        """The share of runs that covered."""
        return self.hits / self.runs


def simulate(scenario: Scenario, runs: int, seed: int) -> Covered:
    """Run one scenario."""
    chance = np.random.default_rng(seed)
    target = truth(scenario)
    hits, width, off, share = 0, 0.0, 0.0, 0.0
    for _ in range(runs):
        units, turns = checked(scenario, chance)
        errors = errors_of(units) if scenario.sensitivity is not None else None
        found = misroutes(units, turns, errors)
        if found.value is None or found.low is None or found.high is None:
            raise SystemExit(f"{scenario.name}: no estimate: {found.why}")
        hits += found.low <= target <= found.high
        width += found.high - found.low
        off += found.value - target
        share += len(units) / turns
    return Covered(runs, hits, width / runs, off / runs, share / runs)


def main() -> int:
    """Print the table."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--runs", type=int, default=2_000)
    reader.add_argument("--seed", type=int, default=1)
    asked = reader.parse_args()
    print(
        f"{'scenario':48} {'true %':>7} {'checked %':>9} {'covered %':>9} {'(95 %)':>13} {'width pp':>9} {'bias pp':>8} {'s':>5}"
    )
    wrong = 0
    for scenario in SCENARIOS:
        began = time.perf_counter()
        found = simulate(scenario, asked.runs, asked.seed)
        low, high = wilson(found.hits, found.runs) or (0.0, 1.0)
        outside = not LOW <= found.share <= HIGH
        wrong += outside
        print(
            f"{scenario.name:48} {truth(scenario):7.2%} {found.checked:9.1%} {found.share:9.1%} {low:6.1%}-{high:6.1%}"
            f" {found.width * 100:9.2f} {found.bias * 100:+8.3f} {time.perf_counter() - began:5.0f}"
            + ("  OUTSIDE" if outside else ""),
            flush=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
