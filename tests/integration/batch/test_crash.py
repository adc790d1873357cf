"""kill -9 between the submission and its answer: the work is taken up again, and never paid twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pointsman.emulator.app import Emulator
from pointsman.emulator.script import BatchesSaid, Rule, Say, Script
from pointsman.emulator.serving import Handle, serve_in_thread
from support.gateway import POLICY
from support.wire import eventually

SUBMITS = {
    "anthropic/claude-haiku-4-5": "/messages/batches",
    "openai/gpt-5-mini": "/v1/batches",
    "google/gemini-2.5-flash": ":batchGenerateContent",
}
SAID = Script(rules=(Rule(reply=Say(text="done")),), batches=BatchesSaid(lose=1))


def command(folder: Path, handle: Handle, *args: str) -> subprocess.Popen[str]:
    """Start ``pointsman batch`` with a policy whose providers are all emulated."""
    text = POLICY
    for host, path in (("anthropic", ""), ("openai", "/v1"), ("google", "")):
        text = text.replace(f"{{host: {host}}}", f"{{host: {host}, base_url: '{handle.base_url}{path}'}}")
    (folder / "p.yaml").write_text(text)
    store = f"sqlite:///{folder / 't.db'}"
    environ = os.environ | {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k"}
    policy = [] if args[0] == "list" else ["--policy", str(folder / "p.yaml")]
    whole = [sys.executable, "-m", "pointsman", "batch", *args, *policy, "--store", store, "--json"]
    return subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def finished(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=40)
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.mark.parametrize("model", SUBMITS)
def test_a_batch_survives_kill_9_and_is_paid_once(tmp_path: Path, model: str) -> None:
    lines = [{"id": name, "messages": [{"role": "user", "content": f"hello {name}"}]} for name in "abc"]
    (tmp_path / "work.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    with serve_in_thread(Emulator(SAID)) as handle:

        def submissions() -> list[str]:
            return [
                seen.path for seen in handle.requests if seen.method == "POST" and seen.path.endswith(SUBMITS[model])
            ]

        with command(tmp_path, handle, "submit", str(tmp_path / "work.jsonl"), "--model", model) as process:
            eventually(submissions, 30)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        with command(tmp_path, handle, "list") as process:
            (known,) = finished(process)["batches"]
        assert known["parts"][0]["state"] == "submitting"
        with command(tmp_path, handle, "wait", known["id"], "--every", "0.05") as process:
            ended = finished(process)
        assert ended["items"] == {"ok": 3}
        assert len(submissions()) == 1
