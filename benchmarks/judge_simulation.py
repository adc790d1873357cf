"""Judges of known faults against people who know the truth: flips show the bias, and corrected rates cover the truth.

Each run: items with a known best reply, a judge with a fault, 150 labels drawn as the queue draws them (two of three from the
flipped), and the interval of the corrected preference. Printed: the judge's own figure, how far it is off, and how often the
corrected 95 % interval holds the truth.

    python benchmarks/judge_simulation.py [--runs 500]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from statistics import fmean

import msgspec

from pointsman.domain.message import Message, Text
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.judges.seam import compare
from pointsman.evaluation.judges.simulated import Faults, SimulatedJudge
from pointsman.evaluation.judging_corrected import corrected_rate, weighted_kappa
from pointsman.evaluation.judging_standing import seen_of
from pointsman.evaluation.label_queue import places
from pointsman.store.labels import PREFERENCE, Judgement

FAULTS = {
    "none": Faults(),
    "15 % noise": Faults(noise=0.15),
    "position 30 %": Faults(position=0.3),
    "verbosity 40 %": Faults(verbosity=0.4),
    "all three": Faults(position=0.2, verbosity=0.2, noise=0.15),
}
_SHARES = {"a": 0.30, "b": 0.36, "same": 0.34}
_VALUE = {"a": -1.0, "b": 1.0, "same": 0.0}


class Found(msgspec.Struct, frozen=True):
    """One simulated comparison of two models."""

    raw: float
    rate: float
    covered: bool
    flips: float
    kappa: float
    width: float


def simulate(faults: Faults, *, items: int, labels: int, seed: int) -> Found:
    """Judge ``items`` pairs, label some of them with the truth, and correct."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    truth = {f"{n}": chance.choices(list(_SHARES), list(_SHARES.values()))[0] for n in range(items)}
    # The candidate (b) writes longer replies: a judge who likes length likes it.
    long = {f"{n}": chance.random() < 0.7 for n in range(items)}
    judge = SimulatedJudge(lambda prefix, reply: _quality(truth, prefix, reply), faults, seed=seed)

    async def judged() -> list[Judgement]:
        found = []
        for name in truth:
            prefix = Turn((Message("user", (Text(name),)),))
            extra = " and more" * 3
            a, b = _reply("a" + ("" if long[name] else extra)), _reply("b" + (extra if long[name] else ""))
            one = await compare(judge, prefix, a, b)
            found.append(
                Judgement(name, judge.model, judge.version, PREFERENCE, one.verdict, 0, one.flipped, "", one.cost_usd)
            )
        return found

    said = asyncio.run(judged())
    order = places([(one.item_id, bool(one.flipped)) for one in said], seed=str(seed))
    chosen = sorted(order, key=order.__getitem__)[:labels]
    seen = seen_of(said, {name: truth[name] for name in chosen})
    corrected = corrected_rate(seen)
    kappa = weighted_kappa(seen[:])
    if corrected.rate is None or corrected.low is None or corrected.high is None:
        raise SystemExit(corrected.why)
    mean = sum(_SHARES[name] * value for name, value in _VALUE.items())
    return Found(
        raw=corrected.raw or 0.0,
        rate=corrected.rate,
        covered=corrected.low <= mean <= corrected.high,
        flips=fmean(bool(one.flipped) for one in said),
        kappa=0.0 if kappa is None or kappa.kappa is None else kappa.kappa,
        width=corrected.high - corrected.low,
    )


def _quality(truth: dict[str, str], prefix: Turn, reply: Reply) -> float:
    return 1.0 if truth[prefix.messages[-1].text] == reply.text[0] else 0.0


def _reply(text: str) -> Reply:
    return Reply("", "", (Text(text),), "end_turn")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--labels", type=int, default=150)
    options = parser.parse_args()
    print(f"{options.runs} runs of {options.items} items, {options.labels} labelled; simulated judges")
    print(
        f"{'fault':<16}{'flips %':>9}{'kappa':>8}{'judge off':>11}{'corrected off':>15}{'width':>8}{'covers %':>10}{'s':>7}"
    )
    truth = sum(_SHARES[name] * value for name, value in _VALUE.items())
    for name, faults in FAULTS.items():
        started = time.perf_counter()
        found = [
            simulate(faults, items=options.items, labels=options.labels, seed=seed) for seed in range(options.runs)
        ]
        print(
            f"{name:<16}{100 * fmean(one.flips for one in found):>9.1f}{fmean(one.kappa for one in found):>8.2f}"
            f"{fmean(one.raw for one in found) - truth:>+11.3f}{fmean(one.rate for one in found) - truth:>+15.3f}"
            f"{fmean(one.width for one in found):>8.3f}{100 * fmean(one.covered for one in found):>10.1f}"
            f"{time.perf_counter() - started:>7.1f}"
        )


if __name__ == "__main__":
    main()
