from __future__ import annotations

from decimal import Decimal

import pytest

from pointsman.catalog.prices import Rates
from pointsman.domain.decision import Decision, Reason
from pointsman.domain.message import Message, Text, Tool, ToolCall, ToolResult
from pointsman.domain.turn import Session, Turn
from pointsman.domain.usage import Usage
from pointsman.errors import NoEligibleModel
from pointsman.evaluation.conversation import Conversation
from pointsman.evaluation.route_replay import RouteReplay
from pointsman.evaluation.route_summary import Summary, quantile
from pointsman.evaluation.tokens import answer_usages

RATES = {"p/small": Rates(Decimal("0.001"), Decimal("0.002")), "p/big": Rates(Decimal("0.01"), Decimal("0.02"))}


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def agent(text: str) -> Message:
    return Message("assistant", (Text(text),))


class ByLength:
    """Routes by the length of the customer's last message, and keeps the sessions it was given."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []

    def decide(self, turn: Turn, session: Session) -> Decision:
        self.sessions.append(session)
        text = turn.messages[-1].text
        if text == "refuse":
            raise NoEligibleModel("every model was excluded")
        big = len(text) > 10
        return Decision(
            id="d",
            route="plan" if big else "direct",
            model="p/big" if big else "p/unpriced" if text == "dear" else "p/small",
            tier="flagship" if big else "small",
            policy="abc",
            reasons=(Reason("rule", "length", f"{len(text)} characters"), Reason("cost", "cheapest", "only one")),
            signals={"sentiment": {"asks_human": text == "human!"}},
            decided_us=float(len(self.sessions)),
        )


def replay(*conversations: Conversation, sample: int = 20, seed: int = 0) -> tuple[Summary, ByLength]:
    routing = ByLength()
    found = RouteReplay(routing, RATES.get, "p/big", sample=sample, seed=seed)
    for conversation in conversations:
        found.take(conversation)
    return found.summary(), routing


def talk(*said: str, name: str = "c") -> Conversation:
    return Conversation(name, "test", tuple(message for text in said for message in (user(text), agent("x" * 40))))


def test_the_mix_counts_turns_with_intervals() -> None:
    summary, _ = replay(talk("hi", "yo", "a long message"))

    assert [(one.name, one.turns) for one in summary.routes] == [("direct", 2), ("plan", 1)]
    assert sum(one.share for one in summary.routes) == pytest.approx(1)
    assert all(one.low < one.share < one.high for one in summary.routes)
    assert (summary.turns, summary.conversations, summary.policy) == (3, 1, "abc")


def test_reasons_count_what_chose_the_route_not_the_model() -> None:
    summary, _ = replay(talk("hi", "yo"))

    assert [(one.kind, one.name, one.turns, one.example) for one in summary.reasons] == [
        ("rule", "length", 2, "2 characters")
    ]


def test_every_model_call_of_a_turn_is_billed_with_all_it_reads() -> None:
    call = Message("assistant", (ToolCall("1", "look", "{}" * 20),))
    result = Message("tool", (ToolResult("1", (Text("r" * 400),)),))
    conversation = Conversation("c", "test", (user("u" * 400), call, result, agent("a" * 80)), (Tool("look"),))

    ((first, last),) = answer_usages(conversation)

    tools = 4 + 0 + 2
    assert first == Usage(input_uncached=round((tools + 400 + 12) / 4), output=11)
    assert last == Usage(input_uncached=round((tools + 400 + 12 + 44 + 12 + 400 + 12) / 4), output=20)


def test_both_bills_hold_the_same_tokens() -> None:
    summary, _ = replay(talk("hi", "a long message"))
    bill = summary.bill
    cheap, dear = (usages[0] for usages in answer_usages(talk("hi", "a long message")))

    assert bill.priced == 2
    assert bill.input_tokens == cheap.prompt + dear.prompt
    assert bill.routed_usd == RATES["p/small"].cost(cheap) + RATES["p/big"].cost(dear)  # type: ignore[operator]
    assert bill.flagship_usd == RATES["p/big"].cost(cheap) + RATES["p/big"].cost(dear)  # type: ignore[operator]
    assert bill.saved == pytest.approx(float(1 - bill.routed_usd / bill.flagship_usd))
    assert sum(one.cost_usd or 0 for one in summary.routes) == bill.routed_usd


def test_what_is_unknown_is_left_out_and_counted() -> None:
    unanswered = Conversation("c", "test", (user("hi"),))
    summary, _ = replay(unanswered, talk("dear"))

    assert (summary.bill.unanswered, summary.bill.unpriced, summary.bill.priced) == (1, 1, 0)
    assert summary.bill.saved is None


def test_a_session_remembers_model_route_and_the_wish_for_a_person() -> None:
    _, routing = replay(talk("human!", "hi"), talk("hi", name="other"))

    assert routing.sessions == [
        Session(conversation_id="c"),
        Session(conversation_id="c", turns=1, last_model="p/small", last_route="direct", escalated=True),
        Session(conversation_id="other"),
    ]


def test_a_turn_without_an_eligible_model_does_not_stop_the_rest() -> None:
    summary, _ = replay(talk("hi", "refuse", "yo"))

    assert (summary.turns, summary.refused) == (3, 1)
    assert [(one.turn, one.text) for one in summary.refusals] == [(2, "every model was excluded")]


def test_the_sample_is_spread_over_routes_and_the_same_each_time() -> None:
    many = [talk("hi", "yo", "hey", "ok", name=f"c{n}") for n in range(50)]
    rare = talk("a long message", name="rare")

    first, _ = replay(*many, rare, sample=5)
    again, _ = replay(*reversed(many), rare, sample=5)
    other, _ = replay(*many, rare, sample=5, seed=1)

    def keys(summary: Summary) -> list[tuple[str, int]]:
        return [(one.conversation, one.turn) for one in summary.sample]

    assert len(first.sample) == 5
    assert ("rare", 1) in keys(first)
    assert keys(first) == keys(again) != keys(other)


def test_no_sample_when_none_is_wanted() -> None:
    assert replay(talk("hi"), sample=0)[0].sample == ()


def test_decision_times_are_nearest_rank_quantiles() -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
    assert quantile([], 0.5) is None


def test_an_empty_replay_has_no_figures() -> None:
    summary, _ = replay()

    assert (summary.routes, summary.decided_us_p50, summary.bill.saved) == ((), None, None)
