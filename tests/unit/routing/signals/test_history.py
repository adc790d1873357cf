from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pointsman.domain.message import Message, Text, ToolCall
from pointsman.domain.turn import EMPTY_SESSION, Session, Turn
from pointsman.routing.signals import as_plain, measure_all

Measure = Callable[..., dict[str, Any]]

REFUND = ("I want my money back", "I can refund $84.20 to your card. Shall I go ahead with the refund?")


@pytest.mark.parametrize(
    "yes",
    ["yes", "Yes.", "go ahead", "ok do it", "sure, thanks", "no problem, go ahead", "sí", "ja bitte", "oui", "👍"],
)
def test_a_yes_to_a_pending_refund_is_an_approval(measure: Measure, yes: str) -> None:
    found = measure("history", yes, *REFUND)
    assert (found["open_risky_action"], found["approval"]) == ("refund", True)


@pytest.mark.parametrize(
    "other", ["no", "wait", "not yet", "don't do it", "no, keep it", "how long does that take?", "hmm"]
)
def test_anything_else_is_no_approval_but_the_action_stays_open(measure: Measure, other: str) -> None:
    found = measure("history", other, *REFUND)
    assert (found["open_risky_action"], found["approval"]) == ("refund", False)


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ("Are you sure you want to cancel your subscription?", "cancel"),
        ("Please confirm: transfer $200 to Maria.", "transfer"),
        ("Soll ich die Bestellung stornieren?", "cancel"),
        ("¿Quiere que cancele el pedido?", "cancel"),
        ("Do you want me to delete your account for good?", "delete"),
        ("I found Tuesday 10:30. Should I book it?", "booking"),
        ("2 bus tickets to Oslo on 1 March. Do you confirm?", "booking"),
        ("Is there anything else I can help you with regarding your refund?", ""),
        ("Would you like to know more about our refund policy?", ""),
        ("Can you confirm your email address for the refund?", ""),
        ("Your refund was sent yesterday.", ""),
        ("Did you restart the router?", ""),
    ],
)
def test_which_questions_open_a_risky_action(measure: Measure, asked: str, kind: str) -> None:
    assert measure("history", "yes", "hello", asked)["open_risky_action"] == kind


def test_a_yes_without_anything_pending_approves_nothing(measure: Measure) -> None:
    assert measure("history", "yes")["approval"] is False


def test_the_session_can_know_of_an_open_action(measure: Measure) -> None:
    found = measure("history", "yes please", session=Session(open_risky_action="payment", escalated=True, turns=7))
    assert found == {
        "escalated": True, "reasked": 0, "open_risky_action": "payment", "approval": True, "changed_mind": False, "turns": 7,
    }  # fmt: skip


def test_an_unanswered_write_call_is_an_open_action() -> None:
    messages = (
        Message("user", (Text("cancel it"),)),
        Message("assistant", (ToolCall("c1", "cancel_order", "{}"),)),
        Message("user", (Text("yes"),)),
    )
    found = as_plain(measure_all(Turn(messages=messages), EMPTY_SESSION))["history"]
    assert (found["open_risky_action"], found["approval"]) == ("cancel", True)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("Actually, make it two.", True),
        ("never mind", True),
        ("on second thought keep the old address", True),
        ("doch nicht stornieren", True),
        ("thanks, that's right", False),
        ("I got a red one instead of the blue one", True),
    ],
)
def test_changed_minds(measure: Measure, text: str, changed: bool) -> None:
    assert measure("history", text, "add three bottles", "Done.")["changed_mind"] is changed


def test_instead_in_the_first_turn_changes_nothing(measure: Measure) -> None:
    assert measure("history", "I got a red one instead of the blue one")["changed_mind"] is False


def test_asking_the_same_again_is_counted(measure: Measure) -> None:
    found = measure("history", "when will my order 5512 arrive?", "When will my order 5512 arrive", "In 3-5 days.")
    assert found["reasked"] == 1
    assert measure("history", "I already told you, 5512", "where is order 5512", "Which order?")["reasked"] >= 1


def test_an_agent_that_hands_over_leaves_an_escalated_case(measure: Measure) -> None:
    assert measure("history", "ok", "help", "I'm transferring you to a specialist.")["escalated"] is True
    assert measure("history", "ok", "help", "What is your order number?")["escalated"] is False


@pytest.mark.parametrize(
    ("said", "asked", "yes", "kind"),
    [
        ("we're leaving", "This can't be undone. Delete 'acme' with 14,220 documents?", "yep", "delete"),
        ("the cheapest flight", "Found one at 14:20 for 89 EUR. Book it?", "sure, go for it", "booking"),
        ("move 2500 from savings to checking", "250 then. OK?", "ok", "change"),
        ("cancel my booking", "I'm so sorry. Cancel and refund to your card?", "please", "refund"),
        ("cancel my booking", "Cancel and refund to your card?", "Please do, thank you!", "refund"),
        ("my plan", "So, upgrade you to Pro for $20?", "by all means", "change"),
        ("返金してください", "返金しますか？", "はい、お願いします", "refund"),
        ("我要退款", "可以为您退款吗？", "好的", "refund"),
        ("환불해 주세요", "환불해 드릴까요?", "네 부탁드려요", "refund"),
        ("voglio disdire", "Annullo la prenotazione?", "sì grazie", "booking"),
    ],
)
def test_a_plain_question_that_names_an_act_opens_it_and_a_plain_yes_approves(
    measure: Measure, said: str, asked: str, yes: str, kind: str
) -> None:
    found = measure("history", yes, said, asked)
    assert found["approval"] is True
    assert found["open_risky_action"] in {kind, "cancel", "transfer"}


@pytest.mark.parametrize(
    "back",
    ["ok but why?", "sure?", "yes?", "how much?", "ok, what does that cost?", "really?", "please wait", "please don't",
     "thanks", "why please", "いいえ", "お願いだから待って", "hmm"],
)  # fmt: skip
def test_a_question_back_or_mere_manners_approve_nothing(measure: Measure, back: str) -> None:
    found = measure("history", back, "we leave", "Delete 'acme' with 14,220 documents?")
    assert (found["open_risky_action"], found["approval"]) == ("delete", False)


@pytest.mark.parametrize(
    "asked",
    ["Which order is it?", "Anything else?", "How can I help?", "What did you order?", "OK?",
     "Did the refund arrive?", "Is it about your booking or about a bill?"],
)  # fmt: skip
def test_questions_that_put_nothing_at_risk_open_nothing(measure: Measure, asked: str) -> None:
    assert measure("history", "yes", "hello", asked)["open_risky_action"] == ""
