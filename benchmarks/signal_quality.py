"""Measure the signals: precision and recall with 95 % intervals on labelled and on recorded turns, and their time.

    python benchmarks/signal_quality.py                     # everything
    python benchmarks/signal_quality.py --only labelled --errors

Each set is halved by a hash of its key. Lexicons were tuned while looking at the half "tune"; the numbers printed are those
of the half "report" (``--half`` shows another). Recorded sets are read from ``POINTSMAN_DATA`` (default ../shared/data)
and never copied into the project.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pointsman.domain.message import Message, Text, Tool, ToolCall, ToolResult
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.routing.reading import Reading
from pointsman.routing.signals import SIGNALS, as_plain, measure_all

ROOT = Path(__file__).resolve().parent.parent
LABELLED = ROOT / "tests/data/labelled_turns.jsonl"
DATA = Path(os.environ.get("POINTSMAN_DATA", ROOT.parent / "shared/data"))
MAP = json.loads((ROOT / "benchmarks/intent_map.json").read_text(encoding="utf-8"))
Z95 = 1.959963984540054
HARMLESS = ("Play", "AddAlarm", "ShareLocation")
"""SGD calls that it marks transactional, though they risk nothing: left out of the approvals."""


class Tally:
    """Counts of one yes/no measurement, and the cases that went wrong."""

    def __init__(self) -> None:
        self.cells: Counter[tuple[bool, bool]] = Counter()
        self.wrong: list[str] = []
        self.turns = 0

    def add(self, *, said: bool, true: bool, case: str = "", again: bool = False) -> None:
        """Count one case; ``again``: the same turn is counted a second time (named wrongly, so the right name was missed)."""
        self.cells[said, true] += 1
        self.turns += not again
        if said != true and case:
            self.wrong.append(f"{'FALSE ALARM' if said else 'MISSED     '} {case}")

    def row(self) -> list[str]:
        """Return n, positives, precision and recall with their intervals."""
        hit, alarm, miss = self.cells[True, True], self.cells[True, False], self.cells[False, True]
        return [str(self.turns), str(hit + miss), share(hit, hit + alarm), share(hit, hit + miss)]


def share(hits: int, n: int) -> str:
    """Format a proportion with its Wilson 95 % interval; "unknown" where there is no case."""
    if not n:
        return "unknown"
    p, z2 = hits / n, Z95 * Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * ((p * (1 - p) + z2 / (4 * n)) / n) ** 0.5 / (1 + z2 / n)
    return f"{p:5.1%} [{max(0.0, centre - half):.1%}, {min(1.0, centre + half):.1%}] of {n}"


def half_of(key: str) -> str:
    """Return the half a key belongs to."""
    return "report" if zlib.crc32(key.encode()) & 1 else "tune"


def table(title: str, rows: Iterable[tuple[str, Tally]], *, errors: bool) -> None:
    """Print tallies as a table."""
    print(f"\n{title}")
    print(f"  {'signal':32}{'turns':>7}{'true':>7}  {'precision':34}{'recall':34}")
    kept = list(rows)
    for name, tally in kept:
        n, true, precision, recall = tally.row()
        print(f"  {name:32}{n:>7}{true:>7}  {precision:34}{recall:34}")
    if errors:
        for name, tally in kept:
            for line in tally.wrong[:40]:
                print(f"    {name}: {line}")


def message(role: Any, text: str) -> Message:
    """Return a plain message."""
    return Message(role, (Text(text),))


def measured(messages: Iterable[Message], tools: tuple[Tool, ...] = ()) -> dict[str, dict[str, Any]]:
    """Measure every signal of a conversation's last turn."""
    return as_plain(measure_all(Turn(messages=tuple(messages), tools=tools), EMPTY_SESSION))


def labelled(half: str, *, errors: bool) -> None:
    """Measure on the project's own labelled turns."""
    tallies: dict[str, Tally] = {}
    for line in LABELLED.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if half not in {"all", half_of(case["id"])}:
            continue
        messages = [message(part["role"], part["text"]) for part in case["before"]]
        values = measured([*messages, message("user", case["text"])])
        for path, truth in case["labels"].items():
            signal, field = path.split(".")
            _judge(tallies, path, values[signal][field], truth, f"{case['id']} {case['text'][:110]!r}")
    table(f"Labelled turns ({LABELLED.name}, half: {half})", sorted(tallies.items()), errors=errors)


def _judge(tallies: dict[str, Tally], path: str, value: Any, truth: Any, case: str) -> None:
    """Count one label; a list of truths means that any of them is right."""

    def tally(name: str) -> Tally:
        return tallies.setdefault(name, Tally())

    if path == "intent.name":
        known = truth != ["unknown"]
        if known and value != "unknown":
            tally("intent.name (right if named)").add(
                said=True, true=value in truth, case=f"{value} not {truth}: {case}"
            )
        if not known or "unknown" not in truth:
            tally("intent.recognised").add(said=value != "unknown", true=known, case=f"{value}: {case}")
    elif path == "language.code":
        tally("language.code (right)").add(said=True, true=value in truth, case=f"{value} not {truth}: {case}")
        tally("language.english").add(said=value == "en", true="en" in truth, case=case)
    elif path == "personal_data.kinds":
        for kind in {*value, *truth}:
            tally("personal_data.kinds").add(said=kind in value, true=kind in truth, case=f"{kind}: {case}")
        if not value and not truth:
            tally("personal_data.kinds").add(said=False, true=False)
    elif path == "history.open_risky_action":
        tally("history.open_risky_action").add(said=bool(value), true=truth != [""], case=f"{value}: {case}")
    else:
        tally(path).add(said=bool(value), true=bool(truth), case=case)


def intents(half: str, *, errors: bool) -> None:
    """Measure intent on CLINC150 and Banking77, mapped coarsely."""
    rows: list[tuple[str, Tally]] = []
    for name in ("banking77", "clinc150"):
        mapping = {theirs: ours.split() for ours, names in MAP[name].items() for theirs in names}
        right, nothing = Tally(), Tally()
        for text, theirs, outside in _intent_rows(name):
            if half not in {"all", half_of(text)}:
                continue
            value = measured([message("user", text)])["intent"]
            if theirs in mapping:
                # Precision: of those named, named right. Recall: of all, named right.
                correct = value["name"] in mapping[theirs]
                if value["recognised"]:
                    right.add(said=True, true=correct, case=f"{value['name']} not {theirs}: {text!r}")
                if not correct:
                    missed = "" if value["recognised"] else f"{theirs}: {text!r}"
                    right.add(said=False, true=True, case=missed, again=value["recognised"])
            elif outside or theirs in MAP["outside"]:
                nothing.add(said=not value["recognised"], true=True, case=f"{value['name']}: {text!r}")
        rows.append((f"{name}: intent.name", right))
        if nothing.cells:
            rows.append((f"{name}: out of scope unknown", nothing))
    table(f"Public intent sets (half: {half}); the out-of-scope row reads as recall", rows, errors=errors)


def _intent_rows(name: str) -> Iterator[tuple[str, str, bool]]:
    import pyarrow.parquet

    for row in pyarrow.parquet.read_table(DATA / f"{name}.parquet").to_pylist():
        yield row["text"], row["intent"], bool(row.get("oos"))


def dialogues(half: str, *, errors: bool) -> None:
    """Measure tool need and approvals on the user turns of SGD; whole dialogues stand in one half."""
    tools = _sgd_tools()
    needed, soon, approval = Tally(), Tally(), Tally()
    for line in (DATA / "sgd_conversations.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if half not in {"all", half_of(case["id"])}:
            continue
        offered = tuple(tools[f"{case['source_split']}:{name}"] for name in case["tools"])
        transactional = {call["message_index"] for call in case["gold_calls"] if call["transactional"]}
        messages = [_neutral(entry) for entry in case["messages"]]
        for at, entry in enumerate(case["messages"]):
            if entry["role"] != "user":
                continue
            follows = case["messages"][at + 1] if at + 1 < len(messages) else {}
            values = measured(messages[: at + 1], offered)
            shown = (
                f"{case['messages'][at - 1].get('content')!r} -> {entry['content']!r}" if at else repr(entry["content"])
            )
            needed.add(said=values["tools"]["needed"], true=bool(follows.get("tool_calls")), case=shown)
            soon.add(said=values["tools"]["needed"], true=_call_within(case["messages"][at + 1 :], 2))
            called = {call["function"]["name"] for call in follows.get("tool_calls") or ()}
            if any(word in name for name in called for word in HARMLESS):
                continue
            if at and "CONFIRM" in (case["messages"][at - 1].get("acts") or ()):
                approval.add(said=values["history"]["approval"], true=at + 1 in transactional, case=shown)
    rows = [
        ("tools.needed (call at once)", needed),
        ("tools.needed (within 2 turns)", soon),
        ("history.approval (confirms)", approval),
    ]
    table(f"SGD dialogues (half: {half})", rows, errors=errors)


def _call_within(rest: list[dict[str, Any]], turns: int) -> bool:
    for entry in rest:
        if entry.get("tool_calls"):
            return True
        turns -= entry["role"] == "user"
        if not turns:
            return False
    return False


def _sgd_tools() -> dict[str, Tool]:
    raw = json.loads((DATA / "sgd_tools.json").read_text(encoding="utf-8"))
    return {
        key: Tool(entry["function"]["name"], entry["function"]["description"], entry["function"]["parameters"])
        for key, entry in raw.items()
    }


def _neutral(entry: dict[str, Any]) -> Message:
    if entry["role"] == "tool":
        return Message("tool", (ToolResult(entry["tool_call_id"], (Text(entry["content"]),)),))
    calls = tuple(
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in entry.get("tool_calls") or ()
    )
    return Message(entry["role"], ((Text(entry["content"]),) if entry.get("content") else ()) + calls)


def sums(half: str, *, errors: bool) -> None:
    """Measure quantitative need: GSM8K word problems and CLINC's calculator against other CLINC texts."""
    import pyarrow.parquet

    tally = Tally()
    for row in pyarrow.parquet.read_table(DATA / "routellm_outcomes.parquet").to_pylist():
        text = str(row["prompt"])
        if "gsm8k" in str(row.get("dataset", row.get("benchmark", ""))).lower() and half in {"all", half_of(text)}:
            tally.add(
                said=measured([message("user", text)])["quantitative"]["needed"], true=True, case=repr(text[:110])
            )
    for text, theirs, _ in _intent_rows("clinc150"):
        if half in {"all", half_of(text)} and theirs not in {
            "exchange_rate",
            "measurement_conversion",
            "distance",
            "timezone",
        }:
            said = measured([message("user", text)])["quantitative"]["needed"]
            tally.add(said=said, true=theirs == "calculator", case=repr(text))
    table(f"GSM8K and CLINC150 (half: {half})", [("quantitative.needed", tally)], errors=errors)


def timing() -> None:
    """Time each signal on a 500-token turn with 20 tools, in one process on one core."""
    text = (
        "Hi there, I ordered a blue jacket two weeks ago and it hasn't arrived yet. The tracking page says it was handed to "
        "the courier on Monday, but nothing since then. Could you check where it is and, if lost, refund order 48213? "
    )
    tools = tuple(
        Tool(
            f"{verb}_{noun}",
            f"Let the agent {verb} a {noun} of the customer.",
            {"type": "object", "properties": {"id": {}}},
        )
        for verb in ("get", "update", "cancel", "create")
        for noun in ("order", "refund", "booking", "address", "invoice")
    )
    history = (
        message("system", "You help customers of a shop. " * 60),
        message("user", "hello"),
        message("assistant", "Hi!"),
    )
    turn = Turn(messages=(*history, message("user", (text * 10)[:2000])), tools=tools)
    reading = Reading.of(turn)
    print("\nCPU time on this machine: 500-token turn, 20 tools (microseconds)")
    print(f"  {'what':20}{'median':>10}{'p99':>10}")
    jobs: list[tuple[str, Callable[[], object]]] = [("reading", lambda: Reading.of(turn))]
    jobs += [(signal.NAME, partial(signal.measure, reading, EMPTY_SESSION)) for signal in SIGNALS]
    jobs += [("all together", lambda: measure_all(turn, EMPTY_SESSION))]
    for name, job in jobs:
        median, p99 = _microseconds(job)
        print(f"  {name:20}{median:>10.1f}{p99:>10.1f}")


def _microseconds(job: Callable[[], object], n: int = 3000) -> tuple[float, float]:
    spent = []
    for _ in range(n):
        start = time.thread_time_ns()
        job()
        spent.append(time.thread_time_ns() - start)
    spent.sort()
    return spent[n // 2] / 1000, spent[n * 99 // 100] / 1000


def main() -> int:
    """Run the measurements asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=["labelled", "intents", "dialogues", "sums", "timing"])
    parser.add_argument("--half", choices=["report", "tune", "all"], default="report")
    parser.add_argument("--errors", action="store_true", help="print what went wrong")
    args = parser.parse_args()
    jobs: dict[str, Callable[..., None]] = {
        "labelled": labelled,
        "intents": intents,
        "dialogues": dialogues,
        "sums": sums,
    }
    for name, job in jobs.items():
        if args.only not in {None, name}:
            continue
        if name != "labelled" and not DATA.is_dir():
            print(f"\nSKIPPED {name}: no recorded data in {DATA}; set POINTSMAN_DATA to its folder")
            continue
        job(args.half, errors=args.errors)
    if args.only in {None, "timing"}:
        timing()
    return 0


if __name__ == "__main__":
    sys.exit(main())
