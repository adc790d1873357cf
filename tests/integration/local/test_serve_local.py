"""``pointsman serve --local`` as a stranger starts it: it says what it is, is quiet otherwise, and ends when told."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from pointsman.catalog.book import Catalog
from pointsman.routing.policy import parse_policy
from pointsman.routing.templates import LINEUPS, TEMPLATES, render

pytestmark = pytest.mark.local_model

SERVE = [sys.executable, "-m", "pointsman", "serve", "--local", "--no-auth", "--port", "0"]


def test_serve_local_from_any_folder(demo_model: Path, tmp_path: Path) -> None:
    environ = os.environ | {"POINTSMAN_DEMO_MODEL": str(demo_model.resolve())}
    with subprocess.Popen(
        SERVE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environ
    ) as p:
        try:
            assert p.stderr is not None
            first = p.stderr.readline()
            found = re.search(r"http://\S+", first)
            assert found, first
            with openai.OpenAI(api_key="k", base_url=f"{found[0]}/v1", max_retries=0, timeout=50) as client:
                raw = client.chat.completions.with_raw_response.create(
                    model="auto", messages=[{"role": "user", "content": "Hello"}], max_tokens=3
                )
            assert raw.headers["x-pointsman-model"] == "local/smollm2-135m"
        finally:
            p.send_signal(signal.SIGTERM)
            said, more = p.communicate(timeout=30)
    assert "too small for customers" in first + more
    assert said == ""
    assert all(line.startswith("  ") for line in more.splitlines()), more
    assert p.returncode in {0, -signal.SIGTERM}
    assert (tmp_path / "pointsman.db").exists()


def test_a_missing_or_other_model_is_said_in_one_line(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF")
    for path, words in ((tmp_path / "none.gguf", "where no file is"), (other, "is not SmolLM2")):
        environ = os.environ | {"POINTSMAN_DEMO_MODEL": str(path), "COLUMNS": "300"}
        ended = subprocess.run(
            SERVE, capture_output=True, text=True, cwd=tmp_path, env=environ, timeout=30, check=False
        )
        assert ended.returncode == 2
        assert words in ended.stderr
        assert "make local" in ended.stderr
        assert len(ended.stderr.splitlines()) <= 3


def test_no_starter_policy_names_the_demo_model() -> None:
    catalog = Catalog.load(None)
    for template in TEMPLATES:
        for lineup in LINEUPS:
            named = parse_policy(render(template, lineup), template).models()
            assert not [model for model in named if catalog.get(model).demo], (template, lineup)


def test_local_model_says_whether_all_is_there(demo_model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pointsman", "local-model", "--json"]
    environ = os.environ | {"POINTSMAN_DEMO_MODEL": str(demo_model.resolve())}
    ended = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=30, check=False)
    assert ended.returncode == 0
    found = json.loads(ended.stdout)
    assert (found["demo"], found["context_tokens"]) == (True, 8192)
    environ["POINTSMAN_DEMO_MODEL"] = str(tmp_path / "none.gguf")
    ended = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "make local" in ended.stderr
