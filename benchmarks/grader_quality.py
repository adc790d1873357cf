"""How often the text graders are right: precision and recall with 95 % intervals on written and on recorded replies.

    python benchmarks/grader_quality.py                       # the written sets, and the recorded ones where they are
    python benchmarks/grader_quality.py --errors claims_action_without_call

A positive is an answer that should fail. Every written set (``tests/data/grader_labels``, the contract cases for schemas) is
halved by a hash of its entries: lexicons may be tuned while looking at the half "tune", the half "report" was not looked at.
Both the sets and the graders come from one hand, so these figures are an upper bound. The recorded replies are from other hands:
SGD and tau-bench airline, read from ``POINTSMAN_DATA`` (default ../shared/data) and never copied. They are taken for true as they
stand; taking their calls away, or changing an amount that came from a tool, makes false ones.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from pointsman.domain.chat_json import messages_from_openai
from pointsman.domain.message import Message, OutputFormat, Text, Tool, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case, Gold, GoldCall
from pointsman.evaluation.graders.registry import grader
from pointsman.evaluation.grading_turn import evidence, last_customer

ROOT = Path(__file__).resolve().parent.parent
LABELS = ROOT / "tests/data/grader_labels"
CONTRACTS = ROOT / "tests/data/contract_cases"
DATA = Path(os.environ.get("POINTSMAN_DATA", ROOT.parent / "shared/data"))
Z95 = 1.959963984540054
HALVES = ("tune", "report")

Entry = dict[str, Any]
Pair = tuple[Case, Answer]
STRING: dict[str, Any] = {"type": "string"}
TOOLS = (
    Tool("get_order", "", {"type": "object", "properties": {"order_id": STRING}}),
    Tool(
        "refund",
        "",
        {"type": "object", "properties": {"order_id": STRING, "amount": {"type": "number"}, "note": STRING}},
    ),
    Tool("orders.track", "", {"type": "object", "properties": {"order_id": STRING}}),
    Tool(
        "search", "", {"type": "object", "properties": {"query": STRING, "filters": {}}, "additionalProperties": True}
    ),
)


def reply_of(text: str = "", calls: Iterable[tuple[str, Any]] = ()) -> Answer:
    """Return an answer of a text and calls."""
    made = [ToolCall(f"a{place}", name, json.dumps(given)) for place, (name, given) in enumerate(calls)]
    parts = (*((Text(text),) if text else ()), *made)
    return Answer("case", "model", 0, "recorded", reply=Reply("r", "model", parts, "tool_use" if made else "end_turn"))


def case_of(messages: Iterable[Message], gold: Gold | None = None, tools: tuple[Tool, ...] = (), **tags: str) -> Case:
    """Return a case of these messages."""
    return Case("case", "conversation", "labels", Turn(tuple(messages), tools=tools), gold, tags=tags)


def says(text: str) -> Message:
    """Return a customer's message."""
    return Message("user", (Text(text),))


def calls_and_results(did: Iterable[list[str]]) -> tuple[list[Message], list[Message]]:
    """Return the messages of calls made before and in this turn."""
    parts: dict[str, list[Message]] = {"before": [], "now": []}
    for place, (tool, result, *when) in enumerate(did):
        parts[when[0] if when else "now"] += [
            Message("assistant", (ToolCall(f"c{place}", tool, "{}"),)),
            Message("tool", (ToolResult(f"c{place}", (Text(result),)),)),
        ]
    return parts["before"], parts["now"]


def claims(entry: Entry) -> Pair:
    """Read an entry of claims_action_without_call."""
    before, now = calls_and_results(entry.get("did", ()))
    return case_of([says("Hi"), *before, says(entry.get("customer", "Please do it.")), *now]), reply_of(entry["reply"])


def contradictions(entry: Entry) -> Pair:
    """Read an entry of contradicts_tool_result."""
    _, now = calls_and_results([["lookup", json.dumps(entry["result"])]])
    return case_of([says(entry.get("customer", "What about it?")), *now]), reply_of(entry["reply"])


def names(entry: Entry) -> Pair:
    """Read an entry of hallucinated_names."""
    calls = [(name, given) for name, given in entry.get("calls", ())]
    return case_of([says("Hi")], tools=TOOLS), reply_of(entry.get("reply", ""), calls)


def talk(entry: Entry) -> Pair:
    """Read an entry of refusal or language."""
    return case_of([says(entry.get("customer", "Please help me with my order."))]), reply_of(entry["reply"])


def mention(entry: Entry) -> Pair:
    """Read an entry of must_mention."""
    return case_of([says("Hi")], Gold("reply", must_mention=(entry["item"],))), reply_of(entry["reply"])


def banned(entry: Entry) -> Pair:
    """Read an entry of forbidden."""
    return case_of([says("Hi")], Gold("reply", forbidden=(entry["phrase"],))), reply_of(entry["reply"])


def change(entry: Entry) -> Pair:
    """Read an entry of changed_mind."""
    tags = {name: entry[name] for name in ("changed_from", "changed_to") if name in entry}
    arguments = {name: (value,) for name, value in entry.get("gold", {}).items()}
    gold = Gold("calls", (GoldCall("book", arguments),)) if arguments else Gold("reply")
    calls = [("book", entry["used"])] if "used" in entry else []
    return case_of([says(text) for text in entry["said"]], gold, **tags), reply_of(entry.get("reply", ""), calls)


def schema(entry: Entry) -> Pair:
    """Read a contract case."""
    wanted = OutputFormat("json_schema", entry["wanted"])
    turn = Turn((says("Hi"),), output_format=wanted)
    reply = Reply("r", "model", (Text(entry["raw"]),), "max_tokens" if entry.get("truncated") else "end_turn")
    return Case("case", "conversation", "labels", turn), Answer("case", "model", 0, "recorded", reply=reply)


READERS: dict[str, Callable[[Entry], Pair]] = {
    "claims_action_without_call": claims,
    "contradicts_tool_result": contradictions,
    "hallucinated_names": names,
    "changed_mind": change,
    "must_mention": mention,
    "forbidden": banned,
    "refusal": talk,
    "language": talk,
    "schema_conformance": schema,
}


def entries(name: str) -> list[Entry]:
    """Return the labelled entries of a grader, each with ``wrong``."""
    if name != "schema_conformance":
        found: list[Entry] = yaml.safe_load((LABELS / f"{name}.yaml").read_text(encoding="utf-8"))
        return found
    schemas = json.loads((CONTRACTS / "schemas.json").read_text(encoding="utf-8"))
    rows = [
        json.loads(line)
        for path in sorted(CONTRACTS.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [
        {**row, "wanted": schemas[row["schema"]].get("schema", schemas[row["schema"]]), "wrong": row["outcome"] != "ok"}
        for row in rows
        if not row.get("refusal") and not row.get("expect_optional")
    ]


def half_of(entry: Entry) -> str:
    """Return the half an entry belongs to, by its content."""
    return HALVES[zlib.crc32(json.dumps(entry, sort_keys=True, default=str).encode()) % 2]


class Tally:
    """Counts of one grader on one set. A grader without a say has not failed the answer."""

    def __init__(self) -> None:
        self.hit = self.alarm = self.miss = self.quiet = 0
        self.errors: list[str] = []

    def add(self, grade: Grade, *, wrong: bool, what: str) -> None:
        """Count one answer."""
        failed = grade.passed is False
        self.hit += failed and wrong
        self.alarm += failed and not wrong
        self.miss += not failed and wrong
        self.quiet += not failed and not wrong
        if failed != wrong:
            self.errors.append(f"{'false alarm' if failed else 'missed'}: {what} {grade.text}".strip())

    def row(self) -> str:
        """Return n, positives, precision and recall."""
        n = self.hit + self.alarm + self.miss + self.quiet
        wrong = self.hit + self.miss
        precision = share(self.hit, self.hit + self.alarm) if wrong else "-"
        return f"{n:>6}{wrong:>7}{precision:>24}{share(self.hit, wrong):>24}"


def share(hits: int, n: int) -> str:
    """Return a share with Wilson's 95 % interval."""
    if n == 0:
        return "-"
    rate, square = hits / n, Z95**2
    middle = (rate + square / (2 * n)) / (1 + square / n)
    reach = Z95 / (1 + square / n) * math.sqrt(rate * (1 - rate) / n + square / (4 * n * n))
    return f"{rate:.1%} ({max(0.0, middle - reach):.1%}-{min(1.0, middle + reach):.1%})"


def measure(name: str) -> dict[str, Tally]:
    """Grade a grader's written set, by half."""
    one, read = grader(name), READERS[name]
    tallies = {half: Tally() for half in HALVES}
    for entry in entries(name):
        what = {key: value for key, value in entry.items() if key not in ("wrong", "wanted")}
        tallies[half_of(entry)].add(
            one.grade(*read(entry)), wrong=entry["wrong"], what=json.dumps(what, ensure_ascii=False)[:160]
        )
    return tallies


def recorded(name: str) -> Iterator[tuple[tuple[Message, ...], str, bool]]:
    """Yield each recorded reply: what came before it, its text, and whether it reports a success (SGD knows)."""
    system = DATA / "tau_airline_policy.md"
    policy = (
        (Message("system", (Text(system.read_text(encoding="utf-8")),)),)
        if name.startswith("tau") and system.is_file()
        else ()
    )
    with (DATA / name).open(encoding="utf-8") as lines:
        for line in lines:
            raw = json.loads(line)["messages"]
            messages = messages_from_openai(raw)
            acts = [row.get("acts") or [] for row in raw if row["role"] == "assistant"]
            own = [place for place, message in enumerate(messages) if message.role == "assistant"]
            for place, act in zip(own, acts, strict=True):
                message = messages[place]
                if message.text and not any(type(part) is ToolCall for part in message.parts):
                    yield (*policy, *messages[:place]), message.text, "NOTIFY_SUCCESS" in act


def without_calls(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return a conversation as it would be had nobody called a tool."""
    spoken = messages[: last_customer(messages) + 1]
    return tuple(one for one in spoken if one.role != "tool" and not any(type(part) is ToolCall for part in one.parts))


def with_another_amount(text: str, world: str, chance: random.Random) -> str | None:
    """Return a reply with one of its dollar amounts that came from a tool changed; None where it has none."""
    amounts = [hit for hit in re.finditer(r"\$\d[\d,]*(?:\.\d+)?", text) if hit.group()[1:].replace(",", "") in world]
    if not amounts:
        return None
    hit = chance.choice(amounts)
    digit = str(1 + (int(hit.group()[1]) + chance.randint(0, 7)) % 9)
    return text[: hit.start()] + "$" + digit + hit.group()[2:] + text[hit.end() :]


def measure_recorded(name: str) -> dict[str, Tally]:
    """Grade recorded replies as they stand, and spoiled."""
    claim, contradiction = grader("claims_action_without_call"), grader("contradicts_tool_result")
    tallies = {"claims_action_without_call": Tally(), "contradicts_tool_result": Tally()}
    chance = random.Random(4)  # noqa: S311 - which amount is changed
    for before, text, success in recorded(name):
        case, answer = case_of(before), reply_of(text)
        tallies[claim.name].add(claim.grade(case, answer), wrong=False, what=text[:120])
        if success:
            spoiled = case_of(without_calls(before))
            tallies[claim.name].add(claim.grade(spoiled, answer), wrong=True, what=text[:120])
        world = evidence(case)
        if world:
            tallies[contradiction.name].add(contradiction.grade(case, answer), wrong=False, what=text[:120])
            other = with_another_amount(text, " ".join(world), chance)
            if other is not None:
                tallies[contradiction.name].add(
                    contradiction.grade(case, reply_of(other)), wrong=True, what=other[:120]
                )
    return tallies


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", choices=list(READERS), help="print what this grader gets wrong in the half `tune`")
    options = parser.parse_args()
    if options.errors:
        print("\n".join(measure(options.errors)["tune"].errors) or "nothing")
        return 0
    print(f"{'written set':30}{'half':>7}{'n':>6}{'wrong':>7}{'precision (95 %)':>24}{'recall (95 %)':>24}")
    for name in READERS:
        for half, tally in measure(name).items():
            print(f"{name:30}{half:>7}{tally.row()}")
    print(f"\n{'recorded replies':37}{'n':>6}{'wrong':>7}{'precision (95 %)':>24}{'recall (95 %)':>24}")
    for file in ("sgd_conversations.jsonl", "tau_airline_gpt4o.jsonl"):
        if not (DATA / file).is_file():
            print(f"{file} is not in {DATA}: set POINTSMAN_DATA")
            continue
        for name, tally in measure_recorded(file).items():
            print(f"{file[:3]} {name:33}{tally.row()}   false alarms {share(tally.alarm, tally.alarm + tally.quiet)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
