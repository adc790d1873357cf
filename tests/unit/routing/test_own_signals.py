from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Session, Turn
from pointsman.errors import PolicyError, UsageError
from pointsman.routing.own_signals import OwnSignals
from pointsman.routing.policy import Policy, parse_policy
from pointsman.routing.router import Routing
from pointsman.routing.templates import render

TURN = Turn((Message("user", (Text("hi"),)),))
FIELDS = "{level: [gold, silver], years: integer, score: number, tags: list, vip: boolean, note: text}"
GOLD = {"level": "gold", "years": 3, "score": 1, "tags": ["a"], "vip": True, "note": "x"}


def policy(signals: str, rule: str = "turn.stream") -> Policy:
    own = f"signals:\n  {signals}\nrules:\n  - name: own\n    when: {rule}\n    pin: plan\n"
    return parse_policy(render("rubric").replace("rules:\n", own, 1), "p.yaml")


def routing(rule: str) -> Routing:
    return Routing(policy(f"loyalty: {FIELDS}", rule), Catalog.load(None))


def give(value: Any) -> Callable[[Turn, Session], Mapping[str, Any]]:
    return lambda _turn, _session: value


def test_a_rule_asks_for_a_signal_of_ones_own() -> None:
    own = routing("loyalty.level == 'gold' && loyalty.years > 2 && loyalty.score > 0.5 && loyalty.vip")
    own.own_signals.register("loyalty", give(GOLD))
    decision = own.decide(TURN)
    assert decision.route == "plan"
    assert decision.signals["loyalty"] == GOLD


def test_the_function_sees_turn_and_session() -> None:
    own = OwnSignals({"talk": {"said": "text", "turns": "integer"}})
    own.register("talk", lambda turn, session: {"said": turn.messages[-1].text, "turns": session.turns})
    assert own.measure(TURN, Session(turns=4)) == {"talk": {"said": "hi", "turns": 4}}


def _fails(_turn: Turn, _session: Session) -> dict[str, Any]:
    raise RuntimeError("no luck")


@pytest.mark.parametrize(
    "measure",
    [
        None,
        _fails,
        give(None),
        give(["gold"]),
        give({"level": "bronze"}),
        give({"years": True}),
        give({"years": 2**80}),
        give({"score": float("nan")}),
        give({"tags": [1]}),
        give({"note": "x" * 2_000}),
        give({"vip": 1}),
        give({"colour": "red"}),
        give({3: 4}),
    ],
)
@pytest.mark.parametrize(
    "rule", ["loyalty.level != 'gold'", "'!loyalty.vip'", "'!(loyalty.tags.exists(t, t == \"a\"))'"]
)
def test_what_is_unknown_makes_no_rule_hold_and_no_turn_fail(measure: Any, rule: str) -> None:
    own = routing(rule)
    if measure is not None:
        own.own_signals.register("loyalty", measure)
    decision = own.decide(TURN)
    assert decision.route == "direct"
    assert decision.signals["loyalty"] == {}
    assert any(reason.name == "own" and "counts as not matched" in reason.text for reason in decision.reasons)


def test_the_other_side_of_an_or_still_counts() -> None:
    assert routing("loyalty.vip || size.tokens < 100").decide(TURN).route == "plan"


def test_a_field_may_be_unknown_by_itself() -> None:
    own = routing("loyalty.level == 'gold'")
    own.own_signals.register("loyalty", give({"level": "gold", "years": None}))
    decision = own.decide(TURN)
    assert (decision.route, decision.signals["loyalty"]) == ("plan", {"level": "gold"})


def test_trouble_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    own = OwnSignals({"loyalty": {"level": "text"}})
    own.register("loyalty", _fails)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            own.measure(TURN, Session())
    assert [record.getMessage() for record in caplog.records] == [
        "signal loyalty is unknown: it failed: RuntimeError: no luck"
    ]


async def _waits(_turn: Turn, _session: Session) -> dict[str, Any]:
    return {}


@pytest.mark.parametrize(
    ("name", "measure", "said"),
    [
        ("loyal", give({}), "the policy declares no signal 'loyal'; did you mean 'loyalty'?"),
        ("loyalty", _waits, "needs a plain function"),
        ("loyalty", 3, "needs a plain function"),
    ],
)
def test_a_wrong_registration_is_refused(name: str, measure: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        OwnSignals({"loyalty": {"level": "text"}}).register(name, measure)
    assert said in str(caught.value)


def test_a_signal_has_one_function() -> None:
    own = OwnSignals({"loyalty": {"level": "text"}})
    own.register("loyalty", give({}))
    with pytest.raises(UsageError, match="has a function already"):
        own.register("loyalty", give({}))


@pytest.mark.parametrize(
    ("signals", "rule", "said"),
    [
        ("loyalty: {level: txt}", "turn.stream", "p.yaml:38: signals.loyalty.level: must be text, integer"),
        ("loyalty: {level: []}", "turn.stream", "signals.loyalty.level: must be text, integer"),
        ("loyalty: {}", "turn.stream", "signals.loyalty: must not be empty"),
        ("intent: {level: text}", "turn.stream", "signals.intent: is a built-in signal"),
        ("turn: {level: text}", "turn.stream", "signals.turn: is a built-in signal"),
        ("loyalty: {in: text}", "turn.stream", "'in' cannot stand in a condition"),
        ("Loyal-ty: {a: text}", "turn.stream", "'Loyal-ty' cannot stand in a condition"),
        ("loyalty: {level: [gold]}", "loyalty.level == 'bronze'", "loyalty.level is never 'bronze'"),
        ("loyalty: {level: text}", "loyalty.lvl == 'x'", "has no field 'lvl'; did you mean 'level'?"),
        ("loyalty: {level: text}", "loyalty.level > 3", "compares or combines values of different kinds"),
    ],
)
def test_declarations_and_their_rules_are_checked_when_the_policy_is_read(signals: str, rule: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(signals, rule)
    assert said in str(caught.value)
