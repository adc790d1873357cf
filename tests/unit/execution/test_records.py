"""What a turn would have cost on the flagship: the tokens that the client asked for, not those of our own doing."""

from __future__ import annotations

from pointsman.domain.record import StepRecord
from pointsman.domain.usage import Usage
from pointsman.execution.records import asked_for


def step(purpose: str, read: int, written: int, prompt: str | None = None) -> StepRecord:
    usage = Usage(input_uncached=read, output=written)
    return StepRecord(purpose, "a/b", "ok", duration_ms=1, usage=usage, prompt=prompt)


PLAN, WORKER = step("plan", 800, 50, "planner@1"), step("reply", 400, 20, "worker@1")


def test_neither_the_planners_prompt_nor_the_workers_note_was_asked_for() -> None:
    assert asked_for((PLAN, WORKER), 40) == Usage(input_uncached=40, output=20)
    assert asked_for((PLAN, WORKER, step("reply", 35, 30)), 40) == Usage(input_uncached=35, output=30)
    assert asked_for((PLAN, WORKER), 500) == Usage(input_uncached=400, output=20)


def test_an_agents_own_prompt_was_asked_for() -> None:
    assert asked_for((step("reply", 400, 20, "agent/desk@1"),), 40) == Usage(input_uncached=400, output=20)
    assert asked_for((step("reply", 400, 20, "agent/desk@1 worker@2"),), 40) == Usage(input_uncached=40, output=20)


def test_a_long_text_counts_as_it_was_before_it_was_condensed() -> None:
    steps = (step("summary", 9000, 200, "summarizer@1"), step("reply", 300, 20))
    assert asked_for(steps, 300) == Usage(input_uncached=9000, output=20)


def test_without_a_reply_what_was_read_is_all_that_is_known() -> None:
    assert asked_for((PLAN,)) == PLAN.usage
    assert asked_for(()) is None
