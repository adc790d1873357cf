"""kill -9 while shadow calls are on their way: none is made again, and none is lost unsaid."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

from pointsman.app import build_router
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Fault, Rule, Say, Script, When
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.monitoring.shadow.service import ShadowChecks
from pointsman.store import open_store
from pointsman.store.shadow import Shadows
from support.gateway import POLICY, policy
from support.shadows import AT_US, make

CHILD = """
import asyncio, sys
from pointsman.app import build_router
from pointsman.monitoring.shadow.service import ShadowChecks
async def work():
    async with build_router(sys.argv[1], store=sys.argv[2], simulate_at=sys.argv[3]) as router:
        checks = ShadowChecks(router, router.policy.shadow, now=lambda: float(sys.argv[4]))
        await checks.begin(from_first=True)
        await checks.once()
asyncio.run(work())
"""
TEXT = POLICY + "shadow: {everyone: 1.0, at_once: 3}\n"
NOW = AT_US / 1e6 + 3600


def asked(handle: Handle) -> int:
    return sum("claude-opus" in str(seen.body) for seen in handle.requests if seen.method == "POST")


def test_a_kill_while_calls_are_on_their_way(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 't.db'}"
    with open_store(url) as store:
        for n in range(6):
            store.append_sync(make(n, cost=Decimal(10)))
    chosen = policy(TEXT)
    (tmp_path / "p.yaml").write_text(TEXT)
    hang = Rule(when=When(model="claude-opus-4-8"), fault=Fault(kind="stall"), times=3)
    with serve_in_thread(Emulator(Script(rules=(hang, Rule(reply=Say(text="It ships on Monday.")))))) as handle:
        words = [sys.executable, "-c", CHILD, str(tmp_path / "p.yaml"), url, handle.base_url, str(NOW)]
        child = subprocess.Popen(words)
        ends = time.monotonic() + 30
        while asked(handle) < 3:
            assert time.monotonic() < ends
            assert child.poll() is None
            threading.Event().wait(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)

        async def again() -> None:
            async with build_router(chosen, store=url, simulate_at=handle.base_url) as router:
                assert router.policy.shadow is not None
                await ShadowChecks(router, router.policy.shadow, now=lambda: NOW).once()

        asyncio.run(again())
        assert asked(handle) == 6  # three by the process that was killed, three others after it
    with open_store(url, must_exist=True) as store:
        shadows = Shadows(store)
        rows = shadows.listed()
        money = shadows.money(0, 2**62)
    assert sorted(row.state for row in rows) == ["failed"] * 3 + ["judged"] * 3
    lost = [row for row in rows if row.state == "failed"]
    assert all("may have been paid" in (row.error_text or "") and row.lost_pico > 0 for row in lost)
    assert (money.held, money.lost) == (0, sum(row.lost_pico for row in lost))
