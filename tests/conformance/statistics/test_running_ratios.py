"""Ratios judged as a run goes on, by the same code that ``benchmarks/gate_simulation.py`` runs ten thousand times."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pointsman.evaluation.statistics.running_ratio import WARM, RunningCost, RunningP95

FILE = Path(__file__).parents[3] / "benchmarks/gate_simulation.py"


@pytest.fixture(scope="module")
def simulation() -> Any:
    spec = importlib.util.spec_from_file_location("gate_simulation", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gate_simulation"] = module  # its structs look their annotations up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("looked_at", [False, True])
def test_what_is_at_its_margin_seldom_passes_and_what_is_equal_seldom_fails(simulation: Any, looked_at: bool) -> None:
    trials = 25
    for what, world, metrics, wanted, _ in simulation.WHOLE[3:8:2]:
        found = simulation.hits(map, simulation.Trial(world, 400, metrics, looked_at), trials, 7, wanted)
        assert found <= 5, what  # of 25 at 5 % each: six or more in one of 28,000 runs, and the seed is fixed


def test_a_clear_swap_settles_early(simulation: Any) -> None:
    for world, metric, wanted in (
        (simulation.World(cost=1.5), "cost", "fail"),
        (simulation.World(cost=0.5), "cost", "pass"),
        (simulation.World(slow=3.0), "ttft_p95", "fail"),
        (simulation.World(slow=0.3), "ttft_p95", "pass"),
    ):
        answers = Counter(simulation.answer(simulation.Trial(world, 700, (metric,), True), seed) for seed in range(5))
        assert answers == {wanted: 5}, (metric, wanted)


def test_the_first_values_only_set_the_scale() -> None:
    running = RunningCost(0.05, 0.05, 0.05)
    for _ in range(WARM):
        running.see(1.0, 100.0)
    assert running.worse.n == 0
    running.see(1.0, 100.0)
    assert running.worse.n == 1
    assert running.cut == 1


def test_a_candidate_that_costs_its_margin_more_is_a_fair_bet_cut_or_not() -> None:
    chance = random.Random(1)
    running = RunningCost(0.05, 0.05, 0.05)
    for _ in range(3000):
        old = chance.lognormvariate(0, 2)  # heavy: some are cut
        running.see(old, 1.05 * old)
    assert running.cut > 0
    assert running.not_worse.evidence == pytest.approx(1, abs=1e-6)
    assert running.worse.evidence == pytest.approx(1, abs=1e-6)


def test_few_dear_conversations_are_not_cut_away_in_silence() -> None:
    running = RunningCost(0.05, 0.05, 0.05)
    for place in range(4000):
        running.see(1.0, 0.9 if place % 50 else 60.0)
        if running.settled:
            break
    assert running.not_worse.shown
    assert running.agrees is False


def test_p95_is_that_of_the_values() -> None:
    running = RunningP95(0.1, 0.05, 0.05)
    for place in range(1, 101):
        running.see([float(place)], [2.0 * place])
    assert running.figures == (95.0, 190.0)
