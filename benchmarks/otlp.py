"""How many turns a second are taken in over OTLP/HTTP, to the acknowledgement: durable, over real loopback HTTP.

``python benchmarks/otlp.py [--turns N] [--json]``. The sender is a process of its own; its requests are made beforehand. The
goal is 2,000 turns a second; the budget that fails the run (exit 1) is a ratio of CPU times, since machines differ and are
shared: a turn, until it is durable, may cost at most 16 times what Python's own ``json`` takes to read its span. Also printed:
what counting a turn for ``/metrics`` costs.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))


from pointsman.catalog.book import Catalog
from pointsman.monitoring.otlp.capture import Capture
from pointsman.monitoring.prometheus import TurnMetrics
from pointsman.routing.policy import parse_policy
from pointsman.routing.templates import render
from pointsman.store import open_store
from support.otlp import a_span, as_json, as_protobuf, request
from support.process import serve
from support.records import a_turn

GOAL = 2000
BUDGET_RATIO = 16.0
BATCH = 256
SENDERS = 4
_SAID = "Where is the parcel that I ordered last week? It should have been here on Monday. "


def span(n: int) -> dict[str, Any]:
    """A model call of 2 kB: four messages, a tool call, usage with cache, twenty attributes."""
    asked = [
        {"role": role, "parts": [{"type": "text", "content": f"{_SAID * 3}{n}"}]} for role in ("user", "assistant")
    ] * 2
    answered = {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": f"c{n}", "name": "find_order", "arguments": {"id": n}}],
        "finish_reason": "tool_call",
    }
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.response.model": "gpt-5-mini-2025-08-07",
        "gen_ai.response.id": f"chatcmpl-{n}",
        "gen_ai.response.finish_reasons": ["tool_calls"],
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 400,
        "gen_ai.conversation.id": f"conv-{n // 6}",
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": _SAID * 4}]),
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps([answered]),
    }
    return a_span(attributes | {f"app.tag.{i}": f"value {i}" for i in range(8)}, n)


def batches(turns: int, encode: Any, first: int) -> list[tuple[bytes, dict[str, str]]]:
    return [encode(request(*(span(first + at + i) for i in range(BATCH)))) for at in range(0, turns, BATCH)]


def send(url: str, made: list[tuple[bytes, dict[str, str]]], gate: Connection) -> None:
    """Wait for the word, then send all requests one after another."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    gate.send("ready")
    gate.recv()
    for body, headers in made:
        connection.request("POST", "/v1/traces", body, headers)
        answer = connection.getresponse()
        assert answer.read() in (b"", b"{}"), answer.status
        assert answer.status == 200
    gate.send("done")


def rate(encode: Any, turns: int, first: int) -> float:
    """Turns a second with four senders at once, from the first byte to the last acknowledgement."""
    share = turns // SENDERS // BATCH * BATCH
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        with serve("--emulated", "--no-auth", "--store", f"sqlite:///{where}/s.db", cwd=where) as served:
            gates, senders = [], []
            for n in range(SENDERS):
                ours, theirs = multiprocessing.Pipe()
                made = batches(share, encode, first + n * share)
                sender = multiprocessing.Process(target=send, args=(served.url, made, theirs))
                sender.start()
                gates.append(ours)
                senders.append(sender)
            for gate in gates:
                gate.recv()
            start = time.perf_counter()
            for gate in gates:
                gate.send("go")
            for gate in gates:
                gate.recv()
            took = time.perf_counter() - start
            for sender in senders:
                sender.join()
    return share * SENDERS / took


def taking_us(turns: int = 5120) -> float:
    """Microseconds of CPU to take one turn in, from the request's bytes to the commit, without HTTP."""
    made = batches(turns, as_protobuf, 1)

    async def take(capture: Capture) -> None:
        for body, headers in made:
            await capture.take(body, headers, None)

    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/s.db") as store:
        capture = Capture(store, Catalog.load(None), None)
        start = time.process_time()
        asyncio.run(take(capture))
        return (time.process_time() - start) / turns * 1e6


def reading_us() -> float:
    """Microseconds of CPU that Python's own ``json`` takes to read one span."""
    ((body, _),) = batches(BATCH, as_json, 1)
    rounds = 40
    start = time.process_time()
    for _ in range(rounds):
        json.loads(body)
    return (time.process_time() - start) / rounds / BATCH * 1e6


def counting_us(turns: int = 5000) -> float:
    """Microseconds of CPU to count one turn for ``/metrics``, beside the turn and never before its reply."""

    async def fill(store: Any) -> None:
        await asyncio.gather(*(store.append(a_turn(n)) for n in range(turns)))

    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/s.db") as store:
        metrics = TurnMetrics(store, parse_policy(render("rubric"), "rubric"), lambda _: "small")
        asyncio.run(fill(store))
        start = time.process_time()
        assert metrics.catch_up() == turns
        return (time.process_time() - start) / turns * 1e6


def main() -> int:
    """Print the figures; 1 when the budget is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=20_480)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    bare = reading_us()
    found = {"protobuf": rate(as_protobuf, args.turns, 1), "json": rate(as_json, args.turns, 1)}
    taken = taking_us()
    ratio = taken / bare
    counted = counting_us()
    if args.json:
        figures = {
            "turns_per_s": found,
            "take_us": taken,
            "read_us": bare,
            "ratio": ratio,
            "count_us": counted,
            "goal": GOAL,
        }
        print(json.dumps(figures))
    else:
        for name, per_s in found.items():
            print(f"{name:<10}{per_s:>10,.0f} turns/s acknowledged   (goal {GOAL:,})")
        print(f"CPU of one turn: {taken:.0f} us, {ratio:.1f} times the reading of its JSON; budget {BUDGET_RATIO:.0f}")
        print(f"counting a turn for /metrics: {counted:.0f} us of CPU beside the turn, 0 us on its path")
    return 1 if ratio > BUDGET_RATIO else 0


if __name__ == "__main__":
    sys.exit(main())
