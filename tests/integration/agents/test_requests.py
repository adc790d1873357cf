"""Which run a request belongs to: a new one, one that is cut short, one that waits, or one that is under way."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from pointsman.emulator.script import Fault, Rule, When
from pointsman.errors import AgentStopped, ProviderError
from pointsman.execution.agents.managed import ManagedRun
from pointsman.execution.python_tools import python_tool
from support.agents import TOOLS, Ledger, agent, answer, ask, emulated, running, says

REFUND = ("refund", {"order": "A1", "cents": 500})
WISH = "Please refund order A1"
ONCE = (says("", REFUND, results=False, contains="refund"), says("All right.", results=True))


def broken(times: int) -> Rule:
    return Rule(when=When(results=True), fault=Fault("status", status=400, message="no"), times=times)


@pytest.mark.parametrize("explicit", [True, False])
def test_a_request_that_failed_is_taken_up_and_writes_once(tmp_path: Path, explicit: bool) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(broken(1), *ONCE) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                with pytest.raises(ProviderError):
                    await answer(router, ask(WISH, explicit=explicit))
                (run,) = router.agents.runs.newest()
                assert (run.state, run.error_code) == ("failed", "provider_error")
                again = await answer(router, ask(WISH, explicit=explicit))
                assert again.run_id == run.id
                assert again.reply.text == "All right."

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]


def test_the_same_request_twice_at_once_runs_once(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(*ONCE) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                both = await asyncio.gather(*(answer(router, ask(WISH)) for _ in range(2)), return_exceptions=True)
                assert sorted(type(one).__name__ for one in both) == ["AgentStopped", "ManagedRun"]
                assert "is being worked on" in str(next(one for one in both if isinstance(one, AgentStopped)))

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]


def test_customers_who_begin_with_the_same_words_are_not_mixed_up(tmp_path: Path) -> None:
    async def go() -> None:
        with emulated(*ONCE) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), Ledger()) as router:
                runs = await asyncio.gather(*(answer(router, ask(WISH, explicit=False)) for _ in range(5)))
                assert len({run.run_id for run in runs}) == 5

    asyncio.run(go())


def test_a_second_try_after_the_reply_gets_the_same_reply(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(*ONCE) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                first = await answer(router, ask(WISH))
                second = await answer(router, ask(WISH), retry=True)
                assert second.run_id == first.run_id
                assert second.reply == first.reply
                assert second.cost_usd == 0

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]


@pytest.mark.parametrize("explicit", [True, False])
def test_a_reply_that_never_went_out_is_given_to_the_next_try(tmp_path: Path, explicit: bool) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(*ONCE) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                first = await router.answer(ask(WISH, explicit=explicit))
                await first.open()  # and the process dies, with the run done and nothing sent
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                again = await answer(router, ask(WISH, explicit=explicit))
                assert isinstance(first, ManagedRun)
                assert again.run_id == first.run_id
                assert again.reply == first.reply
                assert ledger.refunds == [("A1", 500)]
                # It has been heard now: the same words again are a new wish.
                assert (await answer(router, ask(WISH, explicit=explicit))).run_id != first.run_id

    asyncio.run(go())


def test_a_reply_that_was_stored_is_the_end_of_the_run(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(*ONCE) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                first = await answer(router, ask(WISH))

                def cut_short(connection: sqlite3.Connection) -> None:
                    """As after a kill between the last step and the note that the run is done."""
                    connection.execute(
                        "UPDATE agent_run SET state = 'running', owner = 'gone', reply = NULL, updated_at_us = 1"
                    )

                await router.store.write(cut_short)
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                again = await answer(router, ask(WISH))
                assert (again.run_id, again.reply.text) == (first.run_id, "All right.")
                assert again.steps == ()
                assert router.agents.found(first.run_id).state == "done"

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]


def test_a_process_whose_run_was_taken_up_writes_no_more(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(*ONCE) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), ledger) as router:
                run = await router.answer(ask(WISH))
                assert isinstance(run, ManagedRun)
                row = router.agents.found(run.run_id)
                assert await router.agents.runs.claim(row, "another")
                with pytest.raises(AgentStopped, match="taken up by another process"):
                    await run.open()
                assert router.agents.found(run.run_id).state == "running"

    asyncio.run(go())
    assert ledger.refunds == []


def test_a_yes_that_is_sent_again_after_a_failure_goes_on_and_writes_once(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        policy = agent(TOOLS + "approval: [refund]")
        rules = (
            says("", REFUND, contains="refund", results=False, call=1),
            Rule(fault=Fault("status", status=400), times=1),
        )
        with emulated(*rules, says("All right.")) as handle:
            async with running(tmp_path / "s.db", handle, policy, ledger) as router:
                first = await answer(router, ask(WISH))
                said = (WISH, first.reply.text, "yes")
                with pytest.raises(ProviderError):
                    await answer(router, ask(*said))
                again = await answer(router, ask(*said))
                assert again.run_id == first.run_id
                assert again.reply.text == "All right."

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]


def test_a_question_nobody_answers_is_dropped_when_the_customer_begins_anew(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        policy = agent(TOOLS + "approval: [refund]")
        with emulated(*ONCE, says("Hello.")) as handle:
            async with running(tmp_path / "s.db", handle, policy, ledger) as router:
                first = await answer(router, ask(WISH))
                other = await answer(router, ask("Hello", "Hello to you", "Where is order B2?"))
                assert other.run_id != first.run_id
                assert router.agents.found(first.run_id).ended_by == "superseded"
                await answer(router, ask(WISH, first.reply.text, "yes"))

    asyncio.run(go())
    assert ledger.refunds == []


@pytest.mark.parametrize("words", ["no", "what is that?", "Where is order B2?"])
def test_words_of_a_client_without_history_are_the_answer(tmp_path: Path, words: str) -> None:
    ledger = Ledger()

    async def go() -> None:
        policy = agent(TOOLS + "approval: [refund]")
        with emulated(*ONCE) as handle:
            async with running(tmp_path / "s.db", handle, policy, ledger) as router:
                first = await answer(router, ask(WISH))
                second = await answer(router, ask(words))
                assert second.run_id == first.run_id
                (call,) = router.agents.runs.calls(first.run_id)
                assert call.state == "refused"
                # The model hears both: that it may not, and what the customer said instead.
                record = router.store.turn(second.steps[0].id)
                assert record is not None
                assert words in record.request[-1][1].decode()

    asyncio.run(go())
    assert ledger.refunds == []


def test_the_next_run_is_told_what_the_one_before_it_did(tmp_path: Path) -> None:
    async def go() -> None:
        with emulated(broken(1), *ONCE, says("Hello.")) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), Ledger()) as router:
                with pytest.raises(ProviderError):
                    await answer(router, ask(WISH))
                run = await answer(router, ask("Hello?"))
                sent = router.agents.found(run.run_id).turn.messages[0]
                assert sent.role == "system"
                assert 'refund {"order":"A1","cents":500}: done' in sent.text

    asyncio.run(go())


def test_a_tool_that_exits_ends_nothing_but_itself(tmp_path: Path) -> None:
    async def go() -> None:
        def refund(order: str, cents: int) -> str:
            """Leave."""
            raise SystemExit(3)

        with emulated(*ONCE) as handle:
            async with running(tmp_path / "s.db", handle, agent("tools: {refund: {}}")) as router:
                router.tools["refund"] = python_tool(refund, writes=True)
                run = await answer(router, ask(WISH))
                assert run.reply.text == "All right."

    asyncio.run(go())
