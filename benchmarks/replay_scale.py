"""Replays recorded cases by the thousand: time by the case, and the memory of the process that drives it.

    python benchmarks/replay_scale.py [--sizes 1000,10000,100000]

Each case has a tool, a gold call and a recorded answer (one in ten wrong). Prints seconds and the peak of resident memory of
the replay with the strict grader, and of the report. Every size runs in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

TOOL = {
    "name": "get_order",
    "description": "Look an order up by its number, with its parcels and what is left to pay.",
    "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
}


def write(folder: Path, n: int) -> None:
    """Write ``n`` cases, six to a conversation, and a recorded answer to each."""
    with (folder / "cases.jsonl").open("wb") as cases, (folder / "answers.jsonl").open("wb") as answers:
        for i in range(n):
            order = f"A-{i:07}"
            messages = [{"role": "system", "content": "You help customers of a shop. " * 10}]
            messages += [{"role": "user", "content": f"Hello, where is my order {order}? I have waited for days. " * 3}]
            gold = {"calls": [{"name": "get_order", "arguments": {"order_id": order}}]}
            case = {"id": f"c{i}", "conversation": f"k{i // 6}", "messages": messages, "tools": [TOOL], "gold": gold}
            cases.write(msgspec.json.encode(case) + b"\n")
            said = order if i % 10 else "B-1"
            call = {"name": "get_order", "arguments": {"order_id": said}}
            answers.write(
                msgspec.json.encode({"case_id": f"c{i}", "model": "m", "tool_calls": [call], "latency_ms": i % 900})
                + b"\n"
            )


def child(folder: Path) -> None:
    """Replay what is in ``folder`` and print seconds and peak memory."""
    from pointsman.cli.replay import command
    from pointsman.cli.run_report import report

    started = time.monotonic()
    command(folder / "cases.jsonl", f"recorded:{folder / 'answers.jsonl'}", out_=folder / "run")
    replayed = time.monotonic() - started
    started = time.monotonic()
    report(folder / "run")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(msgspec.json.encode([replayed, time.monotonic() - started, peak]).decode())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--child", type=Path)
    chosen = parser.parse_args()
    if chosen.child is not None:
        child(chosen.child)
        return
    print(f"{'cases':>9}{'replay s':>10}{'ms/case':>9}{'report s':>10}{'peak MB':>9}")
    for size in map(int, chosen.sizes.split(",")):
        with tempfile.TemporaryDirectory(prefix="pointsman-scale-") as name:
            write(Path(name), size)
            done = subprocess.run(
                [sys.executable, __file__, "--child", name], capture_output=True, text=True, check=True
            )
            replayed, reported, peak = msgspec.json.decode(done.stdout.splitlines()[-1])
            print(f"{size:>9,}{replayed:>10.1f}{replayed / size * 1000:>9.3f}{reported:>10.2f}{peak:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
