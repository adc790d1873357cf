"""Two small runs whose every text tries to break out: what reports and pages of replays are tried on."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pointsman.domain.message import Message, Text, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.case_file import HEAD, encode_case
from pointsman.evaluation.cases import Case, CaseVersion, Gold, GoldCall
from pointsman.evaluation.run_log import GradeHead, GradeRow, Logged, RunHead

HOSTILE = "<script>alert(1)</script>'\"& </title><img src=x onerror=alert(2)> \x00\u202e"
CASES = 40


def hostile_case(n: int, say: str = HOSTILE) -> Case:
    call = ToolCall("t1", "look_up", '{"id": "K1"}')
    messages = (
        Message("system", (Text(f"rules {say}"),)),
        Message("user", (Text(f"{n}: {say}"),)),
        Message("assistant", (call,)),
        Message("tool", (ToolResult("t1", (Text(f"found {say}"),), "look_up", is_error=True),)),
    )
    gold = Gold("calls", (GoldCall("refund", {"amount": (5, "5"), "id": ("K1",)}),))
    return Case(f"c{n}", f"k{n}", "test", Turn(messages), gold, tags={"intent": "refund"})


def _run(folder: Path, cases: list[Case], model: str, wrong: set[int]) -> None:
    folder.mkdir()
    version = CaseVersion()
    for case in cases:
        version.add(case)
    head = RunHead(
        str(folder.parent / "cases.jsonl"), version.text, len(cases), len(cases), "fixed", (model,), 1, "strict@1"
    )
    (folder / "run.json").write_bytes(msgspec.json.encode(head))
    grades, answers = [msgspec.json.encode(GradeHead("strict@1", version.text))], []
    for n, case in enumerate(cases):
        amount = 6 if n in wrong else 5
        call = ToolCall("x", "refund", msgspec.json.encode({"amount": amount, "id": "K1"}).decode())
        reply = Reply("", model, (Text(f"I refund {amount} euro {HOSTILE}"), call), "tool_use")
        answers.append(msgspec.json.encode(Logged(f"k{n}", Answer(case.id, model, 1, "recorded", reply))))
        row = GradeRow(
            case.id, case.content.hex()[:12], case.conversation_id, model, 1, "recorded", n not in wrong,
            "wrong_value" if n in wrong else None, text=f"amount: {HOSTILE}" if n in wrong else "", tags=case.tags,
        )  # fmt: skip
        grades.append(msgspec.json.encode(row))
    (folder / "grades.jsonl").write_bytes(b"\n".join(grades) + b"\n")
    (folder / "answers.jsonl").write_bytes(b"\n".join(answers) + b'\n{"key": "torn')


def write_runs(folder: Path, models: tuple[str, str] = ("old", "new"), cases: int = CASES) -> tuple[Path, Path]:
    """Write a case file and two runs, ``old`` (wrong in one case) and ``new`` (wrong in three others); return the runs."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [hostile_case(n) for n in range(cases)]
    (folder / "cases.jsonl").write_bytes(HEAD + b"".join(map(encode_case, made)))
    _run(folder / "old", made, models[0], {7})
    _run(folder / "new", made, models[1], {1, 2, 3})
    return folder / "old", folder / "new"
