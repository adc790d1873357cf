"""How long a decision takes: a 500-token turn with 20 tools, on one core, signals and all.

    python benchmarks/decision.py [--turns 20000] [--privacy] [--long] [--json]

Prints p50, p99 and p99.9 in microseconds, and the ratio to something every machine does: writing the same turn as JSON
with the standard library, measured in the same run. The budget is p99 < 1,000 us. ``--privacy`` adds a privacy section to the
policy, which then searches everything sent; ``--long`` pads the customer's text to 100,000 characters (budget 2,000 us, 10,000 us
with privacy).
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.domain.message import Message, Text, Tool
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.routing.eligibility import Limits
from pointsman.routing.policy import parse_policy
from pointsman.routing.router import Routing
from pointsman.routing.templates import render

BUDGET_US = 1000.0
LONG_BUDGET_US = 2000.0
LONG = 100_000
PRIVACY = "\nprivacy: {sensitive: {on_prem_only: true}}\n"
WISHES = (
    "Where is my order 118{n}? It was promised for Tuesday.",
    "I was charged twice on invoice {n} and want a refund, then change my delivery address please.",
    "What are your opening hours on public holiday number {n}?",
    "This is the third time I ask about ticket {n} and nobody helps me. I want to speak to a manager!",
)
PADDING = "The parcel left the warehouse, the tracking page has not moved since, and the shop told me to ask here. "


def make_turn(n: int, size: int = 2000) -> Turn:
    """Return a turn whose customer text has ``size`` characters (2,000: about 500 tokens), with 20 tools and some history."""
    wish = WISHES[n % len(WISHES)].format(n=n)
    text = wish + " " + PADDING * ((size - len(wish)) // len(PADDING))
    tools = tuple(
        Tool(
            f"{verb}_{noun}",
            f"{verb.capitalize()} the {noun} of a customer, by its number.",
            {"type": "object", "properties": {f"{noun}_id": {"type": "string"}}, "required": [f"{noun}_id"]},
        )
        for verb in ("lookup", "update", "cancel", "create")
        for noun in ("order", "refund", "address", "ticket", "invoice")
    )
    messages = (
        Message("system", (Text("You are the support agent of a shop. " * 30),)),
        Message("user", (Text("Hello, I need some help."),)),
        Message("assistant", (Text("Of course. What is it about?"),)),
        Message("user", (Text(text),)),
    )
    return Turn(messages=messages, tools=tools)


def timed(work: Callable[[Turn], object], turns: list[Turn], count: int) -> list[float]:
    """Return the microseconds of each call, sorted."""
    clock = time.perf_counter_ns
    times: list[float] = []
    for index in range(count):
        turn = turns[index % len(turns)]
        started = clock()
        work(turn)
        times.append((clock() - started) / 1000)
    return sorted(times)


def quantile(times: list[float], share: float) -> float:
    """Return the value below which ``share`` of the sorted times lie."""
    return times[min(len(times) - 1, int(share * len(times)))]


def measure(count: int, *, privacy: bool = False, size: int = 2000) -> dict[str, float]:
    """Measure decisions and the yardstick in one run."""
    text = render("rubric", "mixed") + (PRIVACY if privacy else "")
    routing = Routing(parse_policy(text, "rubric"), Catalog.load())
    limits = Limits(now=datetime.now(UTC))
    turns = [make_turn(n, size) for n in range(400 if size < LONG else 20)]
    plain = {id(turn): msgspec.to_builtins(turn) for turn in turns}

    def decide(turn: Turn) -> object:
        return routing.decide(turn, EMPTY_SESSION, limits)

    def dump(turn: Turn) -> object:
        return json.dumps(plain[id(turn)])

    timed(decide, turns, 500)
    gc.collect()
    decisions = timed(decide, turns, count)
    dumps = timed(dump, turns, count)
    return {
        "turns": count,
        "p50_us": round(quantile(decisions, 0.5), 1),
        "p99_us": round(quantile(decisions, 0.99), 1),
        "p999_us": round(quantile(decisions, 0.999), 1),
        "json_dumps_p50_us": round(quantile(dumps, 0.5), 1),
        "ratio_to_json_dumps": round(quantile(decisions, 0.5) / quantile(dumps, 0.5), 2),
        "budget_p99_us": BUDGET_US if size < LONG else LONG_BUDGET_US * (5 if privacy else 1),
    }


def main() -> int:
    """Print the measurement; exit 1 when the budget is overrun."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=20_000)
    parser.add_argument("--privacy", action="store_true", help="with a privacy section in the policy")
    parser.add_argument("--long", action="store_true", help="with 100,000 characters of customer text")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.turns, privacy=args.privacy, size=LONG if args.long else 2000)
    budget = found["budget_p99_us"]
    within = found["p99_us"] <= budget
    if args.json:
        print(json.dumps(found))
    else:
        print(f"decision {'within' if within else 'OVER'} its budget of p99 {budget:,.0f} us")
        for name, value in found.items():
            print(f"  {name:22} {value:>12,.2f}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
