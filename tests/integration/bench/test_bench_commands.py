"""`pointsman bench` as a person runs it, against simulated models on a loopback port."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pointsman.cli import load
from pointsman.errors import UsageError
from pointsman.evaluation.bench_sets import bundled_texts

MODEL = "openai/gpt-5.4"
TICKET: dict[str, Any] = {
    "category": "other",
    "urgency": "low",
    "language": "en",
    "summary": "s",
    "order_ids": [],
    "amount": None,
    "needs_human": False,
    "customer": {"name": None, "email": None},
}


@pytest.fixture(autouse=True)
def _no_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(load("bench"), [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return str(result.stdout)


def as_json(*arguments: str | Path, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code))


def script(folder: Path, *rules: Any, **more: Any) -> Path:
    path = folder / "script.yaml"
    path.write_text(json.dumps({"any_model": True, "rules": rules, **more}))
    return path


def test_structured_tells_what_was_wrong_by_kind(tmp_path: Path) -> None:
    said = script(
        tmp_path,
        {
            "when": {"contains": bundled_texts()[0].turn.messages[0].text[:40]},
            "reply": {"text": f"```json\n{json.dumps(TICKET)}\n```"},
        },
        {
            "when": {"contains": bundled_texts()[1].turn.messages[0].text[:40]},
            "reply": {"json": TICKET | {"urgency": "meh"}},
        },
        {
            "when": {"contains": bundled_texts()[2].turn.messages[0].text[:40]},
            "fault": {"kind": "status", "status": 400},
        },
        {"reply": {"json": TICKET}},
    )
    told = as_json("structured", "--models", MODEL, "--emulated", "--script", said, "--mode", "native", "--n", "20")
    (row,) = told["rows"]
    assert row["origin"] == "simulated"
    assert row["kinds"] == {"bad_enum": 1, "fenced": 1}
    assert sum(row["errors"].values()) == 1
    assert row["conforms"]["n"] == 19
    assert row["conforms"]["share"] == pytest.approx(17 / 19)
    assert row["conforms"]["low"] < 17 / 19 < row["conforms"]["high"]
    assert row["repaired"]["share"] == pytest.approx(1 / 19)
    assert row["cost_per_1k_usd"] > 0


def test_the_table_says_that_models_were_simulated_and_the_set_was_small() -> None:
    told = run("structured", "--models", MODEL, "--emulated", "--n", "5")
    assert told.splitlines()[0].startswith("openai/gpt-5.4 (native) comes first: 100.0 % of 5 replies")
    assert "Only 5 different cases" in told
    assert "Simulated models answered" in told


def test_a_dry_run_gives_the_price_and_sends_nothing() -> None:
    told = as_json("structured", "--models", MODEL, "--n", "3", "--dry-run")
    assert told["rows"] == []
    assert told["asked"] == 0
    assert told["prices"][0]["calls"] == 6
    assert 0 < told["prices"][0]["usual_usd"] < told["prices"][0]["worst_usd"]


def test_the_cap_is_kept_and_what_was_not_asked_is_told() -> None:
    arguments = ("structured", "--models", MODEL, "--emulated", "--mode", "native", "--max-usd", "0.05")
    told = as_json(*arguments, code=1)
    assert told["not_asked"] > 0
    assert told["asked"] > 0
    assert told["spent_usd"] <= 0.05


def test_a_schema_and_cases_of_ones_own(tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"messages": [{"role": "user", "content": "refund A-1"}]}\nbroken\n')
    schema = tmp_path / "intent.json"
    schema.write_text('{"type": "object", "properties": {"intent": {"type": "string"}}, "required": ["intent"]}')
    told = as_json("structured", "--models", MODEL, "--emulated", "--cases", cases, "--schema", schema)
    assert (told["contract"], told["cases"]) == ("intent", 1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--models", MODEL), "set OPENAI_API_KEY"),
        (("--models", "openai/gpt-9"), "No model 'openai/gpt-9'"),
        (("--models", ","), "names no model"),
        (("--models", "openai/gpt-5.4-pro", "--emulated"), "Responses API"),
        (("--models", MODEL, "--emulated", "--max-usd", "lots"), "no amount of dollars"),
        (("--models", MODEL, "--emulated", "--mode", "loud"), "--mode"),
        (("--models", MODEL, "--script", "s.yaml"), "add --emulated"),
        (("--models", MODEL, "--emulated", "--schema", "gone.json"), "cannot be read"),
        (("--models", MODEL, "--emulated", "--cases", "gone.jsonl"), "no such file"),
    ],
)
def test_a_mistake_is_one_error(arguments: tuple[str, ...], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        run("structured", *arguments)


def test_latency_measures_what_a_server_of_known_speed_does(tmp_path: Path) -> None:
    """Twenty tokens come 80 ms after the request, then 500 a second: 38 ms for the nineteen after the first."""
    words = " ".join(["word"] * 30)
    said = script(tmp_path, {"reply": {"text": words}}, pace={"ttft_ms": 80, "tokens_per_s": 500, "chunk_tokens": 1})
    (row,) = as_json(
        "latency", "--models", MODEL, "--emulated", "--script", said, "--sizes", "200", "--n", "6", "--at-once", "6"
    )["rows"]
    assert row["replies"] == 6
    assert row["ttft_p50"]["value"] >= 80
    assert row["ttft_p50"]["low"] is not None
    assert row["ttft_p95"]["high"] is None
    assert 0 < row["speed"]["value"] <= 510


def test_latency_of_ones_own_cases(tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"messages": [{"role": "user", "content": "refund A-1"}]}\n')
    told = run("latency", "--models", MODEL, "--emulated", "--cases", cases)
    assert "≤ 500" in told
    assert "An upper bound of p95 needs 72 replies" in told


@pytest.mark.parametrize("sizes", ["", "20", "many", "200,2000000"])
def test_a_size_that_is_none_is_one_error(sizes: str) -> None:
    with pytest.raises(UsageError, match="--sizes"):
        run("latency", "--models", MODEL, "--emulated", "--sizes", sizes)


def test_tools_are_graded_and_recorded_models_stand_beside_asked_ones(tmp_path: Path) -> None:
    tool = {
        "type": "function",
        "function": {"name": "track", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}},
    }
    rows = [
        {
            "id": f"c{n}",
            "messages": [{"role": "user", "content": f"Track {name}"}],
            "tools": [tool],
            "gold": {"calls": [{"name": "track", "arguments": {"id": name}}]},
            "tags": {"kind": kind},
        }
        for n, (name, kind) in enumerate([("A-1", "near"), ("A-2", "far"), ("A-3", "far")])
    ]
    cases = tmp_path / "cases.jsonl"
    cases.write_text("\n".join(map(json.dumps, rows)))
    recorded = tmp_path / "old.jsonl"
    calls = [{"name": "track", "arguments": {"id": "A-1"}}]
    answers = [{"case_id": f"c{n}", "model": "old", "tool_calls": calls} for n in (0, 1)]
    recorded.write_text("\n".join(map(json.dumps, answers)))
    said = script(
        tmp_path,
        *(
            {"when": {"contains": name}, "reply": {"calls": [{"name": "track", "arguments": {"id": name}}]}}
            for name in ("A-1", "A-2")
        ),
        {"reply": {"text": "What is the number?"}},
    )
    told = as_json(
        *("tools", "--models", f"{MODEL},recorded:{recorded}", "--cases", cases, "--emulated", "--script", said)
    )
    asked, old = told["rows"]
    assert (asked["right"]["n"], asked["kinds"]) == (3, {"missing_call": 1})
    assert asked["right"]["share"] == pytest.approx(2 / 3)
    assert asked["slices"]["near"]["share"] == 1.0
    assert (old["model"], old["origin"]) == ("old", "recorded")
    assert (old["right"]["n"], old["right"]["share"], sum(old["errors"].values())) == (2, 0.5, 1)


def test_a_recorded_model_needs_the_cases_that_it_answered() -> None:
    with pytest.raises(UsageError, match="--cases FILE"):
        run("tools", "--models", "recorded:old.jsonl")


def test_the_bundled_requests_in_a_table() -> None:
    told = run("tools", "--models", MODEL, "--emulated", "--repeats", "2", "--n", "30")
    assert "answers right by strict, 95 % interval" in told.splitlines()[0]
    assert "all repeats right %" in told
    assert "right % by kind" in told


def test_recorded_answers_are_priced_by_a_file_and_cost_nothing(tmp_path: Path) -> None:
    cases, recorded, prices = tmp_path / "cases.jsonl", tmp_path / "old.jsonl", tmp_path / "prices.json"
    cases.write_text('{"id": "c", "messages": [{"role": "user", "content": "hi"}], "gold": {"no_call": true}}')
    answer = {
        "case_id": "c",
        "model": "old",
        "text": "Hello",
        "input_tokens": 1000,
        "output_tokens": 0,
        "latency_s": 0.5,
    }
    recorded.write_text(json.dumps(answer))
    prices.write_text('{"models": {"old": {"input": 3, "output": 15}}}')
    arguments = ("tools", "--models", f"recorded:{recorded}", "--cases", cases, "--prices", prices)
    (row,) = as_json(*arguments)["rows"]
    assert (row["right"]["share"], row["cost_per_1k_usd"], row["latency_p50"]["value"]) == (1.0, 3.0, 500.0)
    assert "nothing was asked, nothing spent" in run(*arguments)


def test_the_demo_model_stands_alone() -> None:
    with pytest.raises(UsageError, match="--local asks the demo model"):
        run("tools", "--models", "local/smollm2-135m", "--local", "--emulated")
