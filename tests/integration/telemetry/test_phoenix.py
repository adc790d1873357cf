"""Our traces in a receiver made by others: Phoenix shows the turn, the decision, the call, its tokens and its dollars.

Phoenix is installed by ``make phoenix-test`` alone (a few hundred megabytes, in a folder of its own).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.gateway import POLICY, gateway, policy
from support.wire import eventually

ROOT = Path(__file__).resolve().parents[3]
PHOENIX = ROOT / ".cache" / "phoenix" / "bin" / "phoenix"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not PHOENIX.exists(), reason="Phoenix is not installed: NOT checked against it; make phoenix-test"
    ),
]
COSTS = "{ projects { edges { node { name traceCount costSummary { total { cost tokens } } } } } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def phoenix(folder: Path) -> Iterator[str]:
    port = free_port()
    environ = os.environ | {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    url = f"http://127.0.0.1:{port}"
    with (folder / "phoenix.log").open("w") as log:
        process = subprocess.Popen([PHOENIX, "serve"], env=environ, stdout=log, stderr=log, cwd=folder)
        try:
            eventually(lambda: process.poll() is not None or answers(url), 120)
            assert process.poll() is None, (folder / "phoenix.log").read_text()
            yield url
        finally:
            process.terminate()
            process.wait(20)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except OSError:
        return False


def fetch(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.load(answer)


def picture(url: str, trace_id: str, project: str) -> str:
    """Return what the page of a trace says, and keep a picture of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{url}/projects/{project}/traces/{trace_id}", wait_until="domcontentloaded")
        page.get_by_text("chat claude-haiku-4-5").first.click(timeout=60_000)
        page.get_by_text("Total Cost").first.wait_for(timeout=60_000)
        page.screenshot(path=str(ROOT / ".cache" / "phoenix" / "trace.png"))
        text = page.inner_text("body")
        browser.close()
        return text


def test_phoenix_shows_tokens_and_dollars(tmp_path: Path) -> None:
    with phoenix(tmp_path) as url:
        text = f"{POLICY}\ntelemetry: {{endpoint: '{url}', metrics: false, content: redacted}}\n"
        with gateway(tmp_path / "s.db", chosen=policy(text)) as running:
            for n in range(3):
                said = {"model": "auto", "messages": [{"role": "user", "content": f"Refund {n}? I am zoe@example.com"}]}
                fetch(f"{running.openai_url}/chat/completions", said)
            costs = [turn.cost_usd for turn in running.turns()]
            spans = f"{url}/v1/projects/default/spans?limit=50"
            eventually(lambda: len(fetch(spans)["data"]) == 9, 60)
        found = fetch(spans)["data"]
        calls = [span for span in found if span["span_kind"] == "LLM"]
        assert {span["span_kind"] for span in found} == {"LLM", "DECISION", "CHAIN"}
        assert all(span["attributes"]["llm.token_count.total"] > 0 for span in calls)
        assert "zoe@" not in json.dumps(found)
        assert "[EMAIL_" in json.dumps(found)

        def counted() -> Any:
            (edge,) = fetch(f"{url}/graphql", {"query": COSTS})["data"]["projects"]["edges"]
            return edge["node"]

        eventually(lambda: counted()["costSummary"]["total"]["cost"], 60)
        total = counted()["costSummary"]["total"]
        assert total["tokens"] == sum(span["attributes"]["llm.token_count.total"] for span in calls)
        assert total["cost"] == pytest.approx(sum(float(cost) for cost in costs if cost is not None), rel=0.01)
        if CHROMIUM.exists():
            project = fetch(f"{url}/v1/projects")["data"][0]["id"]
            shown = picture(url, calls[0]["context"]["trace_id"], project)
            assert "Total Cost" in shown
            assert "decide direct" in shown
