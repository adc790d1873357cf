"""Several keys of one provider: calls go round, a key that is limited or refused rests, and no key shows anywhere."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openai
import pytest

from pointsman.app import build_router
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Fault, Rule, Script, When
from pointsman.emulator.serving import serve_in_thread
from pointsman.routing.policy import parse_policy
from support.gateway import GatewayUnderTest

ASK: Any = [{"role": "user", "content": "What are your opening hours?"}]
ENVIRON = {"KEY_A": "key-aaaa-1111", "KEY_B": "key-bbbb-2222", "KEY_C": "key-cccc-3333"}


@contextlib.contextmanager
def gateway_with_keys(store: Path, script: Script, environ: dict[str, str]) -> Iterator[GatewayUnderTest]:
    with serve_in_thread(Emulator(script)) as emulator:
        text = f"""
version: 1
providers:
  openai: {{host: openai, base_url: "{emulator.base_url}/v1", api_key_env: [KEY_A, KEY_B, KEY_C]}}
tiers: {{small: [openai/gpt-5-mini]}}
routes: {{direct: {{tiers: [small]}}}}
default_route: direct
"""
        router = build_router(parse_policy(text, "t.yaml"), store=f"sqlite:///{store}", environ=environ)
        with GatewayUnderTest(router, emulator) as running:
            yield running


def ask(running: GatewayUnderTest, times: int) -> None:
    with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0, timeout=20) as client:
        for _ in range(times):
            assert client.chat.completions.create(model="auto", messages=ASK).choices


def keys_seen(running: GatewayUnderTest) -> Counter[str]:
    assert running.emulator is not None
    return Counter(seen.headers["authorization"].removeprefix("Bearer ") for seen in running.emulator.requests)


def limited(key: str, **fault: Any) -> Rule:
    return Rule(when=When(header={"authorization": f"*{key}"}), fault=Fault(**({"kind": "status"} | fault)))


def test_calls_go_round(tmp_path: Path) -> None:
    with gateway_with_keys(tmp_path / "t.db", Script(), ENVIRON) as running:
        ask(running, 9)
        assert keys_seen(running) == Counter(dict.fromkeys(ENVIRON.values(), 3))


@pytest.mark.parametrize("fault", [{"status": 429, "retry_after_s": 100}, {"status": 401}])
def test_a_limited_or_refused_key_rests_and_the_call_goes_on_with_another(
    tmp_path: Path, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    script = Script(rules=(limited(ENVIRON["KEY_A"], **fault),))
    with caplog.at_level(logging.DEBUG), gateway_with_keys(tmp_path / "t.db", script, ENVIRON) as running:
        ask(running, 9)
        assert keys_seen(running)[ENVIRON["KEY_A"]] == 1
        assert [len(turn.steps) for turn in running.turns()].count(2) == 1
        said = caplog.text + repr(running.turns()) + repr(running.router.engine.dispatch)
    assert not any(key in said for key in ENVIRON.values())


def test_a_key_that_is_not_set_is_told_and_the_others_serve(tmp_path: Path) -> None:
    two = {name: key for name, key in ENVIRON.items() if name != "KEY_B"}
    with gateway_with_keys(tmp_path / "t.db", Script(), two) as running:
        ask(running, 4)
        assert set(keys_seen(running)) == set(two.values())
        assert any("openai goes without KEY_B" in note for note in running.router.warnings(date(2026, 11, 22)))


def test_when_every_key_is_limited_the_client_is_told_to_wait(tmp_path: Path) -> None:
    script = Script(rules=tuple(limited(key, status=429, retry_after_s=100) for key in ENVIRON.values()))
    with gateway_with_keys(tmp_path / "t.db", script, ENVIRON) as running:
        for _ in range(3):
            with pytest.raises(openai.RateLimitError) as caught:
                ask(running, 1)
            assert int(caught.value.response.headers["retry-after"]) > 90
