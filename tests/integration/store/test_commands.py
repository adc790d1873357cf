from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pointsman.domain.decision import Decision, Exclusion, Reason, RunnerUp
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.store import open_store

Run = Callable[..., "subprocess.CompletedProcess[str]"]

REPLY = json.dumps({"parts": [{"type": "text", "text": "Your refund is [bold]on its way\x1b[2J."}]})
MESSAGES = (
    {"role": "user", "content": [{"type": "text", "text": "Where is my refund?"}, {"type": "image"}]},
    {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "find", "arguments": '{"id":7}'}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "sent"},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c2", "is_error": True, "content": "late"}]},
    "odd",
)


def record(name: str, **changes: Any) -> TurnRecord:
    small = "anthropic/claude-haiku-4-5"
    decision = Decision(
        id=name,
        route="tools",
        model=small,
        tier="small",
        policy="abc123",
        confidence=0.94,
        reasons=(Reason("rule", "one-tool", "one tool, single intent"),),
        runner_up=RunnerUp("plan", "anthropic/claude-opus-4-8", Decimal("0.0061"), "two intents"),
        eligible=(small,),
        excluded=(Exclusion("groq/llama", "context_window", "needs 9,000 tokens, holds 8,192"),),
        signals={"tokens": 412},
        decided_us=310.0,
    )
    failed = StepRecord(
        purpose="reply", model=small, status="error", duration_ms=9.0, http_status=529, error_code="provider_error"
    )
    step = StepRecord(purpose="reply", model=small, status="ok", duration_ms=640.0, attempt=2, usage=Usage(300, 80))
    known: dict[str, Any] = {
        "id": name,
        "conversation_id": "conv_1",
        "at_us": 1_760_000_000_000_000,
        "dialect": "openai_chat",
        "status": "ok",
        "decision": decision,
        "steps": (failed, step),
        "duration_ms": 660.0,
        "usage": Usage(300, 80),
        "cost_usd": Decimal("0.0009"),
        "flagship_model": "anthropic/claude-opus-4-8",
        "flagship_cost_usd": Decimal("0.0045"),
        "dropped_params": ("seed",),
        "simulated": True,
        "request": (
            ("params", b"{}"),
            ("system", b'"Be kind."'),
            *(("message", json.dumps(message).encode()) for message in MESSAGES),
            ("message", b"not json"),
        ),
        "reply": REPLY.encode(),
    }
    return TurnRecord(**{**known, **changes})


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url) as store:
        store.append_sync(record("turn_a1"))
        store.append_sync(record("turn_a2", status="error", error_code="provider_timeout", cost_usd=None, usage=None))
        store.append_sync(record("turn_b1", conversation_id="conv_2"))
    return url


def test_turns_lists_and_filters(pointsman: Run, url: str) -> None:
    listed = pointsman("turns", "--store", url, "--limit", "2")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.startswith("3 turns; the newest 2 follow (simulated models).")
    found = json.loads(pointsman("turns", "--store", url, "--status", "error", "--json").stdout)
    assert (found["total"], [turn["id"] for turn in found["turns"]]) == (1, ["turn_a2"])
    assert found["turns"][0]["cost_usd"] is None
    found = json.loads(pointsman("turns", "--store", url, "--conversation", "conv_2", "--json").stdout)
    assert [turn["id"] for turn in found["turns"]] == ["turn_b1"]
    assert "No turn matches" in pointsman("turns", "--store", url, "--since", "1m").stdout


def test_turn_tells_the_whole_story_and_obeys_no_text(pointsman: Run, url: str) -> None:
    told = pointsman("turn", "turn_b", "--store", url)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(
        "tools · claude-haiku-4-5 · 0.94 · one tool, single intent · 0.3 ms · $0.0009\nsimulated models"
    )
    expected = (
        "runner-up: plan · anthropic/claude-opus-4-8 · $0.0061 expected",
        "would be first if two intents",
        "excluded: groq/llama: needs 9,000 tokens, holds 8,192 (context_window)",
        "tokens         412",
        "reply (try 2)",
        "provider_error",
        "seed (the model does not take them)",
        "Where is my refund?",
        'calls find({"id":7})',
        "failed of c2",
        "[bold]on its way",
        "not json",
    )
    for text in expected:
        assert text in told.stdout
    assert "\x1b" not in told.stdout


def test_turn_as_json_has_everything(pointsman: Run, url: str) -> None:
    told = json.loads(pointsman("turn", "turn_a1", "--store", url, "--json").stdout)
    assert told["request"][2] == {"name": "message", "body": MESSAGES[0]}
    assert told["request"][-1] == {"name": "message", "body": "not json"}
    assert told["reply"] == json.loads(REPLY)
    assert told["decision"]["runner_up"]["flips_if"] == "two intents"
    assert told["cost_usd"] == 0.0009
    assert [step["status"] for step in told["steps"]] == ["error", "ok"]


def test_a_report_says_for_how_many_turns_a_kind_of_token_is_unknown(pointsman: Run, url: str) -> None:
    with open_store(url) as store:
        store.append_sync(record("turn_c1", usage=Usage(300, 80, cache_read=1200)))
    shown = pointsman("report", "--store", url)
    assert "1,200 (2 unknown)" in shown.stdout
    data = json.loads(pointsman("report", "--store", url, "--json").stdout)
    assert (data["total"]["cache_read"], data["total"]["cache_read_known"], data["total"]["usage_known"]) == (
        1200,
        1,
        3,
    )


def test_report_gives_a_verdict_and_counts_what_is_known(pointsman: Run, url: str) -> None:
    shown = pointsman("report", "--store", url, "--by", "route, tier")
    assert shown.returncode == 0, shown.stderr
    assert "3 turns (simulated models), 33.3 %" in shown.stdout
    assert "saved $0.0072 of $0.0090 (80.0 %)" in shown.stdout
    assert "cost known for 2 of 3" in shown.stdout
    data = json.loads(pointsman("report", "--store", url, "--by", "conversation", "--json", "--limit", "1").stdout)
    assert (data["groups"], len(data["rows"]), data["total"]["turns"]) == (2, 1, 3)
    assert data["rows"][0]["by"] == {"conversation": "conv_1"}
    assert data["rows"][0]["ttft_p50_ms"] is None


def test_a_key_is_made_listed_and_revoked(pointsman: Run, tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path}/new.db")
    made = pointsman("keys", "create", "support-bot", "--models", "a/x, b/y", *store)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("pm_live_")
    assert "cannot be shown again" in made.stderr
    listed = json.loads(pointsman("keys", "list", "--json", *store).stdout)["keys"]
    assert [(key["name"], key["models"], key["revoked_at_us"]) for key in listed] == [
        ("support-bot", ["a/x", "b/y"], None)
    ]
    assert made.stdout.strip() not in json.dumps(listed)
    revoked = pointsman("keys", "revoke", listed[0]["id"], *store)
    assert "is revoked" in revoked.stdout
    assert "was revoked before" in pointsman("keys", "revoke", listed[0]["id"], *store).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("turns", "--since", "yesterday"), "is not a time"),
        (("turns", "--limit", "0"), "--limit"),
        (("turn", "turn_x"), "no turn 'turn_x'"),
        (("turn", "turn_a"), "more than one turn begins with"),
        (("report", "--by", "colour"), "route, model, tier, intent"),
        (("report", "--by", ","), "route, model, tier, intent"),
        (("keys", "revoke", "nope"), "no key 'nope'"),
        (("keys", "create", ""), "needs a name"),
        (("keys", "create", "a", "--models", ","), "names no model"),
    ],
)
def test_mistakes_are_told_in_three_lines_with_exit_code_2(
    pointsman: Run, url: str, arguments: tuple[str, ...], said: str
) -> None:
    done = pointsman(*arguments, "--store", url)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) <= 6


@pytest.mark.parametrize("command", [("turns",), ("turn", "x"), ("report",), ("keys", "list"), ("keys", "revoke", "x")])
def test_reading_a_store_that_is_not_there_creates_none(
    pointsman: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = pointsman(*command, "--store", f"sqlite:///{tmp_path}/typo.db")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no store at" in done.stderr
    assert list(tmp_path.iterdir()) == []
