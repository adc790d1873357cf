"""What an agent is told: its own prompt, by version, and what earlier turns left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pointsman.app import Router
from pointsman.cli.prompts import app as prompts_command
from pointsman.errors import UsageError
from pointsman.execution.agents.managed import ManagedRun
from pointsman.execution.prompts import PromptBook
from support.agents import POLICY, TOOLS, Ledger, agent, answer, ask, emulated, running, says

LOOK_UP = ("look_up", {"order": "A1"})


def refs(run: ManagedRun) -> list[str | None]:
    return [step.prompt for record in run.steps for step in record.steps]


def system(router: Router, run: ManagedRun, step: int = 0) -> list[str]:
    record = router.store.turn(run.steps[step].id)
    assert record is not None
    return [raw.decode() for name, raw in record.request if name == "message" and b'"system"' in raw]


def test_every_step_names_the_version_of_the_agents_prompt(tmp_path: Path) -> None:
    rules = (says("", LOOK_UP, results=False), says("Shipped.", results=True))
    at = ("tester", "shorter")

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), Ledger()) as router:
                book = PromptBook(router.store)
                first = await answer(router, ask("Where is A1?"))
                (defined, again) = refs(first)
                assert defined == again
                assert book.get("agent/clerk").ref == defined
                assert book.get("agent/clerk").text == "You are a clerk.\n"
                saved, _ = book.save("agent/clerk", "Be {{brief}}.\n", label="candidate", agent=None, who=at)
                book.promote("agent/clerk", "candidate", agent=None, who=at)
        # A new process reads it at once; a running one follows within a second.
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), Ledger()) as router:
                book = PromptBook(router.store)
                second = await answer(router, ask("Where is A1?", conversation="c2"))
                assert refs(second) == [saved.ref, saved.ref]
                assert "Be {{brief}}." in system(router, second)[0]
                book.roll_back("agent/clerk", agent=None, who=at)
                assert book.get("agent/clerk").ref == defined
                assert [change.label for change in book.history("agent/clerk")] == [
                    *("production", "production", "candidate", "policy")
                ]

    asyncio.run(go())


def test_the_command_knows_agents(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 's.db'}"

    async def go() -> None:
        with emulated(says("Hello.")) as handle:
            async with running(tmp_path / "s.db", handle, POLICY, Ledger()) as router:
                await answer(router, ask("Hi"))

    asyncio.run(go())
    run = CliRunner().invoke
    listed = run(prompts_command, ["list", "--store", store])
    assert " roles, 1 agent; 0 prompts of your own" in listed.output
    shown = run(prompts_command, ["show", "agent/clerk", "--store", store])
    assert shown.output == "You are a clerk.\n"
    wrong = run(prompts_command, ["show", "clerk", "--store", store])
    assert isinstance(wrong.exception, UsageError)
    assert "agent/NAME" in str(wrong.exception)
    (tmp_path / "new.md").write_text("You are short.")
    run(prompts_command, ["save", "agent/clerk", str(tmp_path / "new.md"), "--store", store])
    assert "+You are short." in run(prompts_command, ["diff", "agent/clerk", "policy", "--store", store]).output
    unknown = run(prompts_command, ["show", "agent/nobody", "--store", store])
    assert isinstance(unknown.exception, UsageError)


def test_the_next_turn_is_told_what_earlier_ones_left_behind(tmp_path: Path) -> None:
    rules = (
        says("", LOOK_UP, results=False, contains="A1"),
        says("We will send it tomorrow.", results=True),
        says("Hello again."),
    )

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(TOOLS), Ledger()) as router:
                first = await answer(router, ask("Where is A1?"))
                assert len(system(router, first)) == 1
                second = await answer(router, ask("And now?"))
                (_, told) = system(router, second)
                assert "We will send it tomorrow." in told
                assert "order: A1" in told
                stranger = await answer(router, ask("And now?", conversation="auto-1", explicit=False))
                assert len(system(router, stranger)) == 1

    asyncio.run(go())


@pytest.mark.parametrize("text", ["", "  "])
def test_an_agent_without_words_is_refused(tmp_path: Path, text: str) -> None:
    policy = POLICY.replace("You are a clerk.", f"'{text}'")

    async def go() -> None:
        with emulated(says("Hello.")) as handle:
            async with running(tmp_path / "s.db", handle, policy, Ledger()) as router:
                with pytest.raises(UsageError, match="agent/clerk: the prompt is empty"):
                    await answer(router, ask("Hi"))

    asyncio.run(go())
