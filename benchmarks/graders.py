"""How many turns a second the graders grade on one core, against decoding the same calls with ``json.loads`` in the same run.

The budget: 5,000 turns a second in strict mode. Turns are made up: one to three calls out of twelve tools, three of four
right, the rest spelled otherwise or wrong. The ratio carries over to other machines, the absolute numbers do not.

Run ``python benchmarks/graders.py [--turns 20000] [--json]``.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from pointsman.domain.message import Message, Text, Tool, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case, Gold, GoldCall
from pointsman.evaluation.graders.registry import grader, graders

BUDGET_PER_S = 5_000
ROUNDS = 5
PROPERTIES: dict[str, Any] = {
    "order_id": {"type": "string"},
    "amount": {"type": "number"},
    "currency": {"type": "string", "enum": ["EUR", "USD", "GBP"]},
    "date": {"type": "string"},
    "email": {"type": "string", "format": "email"},
    "reason": {"type": ["string", "null"]},
    "notify": {"type": "boolean", "default": True},
    "items": {
        "type": "array",
        "items": {"type": "object", "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}}},
    },
}
VERBS = ("get", "find", "track", "list", "refund", "cancel", "change", "send", "book", "update", "close", "open")
TOOLS = tuple(
    Tool(f"{verb}_order", f"{verb} an order", {"type": "object", "properties": PROPERTIES, "required": ["order_id"]})
    for verb in VERBS
)

Pair = tuple[Case, Answer]


def arguments(n: int) -> dict[str, Any]:
    """Return the n-th right arguments."""
    given: dict[str, Any] = {
        "order_id": f"ORD-{1000 + n}",
        "amount": round(9.9 + n % 500 / 10, 2),
        "currency": "EUR",
        "date": f"2026-05-{1 + n % 28:02d}",
        "email": f"customer{n}@example.com",
        "reason": "The parcel arrived with a broken seal.",
    }
    if n % 4 == 0:
        given["items"] = [{"sku": f"S{n}", "count": 1}, {"sku": f"T{n}", "count": 2}]
    return given


def spoiled(given: dict[str, Any], n: int) -> dict[str, Any]:
    """Return arguments as a model gives them: right three times of four, else another spelling or wrong."""
    changes: list[dict[str, Any]] = [
        {"date": f"{1 + n % 28} May 2026"},
        {"order_id": f"ORD-{1001 + n}"},
        {"amount": str(given["amount"])},
        {"email": given["email"].upper(), "notify": True},
        {"priority": "high"},
    ]
    return given if n % 4 else {**given, **changes[n // 4 % len(changes)]}


def make_turn(n: int) -> Pair:
    """Return the n-th case and an answer to it."""
    names = [f"{VERBS[(n + k) % len(VERBS)]}_order" for k in range(1 + n % 3)]
    right = [arguments(n + k) for k in range(len(names))]
    calls = tuple(
        GoldCall(name, {key: (value,) for key, value in given.items()})
        for name, given in zip(names, right, strict=True)
    )
    turn = Turn((Message("user", (Text("Where is my parcel? It should have been here on Monday."),)),), tools=TOOLS)
    case = Case(f"case-{n}", f"conversation-{n}", "bench", turn, Gold("calls", calls))
    parts: list[Text | ToolCall] = [
        ToolCall(f"call_{k}", name, json.dumps(spoiled(given, n + k)))
        for k, (name, given) in enumerate(zip(names, right, strict=True))
    ]
    reply = Reply("r", "m", tuple(reversed(parts)), "tool_use")
    return case, Answer(case.id, "m", 0, "recorded", reply=reply)


def rate(work: Callable[[Pair], object], turns: list[Pair]) -> float:
    """Return the best turns per second of one core (CPU time) of a few rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        started = time.process_time()
        for pair in turns:
            work(pair)
        best = max(best, len(turns) / (time.process_time() - started))
    return best


def decode_calls(pair: Pair) -> None:
    """Decode the calls' arguments, the least that any grader does."""
    reply = pair[1].reply
    for call in reply.tool_calls if reply is not None else ():
        json.loads(call.arguments)


def measure(count: int) -> dict[str, float]:
    """Measure every grader and the yardstick in one run."""
    turns = [make_turn(n) for n in range(count)]
    strict = grader("strict")
    grades = [strict.grade(*pair) for pair in turns]
    gc.collect()
    gc.freeze()
    figures = {
        "json.loads of the calls": rate(decode_calls, turns),
        "passed in strict mode, share": sum(grade.passed is True for grade in grades) / count,
    }
    for one in graders():
        figures[one.name] = rate(lambda pair, one=one: one.grade(*pair), turns)  # type: ignore[misc]
    return figures


def main() -> int:
    """Print the measurements; exit code 1 where the budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="print only JSON")
    options = parser.parse_args()
    figures = measure(options.turns)
    met = figures["strict"] >= BUDGET_PER_S
    if options.json:
        print(json.dumps({"budget_per_s": BUDGET_PER_S, "met": met, **figures}))
        return 0 if met else 1
    base = figures.pop("json.loads of the calls")
    share = figures.pop("passed in strict mode, share")
    print(
        f"{options.turns:,} turns, 1-3 calls each; {share:.0%} pass in strict mode; best of {ROUNDS} rounds, one core"
    )
    print(f"{'':26}{'turns/s':>12}{'times the decoding':>22}")
    print(f"{'json.loads of the calls':26}{base:>12,.0f}{1:>22.1f}")
    for name, per_s in figures.items():
        print(f"{name:26}{per_s:>12,.0f}{base / per_s:>22.1f}")
    print(f"budget: strict >= {BUDGET_PER_S:,} turns/s: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
