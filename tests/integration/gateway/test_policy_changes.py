"""A running gateway whose policy file is changed under it, and whose trials are ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pointsman.domain.record import TurnRecord
from pointsman.monitoring.canary import CanaryWatch
from pointsman.routing.canaries import trial_id
from pointsman.routing.policy import load_policy
from pointsman.server.policy_watch import PolicyWatch, build
from pointsman.store.promotions import Promotions
from support.gateway import POLICY, GatewayUnderTest, gateway
from support.routed import HAIKU, MINI, ask

CANARY = f"\ncanaries:\n  mini: {{replaces: {HAIKU}, model: {MINI}, share: 0.5, rollback_on: [tool-call-success]}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pointsman.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def running(file: Path, tmp_path: Path) -> Iterator[GatewayUnderTest]:
    with gateway(tmp_path / "t.db", chosen=load_policy(file)) as one:
        yield one


def look(running: GatewayUnderTest, watch: PolicyWatch | CanaryWatch) -> None:
    asyncio.run_coroutine_threadsafe(watch.look(), running._loop).result(5)


def watch_of(running: GatewayUnderTest) -> PolicyWatch:
    watch = build(running.router)
    assert watch is not None
    return watch


def answered(running: GatewayUnderTest, *conversations: str) -> list[TurnRecord]:
    for name in conversations:
        ask(running, "openai", "Hello", extra_headers={"x-pointsman-conversation": name})
    return running.turns()[-len(conversations) :]


def test_the_next_turn_goes_by_the_changed_file(running: GatewayUnderTest, file: Path) -> None:
    (before,) = answered(running, "a")
    file.write_text(POLICY.replace(f"[{HAIKU}, {MINI}]", f"[{MINI}]"))
    look(running, watch_of(running))
    (after,) = answered(running, "b")
    assert (before.decision.model, after.decision.model) == (HAIKU, MINI)
    assert before.decision.policy != after.decision.policy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("routes:", "rutes:"), "rutes"),
        (lambda text: text.replace("total_s: 10", "total_s: 11"), "deadlines needs a restart"),
        (lambda text: text.replace("gpt-5-mini", "gpt-5-mino"), "gpt-5-mino"),
    ],
)
def test_a_file_that_cannot_be_taken_changes_nothing_and_says_why(
    running: GatewayUnderTest, file: Path, change: Callable[[str], str], said: str, caplog: Any
) -> None:
    version, watch = running.router.policy.version, watch_of(running)
    file.write_text(change(POLICY))
    look(running, watch)
    assert answered(running, "a")[0].decision.policy == version
    assert said in (running.router.policy_waits or "")
    assert said in caplog.text
    file.write_text(POLICY + "# mended\n")
    look(running, watch)
    assert running.router.policy_waits is None


def test_a_trial_ends_when_a_monitor_fires_for_its_model(running: GatewayUnderTest, file: Path) -> None:
    file.write_text(POLICY + CANARY)
    look(running, watch_of(running))
    names = [f"c{n}" for n in range(12)]
    assert {record.decision.model for record in answered(running, *names)} == {HAIKU, MINI}

    def firing(monitor: str, model: str) -> tuple[str, str] | None:
        return ("inc_1", "tool calls fail: 41 of 60") if (monitor, model) == ("tool-call-success", MINI) else None

    look(running, CanaryWatch(running.router.store, lambda: running.router.routing, firing))
    assert {record.decision.model for record in answered(running, *names)} == {HAIKU}
    change = Promotions(running.router.store).trials()[trial_id("mini", running.router.policy.canaries["mini"])]
    assert (change.action, change.actor, change.incident) == ("stop", "monitor:tool-call-success", "inc_1")
