"""How often redaction takes out what it should not, and how fast it is.

    python benchmarks/redaction.py [--each 5000] [--seed 7]

Two tables. Numbers made at random of the kinds that shops have and that name nobody: how many are taken for personal data, and
as what. Recorded conversations (folder ``POINTSMAN_DATA``, default ../shared/data; left out where it is absent): the share of
messages in which something was found, by who said it; there the finds are mostly right (a tool's result with a telephone number).
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from pointsman.routing.lexicon.identifiers import Finder

Make = Callable[[random.Random], str]
FILES = ("sgd_conversations.jsonl", "tau_airline_gpt4o.jsonl")


def digits(chance: random.Random, count: int) -> str:
    """Return that many digits, the first not 0."""
    return str(chance.randrange(10 ** (count - 1), 10**count))


def letters(chance: random.Random, count: int) -> str:
    """Return that many capital letters."""
    return "".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=count))


MADE: dict[str, Make] = {
    "order number, 6-10 digits": lambda c: f"My order {digits(c, c.randint(6, 10))} has not come",
    "order number in groups": lambda c: f"It is {digits(c, 4)}-{digits(c, 4)}-{digits(c, c.randint(3, 6))}",
    "order number, 16 digits": lambda c: f"Order {digits(c, 16)}",
    "tracking 1Z...": lambda c: f"Parcel 1Z{letters(c, 3)}{digits(c, 13)}",
    "tracking, post": lambda c: f"Parcel {letters(c, 2)}{digits(c, 9)}DE",
    "amount": lambda c: f"I paid {c.randrange(10**7):,}.{c.randrange(100):02} USD",
    "ISO date and time": lambda c: (
        f"on 20{digits(c, 2)}-{c.randint(1, 12):02}-{c.randint(1, 28):02} {c.randint(0, 23):02}:15:00"
    ),
    "Unix milliseconds": lambda c: f'{{"at": {c.randrange(1_500_000_000_000, 1_900_000_000_000)}}}',
    "UUID": lambda c: str(uuid.UUID(int=c.getrandbits(128))),
    "hex digest": lambda c: f"{c.getrandbits(256):064x}",
    "version": lambda c: f"version {c.randint(1, 20)}.{c.randint(0, 30)}.{c.randint(0, 99)}.{c.randint(0, 9999)}",
    "product code": lambda c: f"Item {letters(c, 3)}-{digits(c, 5)}-{letters(c, 1)}",
    "EAN-13": lambda c: f"EAN {digits(c, 13)}",
    "float": lambda c: json.dumps({"score": c.random()}),
    "position": lambda c: json.dumps({"lat": c.uniform(-90, 90), "lon": c.uniform(-180, 180)}),
    "table of numbers": lambda c: "\n".join(digits(c, 4) for _ in range(12)),
}


def messages(path: Path) -> Iterator[tuple[str, str]]:
    """Yield who said it and what, of every message and tool call of a recorded file."""
    for line in path.read_text("utf-8").splitlines():
        for message in json.loads(line)["messages"]:
            if isinstance(message.get("content"), str) and message["content"]:
                yield message["role"], message["content"]
            for call in message.get("tool_calls") or ():
                yield "arguments", str(call["function"]["arguments"])


def show(name: str, count: int, found: collections.Counter[str]) -> None:
    """Print one row: how many texts, the share with a find, and the kinds."""
    hit = found.pop("any", 0)
    kinds = ", ".join(f"{kind} {number}" for kind, number in found.most_common())
    print(f"{name:34}{count:>8,}{hit / count:>9.2%}  {kinds}")


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    finder, chance = Finder(), random.Random(args.seed)  # noqa: S311 - made numbers, no secrets
    tables: dict[str, list[str]] = {name: [make(chance) for _ in range(args.each)] for name, make in MADE.items()}
    folder = Path(os.environ.get("POINTSMAN_DATA", "../shared/data"))
    for path in (folder / name for name in FILES):
        for role, text in messages(path) if path.is_file() else ():
            tables.setdefault(f"{path.name.split('_')[0]}: {role}", []).append(text)
    print(f"{'texts':34}{'count':>8}{'touched':>9}  as")
    started, size = time.perf_counter(), 0
    for name, texts in tables.items():
        found: collections.Counter[str] = collections.Counter()
        for text in texts:
            kinds = {span.kind for span in finder.find(text)}
            found.update([*kinds, "any"] if kinds else [])
            size += len(text)
        show(name, len(texts), found)
    seconds = time.perf_counter() - started
    print(f"{size:,} characters in {seconds:.1f} s: {size / seconds / 1e6:.2f} million a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
