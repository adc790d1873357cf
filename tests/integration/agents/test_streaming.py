"""A streamed final reply: its words are shown as they come, and nothing of the work before it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.domain.reply import ReplyEnd, ReplyStart, TextDelta
from pointsman.emulator.script import Fault, Rule, SaidCall, Say, Script, When
from pointsman.errors import ProviderError
from pointsman.execution.python_tools import python_tool
from pointsman.routing.policy import parse_policy
from support.agents import TOOLS, Ledger, agent, ask, emulated, running, says
from support.gateway import gateway

LOOK_UP = ("look_up", {"order": "A1"})
POLICY = agent(TOOLS + "steps: small\nsynthesis: flagship")
LONG = "It was shipped on Monday and will be with you by the end of this week, in all likelihood."
STEPS = (says("Looking.", LOOK_UP, results=False, model="*haiku*"), says("draft", model="*haiku*"))


def test_the_synthesis_is_shown_as_it_comes(tmp_path: Path) -> None:
    ledger = Ledger()
    rules = (*STEPS, says(LONG, model="*opus*"))
    with gateway(tmp_path / "s.db", Script(rules=rules), parse_policy(POLICY, "t.yaml")) as served:
        served.router.tools["look_up"] = python_tool(ledger.look_up)
        served.router.tools["refund"] = python_tool(ledger.refund, writes=True)
        messages: Any = [{"role": "user", "content": "Where is order A1?"}]
        with openai.OpenAI(base_url=served.openai_url, api_key="k") as client:
            options: Any = {"include_usage": True}
            chunks = list(
                client.chat.completions.create(
                    model="agent/clerk",
                    messages=messages,
                    stream=True,
                    stream_options=options,
                )
            )
        texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
        assert "".join(texts) == LONG
        assert len(texts) > 2
        assert chunks[-1].usage is not None
        (run,) = served.router.agents.runs.newest()
        costs = served.router.agents.runs.costs(run.id)
        assert chunks[-1].usage.prompt_tokens == sum(cost.tokens_in or 0 for cost in costs)
        assert (run.state, [cost.phase for cost in costs]) == ("done", ["steps", "draft", "synthesis"])
        with (
            anthropic.Anthropic(base_url=served.base_url, api_key="k") as other,
            other.messages.stream(model="agent/clerk", max_tokens=99, messages=messages) as stream,
        ):
            assert stream.get_final_text() == LONG


def events(tmp_path: Path, *rules: Rule) -> tuple[list[object], str]:
    """Run one streamed request to its end; return its events and how the run stands."""
    seen: list[object] = []

    async def go() -> str:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, POLICY, Ledger()) as router:
                run = await router.answer(ask("Where is order A1?", stream=True))
                await run.open()
                try:
                    async for piece in run.stream():
                        seen.extend(piece)
                    await run.commit()
                finally:
                    await run.cancel()
                return router.agents.runs.newest()[0].state

    return seen, asyncio.run(go())


def test_a_synthesis_that_calls_tools_goes_on(tmp_path: Path) -> None:
    more = Rule(when=When(model="*opus*"), reply=Say("One moment.", calls=(SaidCall(*LOOK_UP),)), times=1)
    seen, state = events(tmp_path, *STEPS, more, says(LONG, model="*opus*"))
    assert "".join(event.text for event in seen if isinstance(event, TextDelta)).startswith("One moment.")
    assert {type(event).__name__ for event in seen} == {"ReplyStart", "TextDelta", "UsageReport", "ReplyEnd"}
    assert sum(isinstance(event, ReplyStart) for event in seen) == 1
    assert isinstance(seen[-1], ReplyEnd)
    assert state == "done"


def test_a_stream_that_breaks_is_no_end(tmp_path: Path) -> None:
    cut = Rule(when=When(model="*opus*"), reply=Say(LONG), fault=Fault("cut", after_deltas=2))
    with pytest.raises(ProviderError):
        events(tmp_path, *STEPS, cut)

    async def again() -> str:
        with emulated(says(LONG)) as handle:
            async with running(tmp_path / "s.db", handle, POLICY, Ledger()) as router:
                (failed,) = router.agents.runs.newest()
                assert failed.state == "failed"
                run = await router.answer(ask("Where is order A1?", stream=True))
                await run.open()
                async for _ in run.stream():
                    pass
                (done,) = router.agents.runs.newest()
                return done.state

    assert asyncio.run(again()) == "done"


def test_a_client_that_leaves_in_the_middle_cuts_it(tmp_path: Path) -> None:
    async def go() -> None:
        with emulated(*STEPS, says(LONG, model="*opus*")) as handle:
            async with running(tmp_path / "s.db", handle, POLICY, Ledger()) as router:
                run = await router.answer(ask("Where is order A1?", stream=True))
                await run.open()
                async for _ in run.stream():
                    break
                await run.cancel()
                (left,) = router.agents.runs.newest()
                assert left.state == "cancelled"
                assert router.store.turns(limit=1)[0].status == "cancelled"

    asyncio.run(go())
