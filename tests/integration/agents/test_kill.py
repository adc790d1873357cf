"""kill -9 in the middle of a run: the gateway comes back, the client asks again, and no write is made twice."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
from pathlib import Path

import pytest

from pointsman.emulator.script import Rule, SaidCall, Say
from pointsman.store import open_store
from pointsman.store.agent_runs import AgentRuns
from support.agents import POLICY, emulated, says
from support.process import Served, serve

TOOLS = """\
    tools:
      transfer:
        python: killable.py:transfer
        parameters: {type: object, properties: {account: {type: string}}, required: [account]}
      look_up:
        python: killable.py:look_up
        parameters: {type: object, properties: {account: {type: string}}, required: [account]}
      pay:
        python: killable.py:pay
        parameters: {type: object, properties: {account: {type: string}}, required: [account]}
    writes: [transfer, pay]
"""


def policy(folder: Path, address: str, more: str = "") -> Path:
    path = folder / "pointsman.yaml"
    text = POLICY.replace("{host: anthropic}", f"{{host: anthropic, base_url: {address}}}")
    path.write_text(text + TOOLS + more)
    (folder / "killable.py").write_text((Path(__file__).parents[2] / "support" / "killable.py").read_text())
    return path


def post(served: Served, text: str) -> tuple[int, dict[str, object]]:
    host = served.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    body = {"model": "agent/clerk", "messages": [{"role": "user", "content": text}]}
    headers = {"content-type": "application/json", "x-pointsman-conversation-id": "c1"}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def post_quietly(served: Served, text: str) -> None:
    # The gateway is killed meanwhile: what this test is about.
    with contextlib.suppress(OSError, http.client.HTTPException):
        post(served, text)


def wait_for(effects: Path, lines: int) -> None:
    for _ in range(1000):
        if effects.exists() and len(effects.read_text().splitlines()) >= lines:
            return
        time.sleep(0.01)
    raise AssertionError("the tool was never called")


def killed_and_asked_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rules: tuple[Rule, ...], more: str = "", *, lines: int
) -> tuple[list[str], str]:
    """Kill the gateway once ``lines`` effects are there, ask again, and return all effects and the reply."""
    effects = folder / "effects.txt"
    monkeypatch.setenv("POINTSMAN_TEST_EFFECTS", str(effects))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    (folder / "hang").touch()
    with emulated(*rules) as handle:
        path = policy(folder, handle.base_url, more)
        arguments = ("--policy", str(path), "--no-auth", "--store", f"sqlite:///{folder}/s.db")
        with serve(*arguments, cwd=folder) as first:
            asking = threading.Thread(target=post_quietly, args=(first, "Please pay"))
            asking.start()
            wait_for(effects, lines)
            first.kill()
            asking.join(20)
        (folder / "hang").unlink()
        with serve(*arguments, cwd=folder) as second:
            status, reply = post(second, "Please pay")
    assert status == 200, reply
    text = reply["choices"][0]["message"]["content"]  # type: ignore[index]
    return effects.read_text().splitlines(), text


def test_a_write_that_was_under_way_is_reported_unknown_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (
        says("", ("transfer", {"account": "quick"}), results=False),
        says("", ("transfer", {"account": "slow"}), results=True, call=1),
        says("Uncertain.", results=True),
    )
    effects, text = killed_and_asked_again(tmp_path, monkeypatch, rules, lines=2)
    assert [line.split()[0] for line in effects] == ["quick", "slow"]
    assert text == "Uncertain."
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        runs = AgentRuns(store)
        (run,) = runs.newest()
        assert [call.state for call in runs.calls(run.id)] == ["done", "unknown"]
        assert run.state == "done"


def test_a_write_that_may_be_repeated_is_repeated_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (says("", ("transfer", {"account": "slow"}), results=False), says("Paid.", results=True))
    effects, text = killed_and_asked_again(tmp_path, monkeypatch, rules, "    idempotent: [transfer]\n", lines=1)
    assert text == "Paid."
    assert len(effects) == 2
    assert len({line.split()[1] for line in effects}) == 1


def test_a_read_is_simply_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (says("", ("look_up", {"account": "slow"}), results=False), says("Found.", results=True))
    effects, text = killed_and_asked_again(tmp_path, monkeypatch, rules, lines=1)
    assert effects == ["looked slow", "looked slow"]
    assert text == "Found."


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_wherever_it_is_killed_each_write_is_done_once_or_reported_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    effects = tmp_path / "effects.txt"
    monkeypatch.setenv("POINTSMAN_TEST_EFFECTS", str(effects))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    steps = [
        Rule(reply=Say(calls=tuple(SaidCall("pay", {"account": f"{step}-{n}"}) for n in range(3))), times=1)
        for step in range(6)
    ]
    with emulated(*steps, says("All paid.")) as handle:
        arguments = ("--policy", str(policy(tmp_path, handle.base_url)), "--no-auth")
        store = f"sqlite:///{tmp_path}/s.db"
        for _ in range(3):
            with serve(*arguments, "--store", store, cwd=tmp_path) as served:
                asking = threading.Thread(target=post_quietly, args=(served, "Please pay"))
                asking.start()
                asking.join(chance.uniform(0.05, 0.6))
                served.kill()
                asking.join(20)
        with serve(*arguments, "--store", store, cwd=tmp_path) as served:
            status, reply = post(served, "Please pay")
    assert status == 200, reply
    done = effects.read_text().split()
    with open_store(store) as opened:
        runs = AgentRuns(opened)
        calls = [call for run in runs.newest() for call in runs.calls(run.id)]
    by_state = {
        state: {json.loads(call.arguments)["account"] for call in calls if call.state == state}
        for state in ("done", "unknown")
    }
    assert len(done) == len(set(done))
    assert by_state["done"] <= set(done) <= by_state["done"] | by_state["unknown"]
