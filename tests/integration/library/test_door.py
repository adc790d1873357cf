from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pointsman import Pointsman, PointsmanError, SyncPointsman, TextDelta, ToolCall
from pointsman.domain.reply import ReplyEnd
from pointsman.emulator.script import Fault, Pace, Rule, SaidCall, Say, Script, When
from pointsman.errors import NotFound, PolicyError, StoreError, UsageError
from pointsman.routing.templates import render
from pointsman.store import open_store
from pointsman.store.agent_runs import AgentRuns

SCRIPT = Script(
    rules=(
        Rule(when=When(contains="slowly"), pace=Pace(ttft_ms=60_000)),
        Rule(
            when=When(contains="breaks"),
            reply=Say(text="one two three four " * 9),
            fault=Fault(kind="cut", after_deltas=1),
        ),
        Rule(when=When(contains="order"), reply=Say(calls=(SaidCall(name="get_order", arguments={"order_id": "7"}),))),
        Rule(reply=Say(text="one two three four five six seven eight nine ten")),
    )
)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'turns.db'}"


@pytest.fixture
def door(store: str) -> Pointsman:
    return Pointsman.from_policy(store=store, emulated=True, script=SCRIPT)


@pytest.fixture
def pm(door: Pointsman) -> Iterator[SyncPointsman]:
    with door.sync() as opened:
        yield opened


def statuses(store: str) -> list[str]:
    with open_store(store) as kept:
        return [row.status for row in reversed(kept.turns(limit=100))]


def our_threads() -> set[threading.Thread]:
    """The threads of ours that run now, those of other tests in this worker included."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("pointsman")}


def test_a_result_carries_reply_decision_cost_and_record(pm: SyncPointsman) -> None:
    result = pm.turn("Hello")
    assert result.text == "one two three four five six seven eight nine ten"
    assert result.tool_calls == ()
    assert result.decision.route == "direct"
    assert result.cost_usd is not None
    assert result.cost_usd > 0
    assert result.record.simulated
    assert result.messages == (
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "one two three four five six seven eight nine ten"},
    )


def test_the_conversation_goes_on_from_the_result(pm: SyncPointsman) -> None:
    first = pm.turn("Where is my order?", tools=[{"type": "function", "function": {"name": "get_order"}}])
    (call,) = first.tool_calls
    answer = {"role": "tool", "tool_call_id": call.id, "content": "in transit"}
    second = pm.turn([answer], history=first.messages, tools=[{"type": "function", "function": {"name": "get_order"}}])
    roles = [message["role"] for message in second.messages if isinstance(message, dict)]
    assert roles == ["user", "assistant", "tool", "assistant"]
    assert second.record.conversation_id == first.record.conversation_id


def test_a_stream_ends_after_its_record_is_durable(pm: SyncPointsman, store: str) -> None:
    seen: list[Any] = []
    for event in pm.stream("Hello"):
        seen.append(event)
        if isinstance(event, ReplyEnd):
            assert statuses(store) == ["ok"]
    text = "".join(event.text for event in seen if isinstance(event, TextDelta))
    assert text == "one two three four five six seven eight nine ten"
    assert isinstance(seen[-1], ReplyEnd)


def test_a_stream_left_early_is_cancelled_and_recorded(door: Pointsman, store: str) -> None:
    with door.sync() as pm:
        for event in pm.stream("Hello"):
            if isinstance(event, TextDelta):
                break
    assert statuses(store) == ["cancelled"]


def test_an_async_stream_left_open_is_cancelled_when_the_door_closes(door: Pointsman, store: str) -> None:
    async def run() -> None:
        async with door as pm:
            events = pm.stream("Hello")
            await anext(events)

    asyncio.run(run())
    assert statuses(store) == ["cancelled"]


def test_a_stream_that_breaks_raises_and_is_recorded_as_broken(pm: SyncPointsman, store: str) -> None:
    seen: list[Any] = []
    with pytest.raises(PointsmanError) as caught:
        seen.extend(pm.stream("it breaks"))
    assert not any(isinstance(event, ReplyEnd) for event in seen)
    assert caught.value.turn_id is not None
    assert statuses(store) == ["broken"]


def test_an_error_names_its_recorded_turn(pm: SyncPointsman) -> None:
    with pytest.raises(NotFound) as caught:
        pm.turn("Hello", model="nobody/knows")
    assert caught.value.turn_id is not None


def test_a_decision_alone_is_not_recorded(pm: SyncPointsman, store: str) -> None:
    assert pm.decide("This is a disgrace. I want to speak to a manager!").route == "plan"
    assert statuses(store) == []


def test_a_signal_of_ones_own_steers_a_rule(store: str) -> None:
    own = "signals:\n  loyalty: {level: [none, gold]}\nrules:\n  - name: gold\n    when: loyalty.level == 'gold'\n    pin: plan\n"
    (Path(store.removeprefix("sqlite:///")).parent / "p.yaml").write_text(render("rubric").replace("rules:\n", own, 1))
    door = Pointsman.from_policy(
        store.removeprefix("sqlite:///").replace("turns.db", "p.yaml"), store=store, emulated=True
    )

    @door.signal("loyalty")
    def loyalty(turn: Any, _session: Any) -> dict[str, str]:
        return {"level": "gold" if turn.metadata.get("user") == "ann" else "none"}

    with door.sync() as pm:
        assert pm.decide("Hello", user="ann").route == "plan"
        assert pm.decide("Hello", user="bob").route == "direct"


def test_a_tool_runs_and_its_trouble_is_told_to_the_model(door: Pointsman) -> None:
    @door.tool
    def get_order(order_id: str) -> str:
        return {"7": "in transit"}[order_id]

    with door.sync() as opened:

        def said(name: str, arguments: str) -> str:
            return str(opened.run_tool(ToolCall("c1", name, arguments))["content"])

        (call,) = opened.turn("Where is my order?", tools=[get_order]).tool_calls
        assert opened.run_tool(call) == {"role": "tool", "tool_call_id": call.id, "content": "in transit"}
        assert said("get_order", '{"order_id": 7}') == "error: order_id: Input should be a valid string"
        assert said("get_order", '{"order_id":').startswith("error: the arguments are not JSON")
        assert said("get_order", '{"order_id":"8"}') == "error: KeyError: '8'"
        assert said("nothing", "{}") == "error: no tool 'nothing'; there are: get_order"


def test_tools_and_signals_are_registered_before_the_first_turn(door: Pointsman) -> None:
    @door.tool(write=True, name="refund")
    def pay_back(order_id: str) -> str:
        """Refund an order."""
        return order_id

    assert pay_back("7") == "7"
    assert door.tools["refund"].writes
    with pytest.raises(UsageError, match="a tool called 'refund' is registered already"):
        door.tool(name="refund")(pay_back)
    with door.sync() as pm:
        assert "pay_back" not in pm.turn("Hello", tools=[pay_back]).record.request[1][1].decode()
        with pytest.raises(UsageError, match="register every tool before the first turn"):
            door.tool(pay_back)


def test_many_threads_share_one_sync_door(pm: SyncPointsman, store: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda n: pm.turn(f"Hello {n}").text, range(40)))
    assert texts == {"one two three four five six seven eight nine ten"}
    assert statuses(store) == ["ok"] * 40


def test_closing_leaves_no_thread_behind_and_ends_what_runs(door: Pointsman, store: str) -> None:
    before = our_threads()
    pm = door.sync().open()
    ended: list[BaseException] = []

    def ask() -> None:
        try:
            pm.turn("answer slowly")
        except UsageError as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    for event in pm.stream("Hello"):  # the slow turn is under way by now
        assert event is not None
    pm.close()
    pm.close()
    asking.join(10)
    assert [str(error) for error in ended] == ["this Pointsman was closed before the turn was finished"]
    assert our_threads() <= before
    assert sorted(statuses(store)) == ["cancelled", "ok"]


def test_a_door_can_be_opened_again(door: Pointsman) -> None:
    for _ in range(2):
        with door.sync() as pm:
            assert pm.turn("Hello").text


def test_the_sync_door_refuses_to_block_an_event_loop(pm: SyncPointsman, door: Pointsman) -> None:
    async def inside() -> None:
        with pytest.raises(UsageError, match="would block the event loop"):
            pm.turn("Hello")
        with pytest.raises(UsageError, match="would block the event loop"):
            next(iter(pm.stream("Hello")))
        with pytest.raises(UsageError, match="would block the event loop"):
            door.sync().open()

    asyncio.run(inside())
    assert pm.turn("Hello").text


def test_a_closed_door_says_so(door: Pointsman) -> None:
    for use in (
        lambda: door.decide("Hello"),
        lambda: door.sync().turn("Hello"),
        lambda: list(door.sync().stream("Hello")),
    ):
        with pytest.raises(UsageError, match="is not open"):
            use()


def test_what_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    before = our_threads()
    with pytest.raises(PolicyError, match="no such file"):
        Pointsman.from_policy(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="add emulated=True"):
        Pointsman.from_policy(script="x.yaml")
    with pytest.raises(StoreError):
        Pointsman.from_policy(store="oracle://x", emulated=True).sync().open()
    assert our_threads() <= before
    with (
        Pointsman.from_policy(store=f"sqlite:///{tmp_path / 't.db'}", emulated=True).sync() as pm,
        pytest.raises(UsageError, match="'temperature' is nothing a turn takes"),
    ):
        pm.turn("Hello", temperature=1)  # type: ignore[call-arg]


def test_an_agent_of_the_policy_uses_the_registered_tools(tmp_path: Path, store: str) -> None:
    agents = "agents:\n  care:\n    prompt: You help customers.\n    tools: {get_order: {}}\n"
    (tmp_path / "p.yaml").write_text(render("rubric") + agents)
    said = Script(
        rules=(
            Rule(
                when=When(results=False),
                reply=Say(calls=(SaidCall(name="get_order", arguments={"order_id": "7"}),)),
            ),
            Rule(reply=Say(text="It is on its way.")),
        )
    )
    door = Pointsman.from_policy(tmp_path / "p.yaml", store=store, emulated=True, script=said)
    asked: list[str] = []

    @door.tool
    def get_order(order_id: str) -> str:
        """Look up an order."""
        asked.append(order_id)
        return "in transit"

    with door.sync() as pm:
        result = pm.turn("Where is my order 7?", model="agent/care", conversation_id="c1")
        assert (result.text, asked) == ("It is on its way.", ["7"])
        assert result.cost_usd is not None
        events = list(pm.stream("And now?", model="agent/care", conversation_id="c2"))
        assert isinstance(events[-1], ReplyEnd)


def ask_until_closed(pm: SyncPointsman) -> None:
    while True:
        pm.decide("Hello")


def test_closing_waits_for_a_write_that_has_begun(tmp_path: Path, store: str) -> None:
    agents = "agents:\n  care:\n    prompt: You help customers.\n    tools: {pay: {}}\n"
    (tmp_path / "p.yaml").write_text(render("rubric") + agents)
    said = Script(rules=(Rule(reply=Say(calls=(SaidCall(name="pay", arguments={"account": "7"}),))),))
    door = Pointsman.from_policy(tmp_path / "p.yaml", store=store, emulated=True, script=said)
    begun, closing = threading.Event(), threading.Event()

    @door.tool(write=True)
    def pay(account: str) -> str:
        """Pay."""
        begun.set()
        closing.wait(10)
        return f"paid {account}"

    pm = door.sync().open()
    with ThreadPoolExecutor(2) as pool:
        turn = pool.submit(pm.turn, "Pay", model="agent/care", conversation_id="c1")
        begun.wait(10)
        closed = pool.submit(pm.close)
        with pytest.raises(UsageError):
            ask_until_closed(pm)
        closing.set()
        closed.result()
        assert isinstance(turn.exception(), UsageError)
    with open_store(store) as kept:
        runs = AgentRuns(kept)
        (run,) = runs.newest()
        assert (run.state, [call.state for call in runs.calls(run.id)]) == ("cancelled", ["done"])
