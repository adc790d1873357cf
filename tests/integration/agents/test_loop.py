"""The managed loop against scripted models that behave, and against some that do not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pointsman.emulator.script import Rule, SaidCall, Say, When
from pointsman.errors import AgentStopped, NotFound, RequestError
from support.agents import POLICY, TOOLS, Ledger, agent, answer, ask, emulated, running, says, text_of

LOOK_UP = ("look_up", {"order": "A1"})
REFUND = ("refund", {"order": "A1", "cents": 500})


def test_a_run_calls_tools_until_a_reply_calls_none(tmp_path: Path) -> None:
    ledger = Ledger()
    rules = (
        says("", LOOK_UP, ("look_up", {"order": "B2"}), results=False),
        says("", REFUND, results=True, call=1),
        says("Refunded.", results=True),
    )

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                run = await answer(router, ask("Please refund order A1"))
                assert run.reply.text == "Refunded."
                assert run.state == "done"
                assert len(run.steps) == 3
                assert [(call.tool, call.state) for call in router.agents.runs.calls(run.run_id)] == [
                    ("look_up", "done"),
                    ("look_up", "done"),
                    ("refund", "done"),
                ]
                costs = router.agents.runs.costs(run.run_id)
                assert run.cost_usd == sum(cost.cost_usd for cost in costs if cost.cost_usd is not None)
                record = router.store.turn(costs[1].turn_id)
                assert record is not None
                assert record.metadata["agent"] == "clerk"
                assert record.metadata["run_id"] == run.run_id
                assert record.metadata["run_step"] == "2"
                assert record.conversation_id == "c1"

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]
    assert sorted(ledger.looked_up) == ["A1", "B2"]


def test_bad_calls_are_not_executed_and_the_model_is_told(tmp_path: Path) -> None:
    ledger = Ledger()
    wrong: tuple[tuple[str, Any], ...] = (
        ("refund", {"order": "A1", "cents": "much"}),
        ("refund", '{"order": "A1", "cents": '),
        ("erase_everything", {}),
        ("refund", [1, 2]),
    )
    rules = (says("", *wrong[:3], results=False), says("Sorry.", results=True))

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                run = await answer(router, ask("Please refund order A1"))
                calls = router.agents.runs.calls(run.run_id)
                assert {call.state for call in calls} == {"refused"}
                told = [text_of(call.result) for call in calls if call.result]
                assert "cents" in told[0]
                assert "not executed" in told[1]
                assert "there is no tool 'erase_everything'" in told[2]
                assert run.reply.text == "Sorry."

    asyncio.run(go())
    assert ledger.refunds == []


def test_the_synthesis_tier_writes_the_final_reply(tmp_path: Path) -> None:
    rules = (
        says("", LOOK_UP, results=False, model="*haiku*"),
        says("draft", model="*haiku*"),
        says("It was shipped.", model="*opus*"),
    )

    async def go() -> None:
        policy = agent(TOOLS + "steps: small\nsynthesis: flagship")
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, policy, Ledger()) as router:
                run = await answer(router, ask("Where is order A1?"))
                assert run.reply.text == "It was shipped."
                costs = router.agents.runs.costs(run.run_id)
                assert [(cost.phase, cost.model.rpartition("/")[2]) for cost in costs] == [
                    ("steps", "claude-haiku-4-5"),
                    ("draft", "claude-haiku-4-5"),
                    ("synthesis", "claude-opus-4-8"),
                ]

    asyncio.run(go())


def test_steps_are_bounded_and_the_last_one_may_call_nothing(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(says("still at it", LOOK_UP)) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS + "max_steps: 4"), ledger) as router:
                run = await answer(router, ask("Where is order A1?"))
                assert len(run.steps) == 4
                assert run.ending is not None
                assert run.ending.ended_by == "max_steps"
                assert run.reply.text == "still at it"
                assert run.reply.tool_calls == ()

    asyncio.run(go())
    assert len(ledger.looked_up) == 3


def test_a_write_that_times_out_is_unknown_and_not_repeated(tmp_path: Path) -> None:
    async def slow_refund(order: str, cents: int) -> str:
        done.append((order, cents))
        await asyncio.sleep(30)
        return "refunded"

    done: list[tuple[str, int]] = []
    rules = (says("", REFUND, results=False), says("", REFUND, results=True, call=1), says("It may be done."))

    async def go() -> None:
        from pointsman.execution.python_tools import python_tool

        with emulated(*rules) as handle:
            policy = agent("tools: {refund: {}}\ntool_timeout_s: 0.05")
            async with running(tmp_path / "s.db", handle, policy) as router:
                router.tools["refund"] = python_tool(slow_refund, name="refund", writes=True)
                run = await answer(router, ask("Please refund order A1"))
                first, second = router.agents.runs.calls(run.run_id)
                assert (first.state, second.state) == ("unknown", "refused")
                assert first.result is not None
                assert "outcome unknown" in text_of(first.result)
                assert second.result is not None
                assert "outcome unknown" in text_of(second.result)

    asyncio.run(go())
    assert done == [("A1", 500)]


def test_a_tool_that_raises_is_told_to_the_model(tmp_path: Path) -> None:
    async def go() -> None:
        from pointsman.execution.python_tools import python_tool

        def look_up(order: str) -> str:
            raise RuntimeError("the \x1b[31mdatabase is down")

        with emulated(says("", LOOK_UP, results=False), says("Down.")) as handle:
            async with running(tmp_path / "s.db", handle, agent("tools: {look_up: {}}")) as router:
                router.tools["look_up"] = python_tool(look_up)
                run = await answer(router, ask("Where is order A1?"))
                (call,) = router.agents.runs.calls(run.run_id)
                assert call.result is not None
                assert call.result.is_error
                assert "database is down" in text_of(call.result)
                assert "\x1b" not in text_of(call.result)

    asyncio.run(go())


def test_what_an_agent_cannot_take_is_refused(tmp_path: Path) -> None:
    from pointsman.domain.message import Tool

    async def go() -> None:
        with emulated(says("Hi.")) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), Ledger()) as router:
                with pytest.raises(RequestError, match="tools of its own"):
                    await router.answer(ask("Hi", tools=(Tool("x"),)))
                with pytest.raises(NotFound, match="there are: clerk"):
                    await router.answer(ask("Hi", agent="nobody"))

    asyncio.run(go())


def test_the_synthesis_may_come_from_another_provider(tmp_path: Path) -> None:
    """Gemini's calls carry a seal that no other model can read; the loop is closed before the synthesis."""
    rules = (
        says("", LOOK_UP, results=False, model="*gemini*"),
        says("draft", model="*gemini*"),
        says("It was shipped.", model="*opus*"),
    )
    text = POLICY.replace("  anthropic: {host: anthropic}", "  anthropic: {host: anthropic}\n  google: {host: google}")
    text = text.replace("anthropic/claude-haiku-4-5", "google/gemini-3.5-flash")

    async def go() -> None:
        policy = agent(TOOLS + "steps: small\nsynthesis: flagship", text)
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, policy, Ledger()) as router:
                run = await answer(router, ask("Where is order A1?"))
                assert run.reply.text == "It was shipped."
                assert [cost.model.partition("/")[0] for cost in router.agents.runs.costs(run.run_id)] == [
                    "google",
                    "google",
                    "anthropic",
                ]

    asyncio.run(go())


def test_an_agents_routes_contract_and_limits_reach_its_steps(tmp_path: Path) -> None:
    contract = "contract: {type: object, properties: {state: {type: string}}, required: [state]}"

    async def go() -> None:
        policy = agent(TOOLS + "routes: [plan]\n" + contract)
        with emulated(says('{"state": "shipped"}')) as handle:
            async with running(tmp_path / "s.db", handle, policy, Ledger()) as router:
                run = await answer(router, ask("Where is order A1?", max_output_tokens=77))
                assert run.reply.text == '{"state": "shipped"}'
                assert run.decision.route == "plan"
                params = dict(run.steps[0].request)["params"]
                assert b'"json_schema"' in params
                assert b'"max_output_tokens":77' in params

    asyncio.run(go())


def test_a_model_may_repeat_its_call_ids(tmp_path: Path) -> None:
    ledger = Ledger()
    looks = (SaidCall("look_up", {"order": "A1"}, id="same"), SaidCall("look_up", {"order": "B2"}, id="same"))
    refund = SaidCall("refund", {"order": "A1", "cents": 500}, id="same")
    rules = (
        Rule(when=When(results=False), reply=Say(calls=looks)),
        Rule(when=When(results=True), times=1, reply=Say(calls=(refund,))),
        says("Done.", results=True),
    )

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                run = await answer(router, ask("Please refund order A1"))
                assert run.reply.text == "Done."
                assert len({call.call_id for call in router.agents.runs.calls(run.run_id)}) == 3

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]
    assert sorted(ledger.looked_up) == ["A1", "B2"]


def test_the_same_write_twice_in_one_reply_is_made_once(tmp_path: Path) -> None:
    ledger = Ledger()
    other = ("refund", {"cents": 500, "order": "A1"})  # the same, in another order
    rules = (says("", REFUND, other, LOOK_UP, LOOK_UP, results=False), says("Done.", results=True))

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                run = await answer(router, ask("Please refund order A1"))
                calls = router.agents.runs.calls(run.run_id)
                assert [call.state for call in calls] == ["done", "refused", "done", "done"]
                assert calls[1].result is not None
                assert "stands in this reply already" in text_of(calls[1].result)

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]


def test_calls_that_no_provider_takes_back_do_not_end_the_run(tmp_path: Path) -> None:
    wrong: tuple[tuple[str, Any], ...] = (("look_up", "[1]"), ("look_up", '"A1"'), ("", {}), ("x" * 500, {}))
    rules = (says("", *wrong, results=False), says("Sorry.", results=True))

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), Ledger()) as router:
                run = await answer(router, ask("Please refund order A1"))
                assert run.reply.text == "Sorry."
                calls = router.agents.runs.calls(run.run_id)
                assert {call.state for call in calls} == {"refused"}
                assert calls[0].arguments == "[1]"

    asyncio.run(go())


def test_a_model_that_calls_tools_for_ever_is_an_error(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(says("", LOOK_UP)) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS + "max_steps: 4"), ledger) as router:
                for _ in range(2):  # asked again, the run gets one more reply and no more
                    with pytest.raises(AgentStopped, match="used its 4 steps"):
                        await answer(router, ask("Where is A1?"))
                (run,) = router.agents.runs.newest()
                assert run.state == "failed"

    asyncio.run(go())
    assert ledger.looked_up == ["A1"] * 3


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_error_that_cannot_say_what_it_is_ends_nothing(tmp_path: Path) -> None:
    ledger = Ledger()

    def break_down() -> None:
        raise Unspeakable

    ledger.before_return = break_down
    rules = (says("", REFUND, results=False), says("Sorry.", results=True))

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                run = await answer(router, ask("Please refund order A1"))
                (call,) = router.agents.runs.calls(run.run_id)
                assert call.result is not None
                assert "Unspeakable: it does not say why; part of it may have been done" in text_of(call.result)

    asyncio.run(go())
