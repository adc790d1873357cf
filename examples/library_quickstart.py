"""Turns from Python, without a server: one turn, a stream, a decision alone, and the same without await.

Simulated models answer, so no account is needed; leave emulated=True out to use your own.

    python examples/library_quickstart.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from pointsman import Pointsman, TextDelta

STORE = f"sqlite:///{Path(tempfile.mkdtemp()) / 'turns.db'}"


async def main() -> None:
    async with Pointsman.from_policy(store=STORE, emulated=True) as pm:  # or from_policy("pointsman.yaml")
        first = await pm.turn("Hello, do you ship to Norway?", user="ann")
        print(f"{first.decision.route} -> {first.record.steps[-1].model}, ${first.cost_usd}")
        print(f"  {first.text}")

        print("stream:", end=" ")
        async for event in pm.stream("And how long does it take?", history=first.messages, user="ann"):
            if isinstance(event, TextDelta):
                print(event.text, end="")
        print()

        decision = pm.decide("I have asked three times now. Let me speak to a person!")
        print(f"would go: {decision.route} -> {decision.model}")


def without_await() -> None:
    with Pointsman.from_policy(store=STORE, emulated=True).sync() as pm:
        print("sync:", pm.turn("Thanks!").text)


asyncio.run(main())
without_await()
