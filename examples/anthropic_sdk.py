"""A streamed conversation with the unmodified Anthropic SDK: only the base URL and the model name are Pointsman's.

Start the gateway first, in another terminal, with simulated models:

    pointsman serve --emulated --no-auth

Then: python examples/anthropic_sdk.py [BASE_URL]     (needs: pip install anthropic)
"""

from __future__ import annotations

import sys
from typing import Any

from anthropic import Anthropic

BASE_URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
SAYS = (
    "Hi, what are your opening hours?",
    "This is the third time I write to you and nobody helps. I want a manager!",
)


def main() -> None:
    client = Anthropic(base_url=BASE_URL, api_key="unused with --no-auth")
    messages: list[Any] = []
    for said in SAYS:
        print(f"customer: {said}")
        messages.append({"role": "user", "content": said})
        with client.messages.stream(model="auto", max_tokens=300, messages=messages) as stream:
            headers = stream.response.headers
            print(f"  {headers['x-pointsman-route']} -> {headers['x-pointsman-model']}")
            print("  agent: ", end="")
            for text in stream.text_stream:
                print(text, end="", flush=True)
            print()
            reply = stream.get_final_message()
        messages.append({"role": "assistant", "content": reply.content})


if __name__ == "__main__":
    main()
