"""Turns sent to a real receiver on a loopback port: all of them once, whatever the receiver answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pointsman.app import build_router
from pointsman.catalog.book import Catalog
from pointsman.emulator.serving import Handle
from pointsman.monitoring.telemetry.reader import CURSOR, TelemetryService
from pointsman.monitoring.telemetry.settings import Settings
from pointsman.monitoring.telemetry_service import build
from pointsman.store import Store, open_store
from pointsman.store.cursors import move_cursor, read_cursor
from support.agents import TOOLS, Ledger, agent, answer, ask, emulated, running, says
from support.gateway import POLICY, policy
from support.otlp import Receiver, flat, receiver
from support.records import HAIKU, a_turn
from support.wire import eventually

CATALOG = Catalog.load(None)


class _Idle(Exception):
    """The service has nothing to do for some seconds."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        opened.write_sync(partial(move_cursor, name=CURSOR, seq=0))
        yield opened


@pytest.fixture
def away() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def run(store: Store, away: Receiver, **settings: Any) -> float:
    """Run the service until it would wait; return for how long."""
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        raise _Idle

    known = {"traces": f"{away.base_url}/v1/traces", "metrics": None, **settings}
    with pytest.raises(_Idle):
        asyncio.run(TelemetryService(store, CATALOG, Settings(**known), pause).run())
    return waits[-1]


def test_every_turn_comes_once_with_its_calls_tokens_and_dollars(store: Store, away: Receiver) -> None:
    for n in range(1, 301):
        store.append_sync(a_turn(n, conversation_id=f"conv_{n}"))
    run(store, away, resource={"deployment.environment.name": "test"}, metrics=f"{away.base_url}/v1/metrics")
    assert len({span["ids"][1] for span in away.spans}) == len(away.spans) == 900
    (call,) = [span for span in away.named("chat") if span["flat"]["session.id"] == "conv_7"]
    assert (call["flat"]["llm.cost.total"], call["flat"]["llm.token_count.total"]) == (0.00071, 500)
    (turn,) = [span for span in away.named("invoke_workflow") if span["ids"][1] == call["ids"][2]]
    assert turn["flat"]["pointsman.turn.id"] == "turn_7"
    assert turn["resource"]["service.name"] == "pointsman"
    assert turn["resource"]["deployment.environment.name"] == "test"
    assert read_cursor(store, CURSOR) == 300
    duration = away.metrics["gen_ai.client.operation.duration"]["histogram"]["dataPoints"][0]
    assert (duration["count"], duration["explicitBounds"][-1]) == ("300", 81.92)
    tokens = away.metrics["gen_ai.client.token.usage"]["histogram"]["dataPoints"]
    assert {flat(one["attributes"])["gen_ai.token.type"]: one["sum"] for one in tokens} == {
        "input": 300 * 420,
        "output": 300 * 80,
    }
    chunk = away.metrics["gen_ai.client.operation.time_per_output_chunk"]["histogram"]["dataPoints"][0]
    assert chunk["sum"] == pytest.approx(300 * 0.430 / 43)
    assert flat(chunk["attributes"])["gen_ai.request.model"] == HAIKU.partition("/")[2]
    assert {"gen_ai.client.operation.time_to_first_chunk", "gen_ai.workflow.duration"} <= set(away.metrics)


def test_a_receiver_that_is_away_loses_nothing(store: Store, away: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    for n in range(1, 6):
        store.append_sync(a_turn(n))
    away.answers = [401]
    assert run(store, away) == 5
    assert read_cursor(store, CURSOR) == 0
    assert "5 turns wait for it" in caplog.text
    run(store, away)
    assert len(away.named("invoke_workflow")) == 5


def test_an_address_that_names_a_conversation_or_a_model_is_not_sent(store: Store, away: Receiver) -> None:
    store.append_sync(a_turn(1, conversation_id="zoe@example.com", requested_model="zoe@example.com"))
    run(store, away)
    assert away.named("chat")[0]["flat"]["session.id"].startswith("[EMAIL_")
    assert "zoe@" not in str(away.spans)


def test_a_turn_that_is_refused_holds_up_nobody(store: Store, away: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    for n in range(1, 10):
        store.append_sync(a_turn(n))
    away.refuse = "turn_5"
    run(store, away)
    sent = {span["flat"]["pointsman.turn.id"] for span in away.named("invoke_workflow")}
    assert sent == {f"turn_{n}" for n in range(1, 10)} - {"turn_5"}
    assert "refuses turn turn_5" in caplog.text
    assert read_cursor(store, CURSOR) == 9


def test_history_is_not_sent_and_nor_is_what_is_not_sampled(tmp_path: Path, away: Receiver) -> None:
    with open_store(f"sqlite:///{tmp_path}/new.db") as store:
        store.append_sync(a_turn(1))
        run(store, away)
        store.append_sync(a_turn(2))
        store.append_sync(a_turn(3, status="error", error_code="overloaded"))
        store.append_sync(a_turn(4, dialect="otlp"))
        run(store, away, share=0.0)
    assert [span["flat"]["pointsman.turn.id"] for span in away.named("invoke_workflow")] == ["turn_3"]
    assert away.named("invoke_workflow")[0]["status"]["code"] == "STATUS_CODE_ERROR"


def test_turns_that_came_while_it_was_put_together_are_sent(tmp_path: Path, away: Receiver) -> None:
    section = f"{POLICY}\ntelemetry: {{endpoint: '{away.base_url}', metrics: false}}\n"
    router = build_router(policy(section), store=f"sqlite:///{tmp_path}/s.db")
    service = build(router, {})
    assert service is not None
    router.store.append_sync(a_turn(1))

    async def until_sent() -> None:
        task = asyncio.create_task(service.run())
        await asyncio.to_thread(eventually, lambda: away.named("invoke_workflow") or task.done())
        task.cancel()
        await router.aclose()

    asyncio.run(until_sent())
    assert len(away.named("invoke_workflow")) == 1


def test_the_run_of_an_agent_is_one_trace_with_its_tools(tmp_path: Path, away: Receiver) -> None:
    path = tmp_path / "agent.db"

    async def run_it(handle: Handle) -> None:
        async with running(path, handle, agent(TOOLS), Ledger()) as router:
            await router.store.write(partial(move_cursor, name=CURSOR, seq=0))
            await answer(router, ask("Where is A7?"))

    with emulated(
        says("", ("look_up", {"order": "A7"}), results=False), says("It was shipped.", results=True)
    ) as handle:
        asyncio.run(run_it(handle))
    with open_store(f"sqlite:///{path}") as store:
        run(store, away)
    assert len({span["ids"][0] for span in away.spans}) == 1
    asked, _ = sorted(away.named("invoke_agent clerk"), key=lambda span: int(span["startTimeUnixNano"]))
    (tool,) = away.named("execute_tool look_up")
    assert tool["ids"][2] == asked["ids"][1]
    assert int(tool["startTimeUnixNano"]) >= int(asked["startTimeUnixNano"])
    assert tool["flat"]["pointsman.tool.state"] == "done"
    assert "A7" not in str(away.spans)


def test_redacted_content_makes_no_key_beside_a_store_that_is_not_redacted(store: Store, away: Receiver) -> None:
    said = (("params", b"{}"), ("message", b'{"role":"user","content":"I am zoe@example.com"}'))
    store.append_sync(a_turn(1, request=said))
    run(store, away, content=True)
    (turn,) = away.named("invoke_workflow")
    assert turn["flat"]["input.value"].startswith("I am [EMAIL_")
    assert not Path(f"{store.path}.redaction-key").exists()
