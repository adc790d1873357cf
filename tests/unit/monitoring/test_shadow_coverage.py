"""A small cut of benchmarks/shadow_simulation.py, with the real draw: the interval covers what is true."""

from __future__ import annotations

import random

from pointsman.monitoring.misroutes import Unit, misroutes
from pointsman.monitoring.shadow.draw import Recent, Shares, draw


def test_the_interval_covers_the_truth() -> None:
    chance = random.Random(11)
    covered, bias, runs = 0, 0.0, 60
    for run in range(runs):
        recent, units, turns = Recent(window=300), [], 400
        for at in range(turns):
            hard = chance.random() < 0.1
            confidence = chance.gauss(0.4 if hard else 0.7, 0.15)
            bad = chance.random() < (0.5 if hard else 0.05)
            drawn = draw(f"{run}/{at}", confidence, recent, Shares(0.05, 0.15), b"s" * 16)
            recent.add(confidence)
            if drawn.why is not None:
                units.append(Unit(drawn.probability, bad, f"{run}/{at}"))
        found = misroutes(units, turns)
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.095 <= found.high
        bias += found.value - 0.095
    # 95 % of 60 are 57; fewer than 52 has a chance below 1 in 100. The plain share of what is checked would be near 0.2.
    assert covered >= 52
    assert abs(bias / runs) < 0.015
