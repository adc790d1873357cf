"""A shadow model that never answers costs no customer anything."""

from __future__ import annotations

import asyncio
import threading
import time
from decimal import Decimal
from pathlib import Path

from pointsman.emulator.script import Fault, Rule, Say, Script, When
from pointsman.store import open_store
from pointsman.store.shadow import Shadows
from support.gateway import GatewayUnderTest, gateway, policy
from support.routed import ask
from support.shadows import make

SHADOW = "default_route: direct\nshadow: {everyone: 1.0, at_once: 4}"


def until_asked(running: GatewayUnderTest) -> None:
    assert running.emulator is not None
    ends = time.monotonic() + 20
    while not any("claude-opus" in str(seen.body) for seen in running.emulator.requests):
        assert time.monotonic() < ends, "the shadow model was never asked"
        threading.Event().wait(0.01)


def test_a_hanging_shadow_delays_no_turn(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with open_store(f"sqlite:///{path}") as store:
        asyncio.run(Shadows(store).begin(0))
        for n in range(4):
            store.append_sync(make(n, cost=Decimal(100), at_us=time.time_ns() // 1000))
    hang = Rule(when=When(model="claude-opus-4-8"), fault=Fault(kind="stall"))
    script = Script(rules=(hang, Rule(reply=Say(text="Hello."))))
    with gateway(path, script, policy(**{"default_route: direct": SHADOW})) as running:
        until_asked(running)
        for _ in range(5):
            assert ask(running, "openai") == "Hello."
        rows = Shadows(running.router.store).under_way()
        assert rows, "the customers were answered while the shadow model said nothing"
        # The flagship is not set aside for customers because it does not answer shadows.
        guard = running.router.engine.dispatch.guard
        assert guard is not None
        assert guard.unhealthy({}) == {}
