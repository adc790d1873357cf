"""Simulated weeks with known truth: how often a rule pages for nothing, and how soon it sees what is wrong.

    python benchmarks/monitor_simulation.py                # 400 days a level of traffic, 200 incidents a shape
    python benchmarks/monitor_simulation.py --days 60 --incidents 20

The rule is the shipped ``tool-call-success``: below 95 % in 15 minutes, widening to a day, p < 2e-5, n >= 20, asked each minute,
by the code that runs in ``pointsman serve``. Healthy is 97 %; or the bound itself, the worst that is still healthy; or 97 % with
hours that differ by a point and a half for no reason (``noisy``). Traffic is Poisson with the shape of a day; an incident begins
when it is at its average.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from statistics import median

import msgspec

from pointsman.monitoring.monitors.backtest import Alarm, replayed
from pointsman.monitoring.monitors.rate_rule import RateWatch
from pointsman.monitoring.monitors.rulebook import shipped
from pointsman.monitoring.monitors.tallies import MemoryCounts
from pointsman.store.tallies import Tally

DAY = 1440
LEVELS = (5, 34, 208, 1000)
"""Calls in 15 minutes, on average."""
HEALTHY, BOUND = 0.97, 0.95


class Healthy(msgspec.Struct, frozen=True):
    """Days on which nothing was wrong."""

    calls: int
    share: float
    noisy: float
    days: int
    pages: int

    @property
    def per_30_days(self) -> float:
        return self.pages / self.days * 30


class Seen(msgspec.Struct, frozen=True):
    """Incidents of one shape: after how many minutes each was seen (None: not at all), and how many were widened."""

    calls: int
    shape: str
    delays: tuple[int | None, ...]
    widened: int

    def within(self, minutes: int) -> float:
        return sum(one is not None and one <= minutes for one in self.delays) / len(self.delays)

    @property
    def median(self) -> float | None:
        seen = sorted(math.inf if one is None else one for one in self.delays)
        found = median(seen)
        return None if math.isinf(found) else found


def rule() -> RateWatch:
    spec = shipped().rates["tool-call-success"]
    return RateWatch("tool-call-success", spec.model_copy(update={"per": None}))


def poisson(mean: float, chance: random.Random) -> int:
    """Return a Poisson number: by its products for few, by the normal approximation for many."""
    if mean > 60:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def fill(calls: int, minutes: int, share: Callable[[int], float], chance: random.Random) -> MemoryCounts:
    """Return counts of ``minutes`` minutes, with ``share(minute)`` of the calls valid."""
    counts, source = MemoryCounts(), rule().source
    for minute in range(minutes):
        shape = 1 + 0.6 * math.sin(2 * math.pi * minute / DAY)  # quiet nights
        n = poisson(calls / 15 * shape, chance)
        if n:
            good = sum(chance.random() < share(minute) for _ in range(n))
            counts.add(source, minute, Tally(n, good))
    return counts


def healthy(calls: int, share: float, noisy: float, days: int, seed: int) -> Healthy:
    """Count the pages of healthy days; an alarm that recovers and comes again counts twice."""
    chance = random.Random(f"{seed} {calls} {share} {noisy}")  # noqa: S311 - chance, not secrets
    hours = [min(0.999, chance.gauss(share, noisy)) for _ in range(days * 24)]
    counts = fill(calls, days * DAY, lambda minute: hours[minute // 60], chance)
    return Healthy(calls, share, noisy, days, len(pages(counts, 0, days * DAY)))


def pages(counts: MemoryCounts, start: int, end: int) -> list[Alarm]:
    """Return the alarms, asked every minute."""
    watch = rule()
    alarms = []
    for first in range(start, end, 14 * DAY):
        alarms += replayed([watch], counts, first, min(end, first + 14 * DAY) - 1)
    return alarms


SHAPES: dict[str, Callable[[int], float]] = {
    "drop to 87 % (10 points)": lambda _: 0.87,
    "drop to 85 %": lambda _: 0.85,
    "drop to 80 %": lambda _: 0.80,
    "drop to 50 %": lambda _: 0.50,
    "total failure": lambda _: 0.0,
    "slow slide to 80 % in 1 h": lambda minute: HEALTHY - 0.17 * min(1.0, minute / 60),
    "on and off, 5 min each, 70 %": lambda minute: 0.70 if minute // 5 % 2 == 0 else HEALTHY,
}


def incidents(calls: int, shape: str, many: int, seed: int) -> Seen:
    """Return how soon incidents of a shape are seen that begin after two healthy days, at average traffic."""
    chance = random.Random(f"{seed} {calls} {shape}")  # noqa: S311 - chance, not secrets
    bad = SHAPES[shape]
    begins = 2 * DAY
    delays: list[int | None] = []
    widened = 0
    for _ in range(many):
        counts = fill(calls, begins + 180, lambda m: bad(m - begins) if m >= begins else HEALTHY, chance)
        alarms = replayed([rule()], counts, begins + 1, begins + 180)
        delays.append(alarms[0].at - begins if alarms else None)
        widened += bool(alarms) and "looked back" in alarms[0].text
    return Seen(calls, shape, tuple(delays), widened)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--incidents", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.perf_counter()
    parts = 16
    with ProcessPoolExecutor(given.processes) as pool:
        jobs = [
            pool.submit(healthy, calls, share, noisy, max(1, given.days // parts), given.seed * 1000 + part)
            for share, noisy in ((HEALTHY, 0.0), (BOUND, 0.0), (HEALTHY, 0.015))
            for calls in LEVELS
            for part in range(parts)
        ]
        shapes = [
            pool.submit(incidents, calls, shape, given.incidents, given.seed) for shape in SHAPES for calls in LEVELS
        ]
        print(f"{'healthy share':>14} {'calls/15 min':>13} {'days':>6} {'false pages':>12} {'per 30 days':>12}")
        for one in summed([job.result() for job in jobs]):
            name = f"{one.share:.0%}{' noisy' if one.noisy else ''}"
            print(f"{name:>14} {one.calls:>13,} {one.days:>6,} {one.pages:>12} {one.per_30_days:>12.2f}")
        print(
            f"\n{'incident':<30} {'calls/15 min':>13} {'within 15 min':>14} {'within 1 h':>11} {'median min':>11} {'widened':>8}"
        )
        for job in shapes:
            seen = job.result()
            middle = "-" if seen.median is None else f"{seen.median:.0f}"
            figures = f"{seen.within(15):>14.1%} {seen.within(60):>11.1%} {middle:>11} {seen.widened:>8}"
            print(f"{seen.shape:<30} {seen.calls:>13,} {figures}")
    print(f"\n{time.perf_counter() - began:.0f} s")


def summed(parts: list[Healthy]) -> Iterator[Healthy]:
    """Yield the parts of one share and level as one."""
    places = dict.fromkeys((one.share, one.noisy, one.calls) for one in parts)
    for share, noisy, calls in places:
        mine = [one for one in parts if (one.share, one.noisy, one.calls) == (share, noisy, calls)]
        yield Healthy(calls, share, noisy, sum(one.days for one in mine), sum(one.pages for one in mine))


if __name__ == "__main__":
    main()
