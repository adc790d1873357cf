"""`pointsman route`, `init`, `check` and `schema` as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

HISTORY = [
    {"role": "user", "content": "I want my money back for order 12."},
    {"role": "assistant", "content": "I can refund $40 to your card. Shall I go ahead?"},
]


def run(folder: Path, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pointsman", *map(str, arguments)]
    env = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=env, input=stdin)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Check that a command refused its input as promised, and return what it said."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_decision_is_told_verdict_first_and_customer_text_cannot_touch_the_terminal(tmp_path: Path) -> None:
    done = run(tmp_path, "route", "Where is my \x1b[31morder\x1b[0m [bold]1182[/bold]?")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tools -> ")
    assert "confidence unknown" in done.stdout.splitlines()[0]
    assert "\x1b" not in done.stdout
    assert "[bold]1182[/bold]" in done.stdout
    assert "needs-a-tool" in done.stdout
    assert "Runner-up: " in done.stdout


def test_a_yes_is_read_in_the_light_of_the_history(tmp_path: Path) -> None:
    (tmp_path / "chat.json").write_text(json.dumps({"messages": HISTORY}))
    done = run(tmp_path, "route", "yes", "--history", "chat.json", "--json")
    decision = json.loads(done.stdout)
    assert decision["route"] == "tools"
    assert decision["signals"]["history"]["approval"] is True
    assert decision["decided_us"] > 0


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(HISTORY),
        json.dumps({"messages": HISTORY}),
        "\n".join(json.dumps(message) for message in HISTORY),
        json.dumps([{"messages": HISTORY}]),
    ],
)
def test_history_comes_in_the_shapes_people_have(tmp_path: Path, text: str) -> None:
    done = run(tmp_path, "route", "yes", "--history", "-", "--json", stdin=text)
    assert json.loads(done.stdout)["signals"]["history"]["turns"] == 2


def test_bad_input_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('[{"role": "customer", "content": "hi"}]')
    (tmp_path / "half.json").write_text('[{"role": ')
    (tmp_path / "many.jsonl").write_text('{"messages": []}\n{"messages": []}\n')
    (tmp_path / "tools.json").write_text('[{"type": "function", "function": {}}]')
    assert "bad.json: messages[0].role is 'customer'" in refused(run(tmp_path, "route", "x", "--history", "bad.json"))
    assert "half.json: is not JSON" in refused(run(tmp_path, "route", "x", "--history", "half.json"))
    assert "holds 2 conversations" in refused(run(tmp_path, "route", "x", "--history", "many.jsonl"))
    assert "no.json: cannot be read" in refused(run(tmp_path, "route", "x", "--history", "no.json"))
    assert "tools[0].function.name" in refused(run(tmp_path, "route", "x", "--tools", "tools.json"))
    assert "the text is empty" in refused(run(tmp_path, "route", "  "))
    assert "nothing to route" in refused(run(tmp_path, "route"))
    assert "--channel 'fax'" in refused(run(tmp_path, "route", "x", "--channel", "fax"))
    assert "No model 'gpt-9'" in refused(run(tmp_path, "route", "x", "--model", "gpt-9"))
    assert "none.yaml: no such file" in refused(run(tmp_path, "route", "x", "--policy", "none.yaml"))


def test_init_writes_a_policy_that_check_and_route_use(tmp_path: Path) -> None:
    done = run(tmp_path, "init", "--template", "two-tier", "--provider", "anthropic")
    assert done.returncode == 0, done.stderr
    assert "ANTHROPIC_API_KEY" in done.stderr
    again = refused(run(tmp_path, "init"))
    assert "pointsman.yaml is there already; --force" in again
    assert json.loads(run(tmp_path, "route", "zxcv", "--json").stdout)["route"] == "complex"
    checked = run(tmp_path, "check")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("pointsman.yaml is valid (")
    assert "not-simple" in checked.stdout


def test_init_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    assert "no template 'rubrik'" in refused(run(tmp_path, "init", "--template", "rubrik"))
    assert "no line-up 'azure'" in refused(run(tmp_path, "init", "--provider", "azure"))
    assert "cannot be written" in refused(run(tmp_path, "init", "--output", "no/such/folder.yaml"))


def test_check_counts_rules_on_given_conversations_and_fails_on_warnings_when_asked(tmp_path: Path) -> None:
    talk = [*HISTORY, {"role": "user", "content": "This is ridiculous, the worst service ever!"}]
    (tmp_path / "talks.jsonl").write_text(json.dumps({"id": "a", "messages": talk}) + "\n{broken\n")
    done = run(tmp_path, "check", "--on", "talks.jsonl", "--json", "--strict")
    found = json.loads(done.stdout)
    assert found["turns"] == 2
    assert {rule["name"]: rule["matched"] for rule in found["rules"]}["upset"] == 1
    assert "line 2 left out" in done.stderr
    assert done.returncode == (1 if found["warnings"] else 0)


def test_a_broken_policy_is_refused_with_line_and_field(tmp_path: Path) -> None:
    (tmp_path / "pointsman.yaml").write_text("version: 1\nproviders: {openai: {host: opnai}}\n")
    text = refused(run(tmp_path, "check"))
    assert "pointsman.yaml:2: providers.openai.host: must be 'anthropic'" in text
    assert "did you mean 'openai'?" in text


def test_the_schema_is_json_and_fits_what_init_writes(tmp_path: Path) -> None:
    schema = json.loads(run(tmp_path, "schema", "policy").stdout)
    written = run(tmp_path, "init", "--output", "-", "--template", "voice").stdout
    jsonschema.validate(yaml.safe_load(written), schema)
    assert "no schema for 'polcy'" in refused(run(tmp_path, "schema", "polcy"))
