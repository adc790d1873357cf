"""How many replies a second a contract checks on one core, against plain JSON decoding in the same run.

The budget: an 8-field schema at 20,000 replies a second or more. The ratios (a check over ``json.loads`` and over
``msgspec.json.decode`` of the same replies) carry over to other machines; the absolute numbers do not. Replies that are
repaired or rejected are measured apart: they are the exception, and cost more.

Run ``python benchmarks/contracts.py [--replies 20000] [--json]``.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from pointsman.contracts import Contract

BUDGET_PER_S = 20_000
ROUNDS = 5
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["refund", "cancel", "track", "complaint", "other"]},
        "order_id": {"type": "string", "pattern": "^A-[0-9]{4,8}$"},
        "amount": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD", "GBP"]},
        "urgent": {"type": "boolean"},
        "items": {"type": "array", "items": {"type": "string"}, "maxItems": 10},
        "summary": {"type": "string", "maxLength": 400},
        "due": {"type": ["string", "null"], "format": "date"},
    },
    "required": ["intent", "order_id", "amount", "currency", "urgent", "items", "summary", "due"],
    "additionalProperties": False,
}


def make_reply(n: int) -> str:
    """Return the n-th valid reply, as a model would write it."""
    reply = {
        "intent": ["refund", "cancel", "track", "complaint"][n % 4],
        "order_id": f"A-{10_000 + n}",
        "amount": round(19.9 + n / 100, 2),
        "currency": "EUR",
        "urgent": n % 3 == 0,
        "items": [f"sku-{n}", f"sku-{n + 1}"],
        "summary": "The customer was charged twice on the same invoice and asks for one of the charges back.",
        "due": None if n % 2 else "2026-01-31",
    }
    return json.dumps(reply, indent=2 if n % 5 == 0 else None)


def rates(works: dict[str, tuple[Callable[[str], object], list[str]]]) -> dict[str, float]:
    """Return the best calls per second of each work. The rounds take turns, so that a busy moment falls on all alike."""
    best = dict.fromkeys(works, 0.0)
    for _ in range(ROUNDS):
        for name, (work, replies) in works.items():
            started = time.perf_counter()
            for reply in replies:
                work(reply)
            best[name] = max(best[name], len(replies) / (time.perf_counter() - started))
    return best


def measure(count: int) -> dict[str, float]:
    """Measure checks and the yardsticks in one run."""
    contract = Contract(SCHEMA, name="bench")
    replies = [make_reply(n) for n in range(count)]
    few = replies[: max(200, count // 20)]
    assert all(contract.check(reply).outcome == "ok" for reply in few)
    fenced = [f"```json\n{reply}\n```" for reply in few]
    python = [repr(json.loads(reply)) for reply in few]
    wrong = [reply.replace('"EUR"', '"euro"').replace("A-", "B-") for reply in few]
    assert {contract.check(one).outcome for one in (fenced[0], python[0])} == {"repaired"}
    assert contract.check(wrong[0]).outcome == "rejected"
    gc.collect()
    found = rates({
        "check": (contract.check, replies),
        "json": (json.loads, replies),
        "msgspec": (msgspec.json.decode, replies),
        "fenced": (contract.check, fenced),
        "python": (contract.check, python),
        "wrong": (contract.check, wrong),
    })  # fmt: skip
    return {
        "replies": count,
        "checked_per_s": round(found["check"]),
        "json_loads_per_s": round(found["json"]),
        "msgspec_decode_per_s": round(found["msgspec"]),
        "check_over_json_loads": round(found["json"] / found["check"], 2),
        "check_over_msgspec_decode": round(found["msgspec"] / found["check"], 2),
        "fenced_per_s": round(found["fenced"]),
        "python_literals_per_s": round(found["python"]),
        "rejected_per_s": round(found["wrong"]),
        "budget_per_s": BUDGET_PER_S,
    }


def main() -> int:
    """Print the measurement; exit 1 when the budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.replies)
    within = found["checked_per_s"] >= BUDGET_PER_S
    if args.json:
        print(json.dumps(found))
    else:
        print(f"contracts {'within' if within else 'BELOW'} their budget of {BUDGET_PER_S:,} replies/s on one core")
        for name, value in found.items():
            print(f"  {name:28} {value:>14,.2f}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
