from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.decision import Decision
from pointsman.domain.message import Text, ToolCall
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.usage import Usage
from pointsman.evaluation.demo_week import DAY_US, DAYS, Week

MODEL = "google/gemini-3.5-flash"
END = 1_795_300_000_000_000
ARGUMENTS = '{"order_id":"1182","reason":"it never came"}'


def recorded(conversation: str, *, call: bool, at_us: int) -> TurnRecord:
    part = ToolCall("c1", "lookup_order", ARGUMENTS) if call else Text("All right.")
    reply = Reply("r", MODEL, (part,), "tool_use" if call else "end_turn")
    usage = Usage(input_uncached=900, output=40)
    return TurnRecord(
        id=f"{conversation}-{at_us}",
        conversation_id=conversation,
        at_us=at_us,
        dialect="openai_chat",
        status="ok",
        decision=Decision(id="d", route="tools", model=MODEL, tier="mid", policy="p"),
        steps=(
            StepRecord(
                "reply", MODEL, "ok", 3.0, usage=usage, cost_usd=Decimal(1), ttft_ms=1.0, upstream_model="flash"
            ),
        ),
        duration_ms=3.0,
        ttft_ms=1.0,
        usage=usage,
        cost_usd=Decimal(1),
        reply=msgspec.json.encode(reply),
    )


@pytest.fixture(scope="module")
def week() -> Week:
    talk = [recorded("c", call=True, at_us=1), recorded("c", call=False, at_us=2)]
    return Week([*talk, recorded("d", call=False, at_us=3)], END, turns=4000, catalog=Catalog.load())


@pytest.fixture(scope="module")
def turns(week: Week) -> list[TurnRecord]:
    return [record for talk, _ in week.conversations() for record in talk]


def test_the_week_is_a_week_and_says_that_it_is_simulated(turns: list[TurnRecord]) -> None:
    assert 3500 < len(turns) < 4500
    assert min(turn.at_us for turn in turns) >= END - DAYS * DAY_US
    assert max(turn.at_us for turn in turns) <= END
    assert all(turn.simulated for turn in turns)
    assert len({turn.id for turn in turns}) == len(turns)


def test_costs_are_those_of_the_tokens(turns: list[TurnRecord]) -> None:
    rates = Catalog.load().rates(MODEL, datetime.fromtimestamp(END / 1e6, UTC))
    assert rates is not None
    for turn in turns[:200]:
        if turn.status == "ok" and turn.usage is not None:
            assert turn.cost_usd == rates.cost(turn.usage)


def test_calls_are_cut_off_in_the_bad_hours_only(week: Week, turns: list[TurnRecord]) -> None:
    whole: Counter[tuple[bool, bool]] = Counter()
    for turn in turns:
        reply = msgspec.json.decode(turn.reply, type=Reply) if turn.reply else None
        for call in reply.tool_calls if reply else ():
            bad = week.regression.holds(MODEL, turn.at_us)
            whole[bad, call.arguments == ARGUMENTS] += 1
            assert turn.steps[-1].upstream_model == (week.regression.upstream if bad else "flash")
    assert whole[False, False] == 0
    assert 0.15 < whole[True, False] / (whole[True, False] + whole[True, True]) < 0.45


def test_the_same_seed_is_the_same_week() -> None:
    def first() -> list[TurnRecord]:
        talk = [recorded("c", call=True, at_us=1)]
        return next(Week(talk, END, turns=100, catalog=Catalog.load()).conversations())[0]

    assert first() == first()


def test_one_model_for_everything_would_not_have_been_asked_for_a_plan() -> None:
    catalog, one = Catalog.load(), recorded("p", call=False, at_us=1)
    planner = msgspec.structs.replace(one.steps[0], purpose="plan", usage=Usage(input_uncached=9000, output=900))
    planned = msgspec.structs.replace(one, steps=(planner, *one.steps), flagship_model=MODEL)
    made = [turn for talk, _ in Week([planned], END, turns=20, catalog=catalog).conversations() for turn in talk]
    rates = catalog.rates(MODEL, datetime.fromtimestamp(END / 1e6, UTC))
    answered = [turn for turn in made if turn.status == "ok"]
    assert answered
    for turn in answered:
        assert rates is not None
        assert turn.steps[-1].usage is not None
        assert turn.flagship_cost_usd == rates.cost(turn.steps[-1].usage)
