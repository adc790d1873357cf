"""A tool-using agent with the unmodified OpenAI SDK: only the base URL and the model name are Pointsman's.

Start the gateway first, in another terminal, with simulated models:

    pointsman serve --emulated --no-auth

Then: python examples/openai_sdk.py [BASE_URL]     (needs: pip install openai)
"""

from __future__ import annotations

import json
import sys
from typing import Any

from openai import OpenAI

BASE_URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
ORDER_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_order",
        "description": "Look up an order by its number.",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
}


def get_order(order_id: str) -> dict[str, str]:
    """Stand in for the shop's own system."""
    return {"order_id": order_id, "state": "in transit", "expected": "2026-11-23"}


def main() -> None:
    client = OpenAI(base_url=f"{BASE_URL}/v1", api_key="unused with --no-auth")
    messages: list[Any] = [{"role": "user", "content": "Where is my order 48213?"}]
    for _ in range(5):
        raw = client.chat.completions.with_raw_response.create(model="auto", messages=messages, tools=[ORDER_TOOL])
        message = raw.parse().choices[0].message
        headers = raw.headers
        print(
            f"{headers['x-pointsman-route']} -> {headers['x-pointsman-model']}, ${headers.get('x-pointsman-cost-usd', '?')}"
        )
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            print(message.content)
            return
        for call in message.tool_calls:
            result = get_order(**json.loads(call.function.arguments))  # type: ignore[union-attr] # no custom tools here
            messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})


if __name__ == "__main__":
    main()
