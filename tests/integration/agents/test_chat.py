"""``pointsman chat`` and ``pointsman runs``, driven through pipes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.agents import POLICY

TOOLS = """\
    tools:
      refund: {python: "shop.py:refund"}
    approval: [refund]
"""
SCRIPT = """\
rules:
  - when: {contains: refund, results: false}
    times: 1
    reply: {calls: [{name: refund, arguments: {order: A1, cents: 500}}]}
  - when: {contains: break}
    fault: {kind: status, status: 400, message: "no"}
  - reply: {text: "All \\e[31mdone."}
"""
SHOP = '''\
def refund(order: str, cents: int) -> str:
    """Refund an order."""
    with open("refunds.txt", "a") as file:
        file.write(f"{order} {cents}\\n")
    return "refunded"
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pointsman.yaml").write_text(POLICY + TOOLS)
    (tmp_path / "script.yaml").write_text(SCRIPT)
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def pointsman(folder: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pointsman", *arguments]
    return subprocess.run(command, cwd=folder, input=said, capture_output=True, text=True, timeout=50, check=False)


def chat(folder: Path, said: str, *more: str) -> subprocess.CompletedProcess[str]:
    return pointsman(folder, "chat", "clerk", "--emulated", "--script", "script.yaml", *more, said=said)


def test_a_conversation_with_an_approval(folder: Path) -> None:
    first = chat(folder, "Please refund A1\n", "--conversation", "c1")
    assert first.returncode == 0, first.stderr
    assert "approval: Before I go on I need your approval: refund (order: A1, cents: 500)" in first.stdout
    assert not (folder / "refunds.txt").exists()
    second = chat(folder, "y\n", "--conversation", "c1")
    assert second.returncode == 0, second.stderr
    assert "< refunded" in second.stdout
    assert "\x1b" not in second.stdout
    assert (folder / "refunds.txt").read_text() == "A1 500\n"
    listed = json.loads(pointsman(folder, "runs", "--json").stdout)["runs"]
    assert [(run["agent"], run["state"]) for run in listed] == [("clerk", "done")]
    told = json.loads(pointsman(folder, "runs", listed[0]["id"][:10], "--json").stdout)
    assert told["calls"][0]["state"] == "done"
    assert told["total"]["tool_calls"] == 1
    shown = pointsman(folder, "runs", listed[0]["id"]).stdout
    assert shown.startswith("clerk: 2 model steps, 1 tool call, $")
    turn = pointsman(folder, "turn", told["steps"][-1]["turn_id"]).stdout
    assert "run_id=" in turn


def test_a_turn_that_fails_is_said_and_the_chat_goes_on(folder: Path) -> None:
    ended = chat(folder, "please break\nhello\n")
    assert ended.returncode == 1
    assert "error: provider_error" in ended.stderr
    assert "agent: All" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chat", "ghost"), "there is no agent 'ghost'; there are: clerk"),
        (("chat", "clerk", "--script", "script.yaml"), "add --emulated"),
        (("chat", "clerk", "--policy", "no.yaml"), "no.yaml: no such file"),
        (("runs", "nothing", "--store", "sqlite:///s.db"), "s.db"),
    ],
)
def test_wrong_input_is_one_sentence(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    ended = pointsman(folder, *arguments)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
