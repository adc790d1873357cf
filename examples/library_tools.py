"""Python functions as tools: the types become the JSON Schema, the docstring the description.

python examples/library_tools.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from pointsman import IdempotencyKey, Pointsman

STORE = f"sqlite:///{Path(tempfile.mkdtemp()) / 'turns.db'}"
pm = Pointsman.from_policy(store=STORE, emulated=True)


@pm.tool
def get_order(order_id: str) -> dict[str, str]:
    """Look up an order by its number.

    Args:
        order_id: The number on the confirmation, such as 48213.
    """
    return {"order_id": order_id, "state": "in transit", "expected": "2026-11-23"}


@pm.tool(write=True)
async def refund(order_id: str, cents: int, key: IdempotencyKey) -> str:
    """Refund a part of an order."""
    # The model is not told of ``key``: it is the same for every repeat of this call.
    return f"refunded {cents} cents of {order_id} ({key})"


async def main() -> None:
    async with pm:
        offered = ["get_order", "refund"]
        result = await pm.turn("Where is my order 48213?", tools=offered)
        while result.tool_calls:
            answers = [await pm.run_tool(call) for call in result.tool_calls]
            for call, answer in zip(result.tool_calls, answers, strict=True):
                print(f"{call.name}({call.arguments}) = {answer['content']}")
            result = await pm.turn(answers, history=result.messages, tools=offered)
        print(result.text)


asyncio.run(main())
