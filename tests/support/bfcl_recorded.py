"""The recorded BFCL cases and outputs of ``POINTSMAN_DATA``, as cases and answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.domain.chat_json import messages_from_openai, tools_from_openai
from pointsman.domain.message import Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case, Gold
from pointsman.evaluation.grading_bfcl import oracle_of

DATA = Path(os.environ.get("POINTSMAN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


def rows(name: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file of the recorded data; skips the test where it is absent."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {DATA}: set POINTSMAN_DATA to the folder of recorded data")
    import pyarrow.parquet as pq

    found: list[dict[str, Any]] = pq.read_table(path, columns=columns).to_pylist()
    return found


def cases(*, core: bool = True) -> dict[str, Case]:
    """Return the cases that are graded by their calls alone, by id."""
    found = {}
    for row in rows("bfcl_cases.parquet"):
        if row["gold_kind"] == "exec" or (core and not row["core"]):
            continue
        oracle = oracle_of(row["category"], row["language"], json.loads(row["tools_raw"]), json.loads(row["gold"]))
        turn = Turn(
            messages_from_openai(json.loads(row["messages"])), tools=tools_from_openai(json.loads(row["tools"]))
        )
        gold = Gold("no_call" if row["gold_kind"] == "no_call" else "calls", oracle=oracle)
        found[row["case_id"]] = Case(
            row["case_id"], row["case_id"], "bfcl", turn, gold, tags={"category": row["category"]}
        )
    return found


def outcomes(of: dict[str, Case]) -> Iterator[tuple[Answer, dict[str, Any]]]:
    """Yield each recorded output of these cases as an answer, with its row."""
    columns = ["case_id", "model", "raw", "native_call", "correct", "provider_error", "error_type"]
    for row in rows("bfcl_outcomes.parquet", columns):
        if row["case_id"] not in of:
            continue
        answer = Answer(row["case_id"], row["model"], 0, "recorded")
        if not row["native_call"]:
            yield msgspec.structs.replace(answer, text_calls=row["raw"]), row
            continue
        parts: list[Text | ToolCall] = []
        for place, item in enumerate(json.loads(row["raw"])):
            if isinstance(item, str):
                parts.append(Text(item))
                continue
            for name, arguments in item.items():
                text = arguments if isinstance(arguments, str) else json.dumps(arguments)
                parts.append(ToolCall(f"call_{place}", name, text))
        yield msgspec.structs.replace(answer, reply=Reply("r", row["model"], tuple(parts), "tool_use")), row
