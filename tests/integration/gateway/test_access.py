"""Client keys: who is let in, what each key may use, and what a stranger is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.store.keys import create_key, revoke_key
from support.gateway import GatewayUnderTest, gateway
from support.process import serve
from support.wire import Client, eventually

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
MINI, HAIKU = "openai/gpt-5-mini", "anthropic/claude-haiku-4-5"
UNKNOWN = "pm_live_aaaaaaaaaa_" + "x" * 43


def body(model: str = "auto") -> Any:
    return {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": "When are you open?"}]}


class Guarded:
    """A gateway that asks for keys, and some keys."""

    def __init__(self, running: GatewayUnderTest) -> None:
        self.running = running
        store = running.router.store
        self.id, self.secret = create_key(store, "bot")
        self.narrow = create_key(store, "narrow", models=(MINI,))[1]
        self.old = create_key(store, "old")
        revoke_key(store, self.old[0])
        eventually(lambda: self.post(self.secret).status == 200)  # keys are looked up anew within a second

    def post(self, secret: str, model: str = "auto", path: str = OPENAI) -> Any:
        with Client(self.running.port) as client:
            return client.post(path, body(model), authorization=f"Bearer {secret}")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with gateway(tmp_path_factory.mktemp("keys") / "t.db", keys=True) as running:
        yield Guarded(running)


def send(guarded: Guarded, path: str = OPENAI, **headers: str) -> Any:
    with Client(guarded.running.port) as client:
        return client.post(path, body(), **headers)


def test_a_store_that_is_none_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_bytes(b"garbage" * 1000)
    command = [sys.executable, "-m", "pointsman", "serve", "--port", "0", "--emulated", "--store", "sqlite:///t.db"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=20, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "error: store t.db: it is not a SQLite database. Name another file with --store.\n"


def test_either_header_will_do(guarded: Guarded) -> None:
    for headers in (
        {"authorization": f"Bearer {guarded.secret}"},
        {"Authorization": f"bearer  {guarded.secret} "},
        {"x_api_key": guarded.secret},
        {"x_api_key": "left over from another tool", "authorization": f"Bearer {guarded.secret}"},
        {"x_api_key": guarded.secret, "authorization": "Bearer left-over"},
    ):
        for path in (OPENAI, ANTHROPIC):
            answer = send(guarded, path, **headers)
            assert answer.status == 200, headers
            assert guarded.running.turn(answer.headers["x-pointsman-decision-id"]).key_id == guarded.id


def test_nobody_else_is_let_in_and_all_are_told_the_same(guarded: Guarded) -> None:
    before = len(guarded.running.turns())
    wrong = [
        {"authorization": f"Bearer {UNKNOWN}"},
        {"authorization": f"Bearer {guarded.secret[:-1]}"},
        {"authorization": f"Bearer {guarded.secret}x"},
        {"authorization": f"Bearer {guarded.old[1]}"},
        {"x_api_key": "\xff\xfe\x80"},
        {"x_api_key": "k" * 60_000},
    ]
    missing: list[dict[str, str]] = [
        {},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {guarded.secret}"},
        {"authorization": guarded.secret},
        {"x_api_key": "  "},
    ]
    for group in (wrong, missing):
        for path, error_type in ((OPENAI, "invalid_request_error"), (ANTHROPIC, "authentication_error")):
            answers = [send(guarded, path, **headers) for headers in group]
            assert {answer.status for answer in answers} == {401}
            assert {answer.json["error"]["type"] for answer in answers} == {error_type}
            assert len({answer.json["error"]["message"] for answer in answers}) == 1
            assert {answer.headers["x-should-retry"] for answer in answers} == {"false"}
    assert len(guarded.running.turns()) == before


def test_the_sdks_raise_their_own_error(guarded: Guarded) -> None:
    url = guarded.running.base_url
    with (
        openai.OpenAI(api_key=UNKNOWN, base_url=f"{url}/v1", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "hi"}])
    with (
        anthropic.Anthropic(api_key=UNKNOWN, base_url=url, max_retries=0) as other,
        pytest.raises(anthropic.AuthenticationError),
    ):
        other.messages.create(model="auto", max_tokens=9, messages=[{"role": "user", "content": "hi"}])


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/auto"])
def test_lists_ask_for_a_key_and_health_does_not(guarded: Guarded, path: str) -> None:
    with Client(guarded.running.port) as client:
        for asked, expected in ((path, 401), ("/healthz", 200), ("/readyz", 200)):
            client.send(f"GET {asked} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert client.answer().status == expected


def test_counting_asks_for_a_key(guarded: Guarded) -> None:
    assert send(guarded, "/v1/messages/count_tokens").status == 401


def test_counting_asks_only_models_the_key_may_use(guarded: Guarded) -> None:
    count = f"{ANTHROPIC}/count_tokens"
    assert guarded.post(guarded.secret, HAIKU, count).status == 200
    refused = guarded.post(guarded.narrow, HAIKU, count)
    assert refused.status == 400
    assert "allow-list" in refused.json["error"]["message"]
    counted = guarded.post(guarded.narrow, path=count)
    assert (counted.status, counted.headers["x-pointsman-estimated"]) == (200, "1")


def test_a_key_reaches_only_its_models(guarded: Guarded) -> None:
    assert guarded.post(guarded.narrow, MINI).status == 200
    routed = guarded.post(guarded.narrow)
    assert (routed.status, routed.headers["x-pointsman-model"]) == (200, MINI)
    refused = guarded.post(guarded.narrow, HAIKU)
    assert refused.status == 400
    assert "allow-list" in refused.json["error"]["message"]
    record = guarded.running.turn(refused.headers["x-pointsman-decision-id"])
    assert (record.status, record.error_code) == ("error", "no_eligible_model")
    assert (record.decision.route, record.decision.tier, record.decision.model) == ("none", "none", "none")
    assert [item.constraint for item in record.decision.excluded] == ["allow_list"]
    with openai.OpenAI(api_key=guarded.narrow, base_url=guarded.running.openai_url, max_retries=0) as client:
        assert {model.id for model in client.models.list()} == {"auto", MINI}


def test_a_key_revoked_while_running_stops_working(guarded: Guarded) -> None:
    key_id, secret = create_key(guarded.running.router.store, "short-lived")
    eventually(lambda: guarded.post(secret).status == 200)
    revoke_key(guarded.running.router.store, key_id)
    eventually(lambda: guarded.post(secret).status == 401)


def test_serve_asks_for_keys_by_default(tmp_path: Path) -> None:
    with serve("--emulated", cwd=tmp_path) as served, Client(int(served.url.rpartition(":")[2])) as client:
        assert client.post(OPENAI, body()).status == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104 - the point of the test
def test_no_auth_is_for_loopback_only(tmp_path: Path, host: str) -> None:
    command = [sys.executable, "-m", "pointsman", "serve", "--no-auth", "--emulated", "--host", host, "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 2
    assert "loopback" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3
    assert not list(tmp_path.iterdir())
