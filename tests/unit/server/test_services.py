from __future__ import annotations

import asyncio
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

from pointsman.server.services import Services


class _Flaky:
    name = "flaky"

    def __init__(self) -> None:
        self.begun = 0
        self.settled = asyncio.Event()

    async def run(self) -> None:
        self.begun += 1
        if self.begun < 3:
            raise RuntimeError("the disk is full")
        self.settled.set()
        await asyncio.Event().wait()


def _module(monkeypatch: pytest.MonkeyPatch, name: str, build: Any) -> str:
    module = ModuleType(name)
    module.build = build  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)
    return name


async def _started(services: Services, ready: asyncio.Event) -> None:
    services.start()
    await asyncio.wait_for(ready.wait(), 5)


def test_a_service_that_fails_begins_again_later_each_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> tuple[int, list[float]]:
        flaky, pauses = _Flaky(), []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        module = _module(monkeypatch, "made_up_flaky", lambda router: flaky)
        services = Services(None, (module,), pause, later_s=0)  # type: ignore[arg-type]
        await _started(services, flaky.settled)
        await services.aclose()
        return flaky.begun, pauses

    begun, pauses = asyncio.run(scenario())
    assert begun == 3
    assert pauses == [1.0, 2.0]
    assert "made_up_flaky failed" in caplog.text


def test_what_the_policy_does_not_ask_for_is_not_run_and_spoils_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        steady = _Flaky()
        steady.begun = 2
        modules = (
            _module(monkeypatch, "made_up_off", lambda router: None),
            _module(monkeypatch, "made_up_steady", lambda router: steady),
        )
        services = Services(None, modules, later_s=0)  # type: ignore[arg-type]
        await _started(services, steady.settled)
        await services.aclose()

    asyncio.run(scenario())


def test_services_are_built_after_what_waits_already_and_not_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> list[str]:
        told: list[str] = []
        steady = _Flaky()
        steady.begun = 2

        def build(_: Any) -> _Flaky:
            told.append(
                "built on the loop" if threading.current_thread() is threading.main_thread() else "built beside"
            )
            return steady

        services = Services(None, (_module(monkeypatch, "made_up_slow", build),), later_s=0)  # type: ignore[arg-type]
        services.start()
        await asyncio.sleep(0)
        told.append("answered")
        await asyncio.wait_for(steady.settled.wait(), 5)
        await services.aclose()
        return told

    assert asyncio.run(scenario()) == ["answered", "built beside"]
