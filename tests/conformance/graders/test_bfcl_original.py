"""BFCL mode beside bfcl-eval's own checker. Needs ``make oracle-test``, which brings the original; skips without it."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pointsman.evaluation.grading_bfcl import Wants, calls_fault, mode_of, oracle_of
from pointsman.evaluation.grading_text_calls import NotCalls, text_calls
from support import bfcl_mutations, bfcl_original

DATA = Path(os.environ.get("POINTSMAN_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
PER_CASE = 26

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not bfcl_original.installed(), reason="bfcl-eval is not in .cache/oracles: run `make oracle-test`"
    ),
]


@pytest.fixture(scope="module")
def original() -> bfcl_original.Original:
    return bfcl_original.Original()


def test_verdicts_are_the_original_s(original: bfcl_original.Original) -> None:
    chance = random.Random(4)
    told: Counter[str] = Counter()
    wrong = []
    for category, language, functions, answers in bfcl_original.cases():
        wants = Wants(mode_of(category), tuple(functions), tuple(answers), language)
        for n in range(PER_CASE):
            calls = bfcl_mutations.right(answers, chance, language, functions)
            if n:
                calls = bfcl_mutations.mutated(calls, functions, chance)
            flattened = chance.random() < 0.2
            if flattened:
                calls = [{name.replace(".", "_"): arguments for name, arguments in call.items()} for call in calls]
            valid, word = original.verdict(functions, calls, answers, category, flattened=flattened, language=language)
            pairs = [next(iter(call.items())) for call in calls]
            ours = calls_fault(wants, pairs, flattened=flattened)
            told["right" if valid else word] += 1
            if valid != (ours is None) or (ours and word not in ("broke off", ours.error_type)):
                wrong.append((category, calls, answers, word, ours))
    print(f"{told.total():,} pairs: {dict(told.most_common())}")  # noqa: T201 - the count is the result; shown by -s
    assert told.total() >= 50_000
    assert told["right"] > 5_000
    assert len(told) > 15
    assert wrong == []


def test_text_is_decoded_as_the_original_does(original: bfcl_original.Original) -> None:
    texts = [row["raw"] for row in _outcomes() if not row["native_call"]]
    told: Counter[str] = Counter()
    wrong = []
    for text in texts:
        theirs = original.decoded(text)
        try:
            ours = [{call.name: call.arguments} for call in text_calls(text)]
        except NotCalls:
            ours = None
        told["read" if theirs is not None else "not read"] += 1
        if repr(ours) != repr(theirs):
            wrong.append((text, theirs, ours))
    print(f"{told.total():,} texts: {dict(told)}; differing: {len(wrong)}")  # noqa: T201 - the count is the result; shown by -s
    assert told["read"] > 10_000
    assert wrong == []


def test_recorded_calls_get_the_original_s_verdicts(original: bfcl_original.Original) -> None:
    cases = {row["case_id"]: row for row in _rows("bfcl_cases.parquet")}
    told: Counter[str] = Counter()
    wrong = []
    for row in _outcomes():
        case = cases[row["case_id"]]
        if case["gold_kind"] != "ast" or not row["native_call"]:
            continue
        functions = json.loads(case["tools_raw"])
        oracle = oracle_of(case["category"], case["language"], functions, json.loads(case["gold"]))
        try:
            calls = [
                {name: json.loads(arguments) if isinstance(arguments, str) else arguments}
                for item in json.loads(row["raw"])
                if isinstance(item, dict)
                for name, arguments in item.items()
            ]
        except ValueError:
            told["not JSON"] += 1
            continue
        valid, word = original.verdict(
            functions, calls, oracle["answers"], case["category"], flattened=True, language=case["language"]
        )
        wants = Wants(oracle["mode"], tuple(functions), tuple(oracle["answers"]), case["language"])
        pairs = [next(iter(call.items())) for call in calls]
        ours = calls_fault(wants, pairs, flattened=True)
        told["right" if valid else word] += 1
        if valid != (ours is None):
            wrong.append((row["case_id"], row["model"], word, ours))
    print(f"{told.total():,} recorded outputs: {dict(told.most_common())}")  # noqa: T201 - the count is the result; shown by -s
    assert told["right"] > 10_000
    assert wrong == []


def _outcomes() -> list[dict[str, Any]]:
    return _rows("bfcl_outcomes.parquet")


def _rows(name: str) -> list[dict[str, Any]]:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {DATA}: set POINTSMAN_DATA to the folder of recorded data")
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows
