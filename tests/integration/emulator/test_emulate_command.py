"""``pointsman emulate`` as a user starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import openai
import pytest

COMMAND = [sys.executable, "-m", "pointsman", "emulate"]


def test_it_prints_base_urls_then_a_line_per_request(tmp_path: Path) -> None:
    script = tmp_path / "s.yaml"
    script.write_text("rules:\n- {name: hello, reply: {text: Hello}}\n")
    arguments = [*COMMAND, "--port", "0", "--script", str(script), "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        started = json.loads(process.stdout.readline())
        with openai.OpenAI(api_key="k", base_url=started["env"]["OPENAI_BASE_URL"], max_retries=0) as client:
            reply = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
        line = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == ""
    assert reply.choices[0].message.content == "Hello"
    assert (line["status"], line["rule"], line["outcome"]) == (200, "hello", "answered")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "192.0.2.7"], "add --allow-remote"),
        (["--script", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ],
)
def test_bad_input_is_one_error_and_exit_code_2(arguments: list[str], words: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
