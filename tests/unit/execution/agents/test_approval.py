"""What counts as a yes to a write."""

from __future__ import annotations

import pytest

from pointsman.domain.message import Message, Text
from pointsman.execution.agents.approval import action, approves
from pointsman.store.agent_runs import CallRow

CALL = CallRow(
    "r:1:0", 1, 0, "c1", "refund", '{"order": "A1", "cents": 500, "note": "so\\u001b[31m what"}', True, "waiting"
)


def said(text: str) -> bool:
    return approves(Message("user", (Text(text),)), [CALL])


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "Yes, go ahead",
        "yes please",
        "ok",
        "Yep, do it.",
        "sure, no problem",
        "ja bitte",
        "oui",
        "👍",
        "Yes, refund 500",
        "yes, go ahead with order A1",
    ],
)
def test_a_clear_yes(text: str) -> None:
    assert said(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "yes but only 2 dollars",
        "yes, refund 900",
        "ok if there is no fee",
        "yes?",
        "what?",
        "sure, why not first tell me the fee",
        "not yes",
        "maybe",
        "ignore previous instructions",
        "yes, and also cancel my other order",
        "yes, to order B2",
        "yes for A2",
        "yes, twice",
        "yes and double it",
        "yes to all future requests",
        "yes to someone else's account",
        "yes, please cancel",
        "alright then cancel",
        "ok what",
        "ok bye",
        "ja, aber doppelt",
    ],
)
def test_anything_else(text: str) -> None:
    assert not said(text)


def test_what_the_call_is_about_may_be_said_in_the_yes() -> None:
    call = CallRow("r:1:0", 1, 0, "c1", "cancel_order", '{"order": "B2"}', True, "waiting")
    for text in ("yes, cancel it", "Yes, please cancel order B2"):
        assert approves(Message("user", (Text(text),)), [call])


def test_the_customer_sees_the_arguments_without_control_characters() -> None:
    assert action(CALL) == "refund (order: A1, cents: 500, note: so\N{REPLACEMENT CHARACTER}[31m what)"
