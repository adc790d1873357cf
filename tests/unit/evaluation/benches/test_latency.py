from __future__ import annotations

from decimal import Decimal

import pytest

from pointsman.catalog.models import Model
from pointsman.domain.message import Message, Text
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Job
from pointsman.evaluation.bench_running import Made
from pointsman.evaluation.benches.latency import bundled_jobs, case_jobs, rows, tokens_per_s
from pointsman.evaluation.cases import Case
from pointsman.evaluation.tokens import message_bytes

MODEL = Model(id="a/m", provider="a", name="m", tier="small")
OTHER = Model(id="b/m", provider="b", name="m", tier="small")


def _made(ttft: float | None, latency: float = 1000, usage: Usage | None = None, size: str = "~200") -> Made:
    reply = Reply("r", "m", (Text("hello"),), "end_turn")
    answer = Answer("1", "a/m", 1, "live", reply, usage=usage, cost_usd=Decimal(1), ttft_ms=ttft, latency_ms=latency)
    return Made(Job("1", "a/m", Turn(()), size), answer)


@pytest.mark.parametrize("size", [200, 2000, 8000])
def test_prompts_have_the_size_asked_for(size: int) -> None:
    (job,) = bundled_jobs([MODEL], sizes=[size], prompts=1)
    assert sum(map(message_bytes, job.turn.messages)) / 4 == pytest.approx(size, rel=0.05)
    assert job.turn.stream


def test_every_prompt_begins_with_words_of_its_own_unless_caches_may_help() -> None:
    cold = list(bundled_jobs([MODEL], sizes=[200, 2000], prompts=5, repeats=2))
    assert len({job.turn.messages[0].text[:45] for job in cold}) == len(cold) == 20
    warm = list(bundled_jobs([MODEL], sizes=[200], prompts=5, warm=True))
    assert len({job.turn.messages[0].text for job in warm}) == 1


def test_models_take_turns_on_the_very_same_prompt() -> None:
    jobs = list(bundled_jobs([MODEL, OTHER], sizes=[200], prompts=2))
    assert [job.model for job in jobs] == ["a/m", "b/m", "a/m", "b/m"]
    assert jobs[0].turn == jobs[1].turn


def test_the_speed_counts_what_is_shown_after_the_first_token() -> None:
    usage = Usage(100, 121, reasoning=20)
    assert tokens_per_s(_made(500, 1500, usage).answer) == pytest.approx(100)


@pytest.mark.parametrize(
    ("ttft", "usage"),
    [(None, Usage(1, 100)), (500.0, None), (500.0, Usage(1, 9)), (500.0, Usage(1, 100, reasoning=95))],
)
def test_an_unknown_speed_stays_unknown(ttft: float | None, usage: Usage | None) -> None:
    assert tokens_per_s(_made(ttft, 1500, usage).answer) is None


def test_a_reply_that_was_not_streamed_has_no_first_token() -> None:
    (row,) = rows([MODEL], [_made(None), _made(300.0)], ["live"])
    assert (row.replies, row.ttft_p50.n, row.ttft_p50.value) == (2, 1, 300.0)


def test_what_no_provider_told_of_its_cache_is_unknown() -> None:
    (row,) = rows([MODEL], [_made(1.0, usage=Usage(100, 5))], ["live"])
    assert row.cached is None
    (row,) = rows([MODEL], [_made(1.0, usage=Usage(25, 5, cache_read=75))], ["live"])
    assert row.cached == 0.75


def test_sizes_of_ones_own_traffic_are_put_together() -> None:
    cases = [
        Case(str(n), "c", "t", Turn((Message("user", (Text("x" * size),)),)))
        for n, size in enumerate((40, 4000, 99999))
    ]
    assert [job.mode for job in case_jobs([MODEL], cases)] == ["≤ 500", "≤ 2,000", "> 8,000"]


def test_rows_stand_in_the_order_of_size() -> None:
    made = [_made(1.0, size=size) for size in ("> 8,000", "≤ 500", "≤ 8,000", "≤ 2,000")]
    assert [row.size for row in rows([MODEL], made, ["live"])] == ["≤ 500", "≤ 2,000", "≤ 8,000", "> 8,000"]
