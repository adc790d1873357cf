"""A tool under approval runs after a clear yes of the customer, and after nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pointsman.errors import UsageError
from support.agents import TOOLS, Ledger, agent, answer, ask, emulated, running, says

POLICY = agent(TOOLS + "approval: [refund]")
REFUND = ("refund", {"order": "A1", "cents": 500})
WISH = "Please refund order A1"
RULES = (says("", REFUND, results=False, contains="refund order", call=1), says("All right."))


def converse(store: Path, ledger: Ledger, *answers: str, policy: str = POLICY, explicit: bool = True) -> list[str]:
    """Ask for a refund, then say each answer; return what the agent replied to each."""
    said = [WISH]

    async def go() -> list[str]:
        with emulated(*RULES) as handle:
            async with running(store, handle, policy, ledger) as router:
                said.append((await answer(router, ask(*said, explicit=explicit))).reply.text)
                for words in answers:
                    said.append(words)
                    said.append((await answer(router, ask(*said, explicit=explicit))).reply.text)
        return said[1::2]

    return asyncio.run(go())


def test_nothing_happens_before_the_yes_and_once_after_it(tmp_path: Path) -> None:
    ledger = Ledger()
    asked, done = converse(tmp_path / "s.db", ledger, "yes, go ahead")
    assert asked.startswith("Before I go on I need your approval: refund (order: A1, cents: 500).")
    assert done == "All right."
    assert ledger.refunds == [("A1", 500)]


@pytest.mark.parametrize("words", ["no", "wait, how much is the fee?", "yes but only 2 dollars", "hm", "maybe later"])
def test_anything_but_a_clear_yes_declines(tmp_path: Path, words: str) -> None:
    ledger = Ledger()
    assert converse(tmp_path / "s.db", ledger, words)[1] == "All right."
    assert ledger.refunds == []


def test_a_late_yes_does_not_count(tmp_path: Path) -> None:
    ledger = Ledger()
    converse(tmp_path / "s.db", ledger, "yes", policy=POLICY + "    approval_expires_s: 0.000001\n")
    assert ledger.refunds == []


def test_a_yes_counts_once(tmp_path: Path) -> None:
    ledger = Ledger()
    converse(tmp_path / "s.db", ledger, "yes", "yes please")
    assert ledger.refunds == [("A1", 500)]


def test_without_a_conversation_name_the_answer_must_carry_the_reference(tmp_path: Path) -> None:
    ledger = Ledger()
    asked, done = converse(tmp_path / "s.db", ledger, "yes", explicit=False)
    assert "[ref " in asked
    assert done == "All right."
    assert ledger.refunds == [("A1", 500)]

    async def another_customer() -> None:
        with emulated(*RULES) as handle:
            async with running(tmp_path / "t.db", handle, POLICY, ledger) as router:
                await answer(router, ask(WISH, explicit=False))
                await answer(router, ask(WISH, "Shall I?", "yes", explicit=False))

    asyncio.run(another_customer())
    assert len(ledger.refunds) == 1


def test_the_step_after_a_yes_is_guarded(tmp_path: Path) -> None:
    """A bare yes would be small talk by its words; the decision says that it answers an open risky action."""

    async def go() -> None:
        with emulated(*RULES) as handle:
            async with running(tmp_path / "s.db", handle, POLICY, Ledger()) as router:
                first = await answer(router, ask(WISH))
                run = await answer(router, ask(WISH, first.reply.text, "yes"))
                assert "approval-guard" in [reason.name for reason in run.decision.reasons]

    asyncio.run(go())


def test_an_operator_may_decide(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(*RULES) as handle:
            async with running(tmp_path / "s.db", handle, POLICY, ledger) as router:
                first = await answer(router, ask(WISH))
                assert first.state == "waiting_for_approval"
                run = await router.agents.decide(first.run_id, approved=True, words="approved by an operator")
                await run.open()
                assert run.reply.text == "All right."
                with pytest.raises(UsageError, match="does not wait"):
                    await router.agents.decide(first.run_id, approved=True, words="again")

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]


def test_the_question_outlives_the_process_and_is_asked_again_on_a_retry(tmp_path: Path) -> None:
    ledger = Ledger()

    async def go() -> None:
        with emulated(*RULES) as handle:
            async with running(tmp_path / "s.db", handle, POLICY, ledger) as router:
                first = await answer(router, ask(WISH))
            async with running(tmp_path / "s.db", handle, POLICY, ledger) as router:
                again = await answer(router, ask(WISH))
                assert again.reply.text == first.reply.text
                await answer(router, ask(WISH, first.reply.text, "yes please"))

    asyncio.run(go())
    assert ledger.refunds == [("A1", 500)]
