"""A policy's privacy section looks at everything that travels with a turn."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from pointsman.domain.decision import Decision
from pointsman.domain.message import Document, Message, Text, Tool, ToolCall, ToolResult
from pointsman.domain.turn import Turn
from pointsman.errors import NoEligibleModel
from pointsman.routing.privacy import MOST
from pointsman.routing.router import Routing

Build = Callable[..., Routing]
Decide = Callable[..., Decision]

MODELS = """
models:
  vllm/own: {tier: small, context_window: 2000000, tools: true, hosting: on_prem, free: true, source: a test, as_of: 2026-11-01}
  openai/theirs: {tier: small, context_window: 2000000, tools: true, source: a test, as_of: 2026-11-01}
"""
BASE = """
version: 1
providers: {vllm: {host: vllm}, openai: {host: openai}}
tiers: {small: [openai/theirs, vllm/own]}
routes: {direct: {tiers: [small], choose: listed}}
default_route: direct
"""
SENSITIVE = "privacy: {sensitive: {on_prem_only: true}}\n"
PERSONAL = "privacy: {personal: {on_prem_only: true}}\n"
CARD = "4111 1111 1111 1111"
IBAN = "DE89 3704 0044 0532 0130 00"


def said(role: str, *texts: str) -> Message:
    return Message(role, tuple(Text(text) for text in texts))  # type: ignore[arg-type]


SMALL_TALK = tuple(message for _ in range(6) for message in (said("assistant", "I see."), said("user", "and then?")))
CALL = said("user", "check it"), Message("assistant", (ToolCall("c1", "pay", '{"note":"x"}'),))
DONE = said("assistant", "Done."), said("user", "thanks, what now?")


def result(text: str) -> Message:
    return Message("tool", (ToolResult("c1", (Text(text),)),))


PLACES = {
    "far up": ((said("user", f"my card is {CARD}"), *SMALL_TALK), "card in the customer's message 1"),
    "the agent": ((said("user", "hi"), said("assistant", f"I have {IBAN} here."), *SMALL_TALK), "iban in the agent's message 2"),
    "a result": ((*CALL, result('{"name":"A","card":"4111111111111111"}'), *DONE), "card in the result of pay (message 3)"),
    "a result with escapes": ((*CALL, result('{"text":"Hello\\n4111111111111111"}'), *DONE), "card in the result of pay"),
    "arguments": (
        (
            said("user", "pay it"),
            Message("assistant", (ToolCall("c1", "pay", '{"iban":"DE89370400440532013000"}'),)),
            result("ok"),
            *DONE,
        ),
        "iban in the arguments for pay (message 2)",
    ),
    "split over parts": ((said("user", "it is 4111 1111", "1111 1111 ok?"), *SMALL_TALK), "card in the customer's message 1"),
    "split over messages": (
        (said("user", "it is 4111 1111"), said("user", "1111 1111"), *SMALL_TALK),
        "card in the customer's message 1",
    ),
    "split over the agent's words": (
        (said("user", "it is 4111 1111"), said("assistant", "and then?"), said("user", "1111 1111"), *SMALL_TALK),
        "card in several messages read together",
    ),
    "an answer to its question": (
        (said("user", "hi"), said("assistant", "Your social security number?"), said("user", "536904399"), *SMALL_TALK),
        "ssn in several messages read together",
    ),
    "line breaks": ((said("user", "it is 4111 1111\n1111 1111"), *SMALL_TALK), "card in the customer's message 1"),
    "percent signs": ((said("user", "see ?pan=4111%201111%201111%201111"), *SMALL_TALK), "card in the customer's message 1"),
    "a key": ((said("user", "use gsk_abcdefghij0123456789xyz"), *SMALL_TALK), "secret in the customer's message 1"),
    "the middle of a long text": (
        (said("user", "so it goes on and on " * 900 + CARD + " and so forth" * 900),),
        "card in the customer's message 1",
    ),
    "a text document": (
        (Message("user", (Document("text/plain", data=base64.b64encode(CARD.encode()).decode()),)), *SMALL_TALK),
        "card in the customer's message 1",
    ),
    "the system prompt": ((said("system", f"Customer card: {CARD}"), said("user", "hello")), "card in the system prompt"),
    "with expiry and code": ((said("user", f"{CARD} 12/27 123"), *SMALL_TALK), "card in the customer's message 1"),
    "after another number": ((said("user", f"order 12345678 {IBAN}"), *SMALL_TALK), "iban in the customer's message 1"),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_sensitive_data_anywhere_confines_the_turn_and_the_reason_says_where(
    build: Build, decide: Decide, place: str
) -> None:
    messages, where = PLACES[place]
    decision = decide(
        build(SENSITIVE, base=BASE, models=MODELS), Turn(messages=messages, tools=(Tool("pay", "Pays."),))
    )
    assert decision.model == "vllm/own"
    assert [(item.model, item.constraint) for item in decision.excluded] == [("openai/theirs", "on_prem")]
    assert where in decision.excluded[0].text
    said_in_reasons = [reason.text for reason in decision.reasons if reason.name == "privacy"]
    assert len(said_in_reasons) == 1
    assert where in said_in_reasons[0]
    assert "4111" not in repr(decision.reasons) + repr(decision.excluded), "the data itself is never repeated"


@pytest.mark.parametrize("place", PLACES)
def test_without_a_privacy_section_nothing_is_searched(build: Build, decide: Decide, place: str) -> None:
    messages, _ = PLACES[place]
    decision = decide(build(base=BASE, models=MODELS), Turn(messages=messages, tools=(Tool("pay", "Pays."),)))
    assert decision.model == "openai/theirs"
    assert not decision.excluded


def test_the_shop_s_own_contact_details_in_the_system_prompt_confine_nothing(build: Build, decide: Decide) -> None:
    system = said(
        "system", "You help at shop@example.com, phone +1 555 123 4567, 12 Elm Street. Never ask for a password."
    )
    turn = Turn(messages=(system, said("user", "hello there")))
    assert decide(build(PERSONAL, base=BASE, models=MODELS), turn).model == "openai/theirs"
    mail = Turn(messages=(said("user", "I am ann@example.com"), *SMALL_TALK))
    decision = decide(build(PERSONAL, base=BASE, models=MODELS), mail)
    assert decision.model == "vllm/own"
    assert "email in the customer's message 1" in decision.excluded[0].text


def test_ordinary_numbers_confine_nothing(build: Build, decide: Decide) -> None:
    texts = ["order 118234477 of 2026-11-21", "it costs 1,299.00 and 3 came", "reference ZFA04Y", "#W2378156"]
    for text in texts:
        turn = Turn(messages=(said("user", text), *SMALL_TALK))
        assert decide(build(SENSITIVE, base=BASE, models=MODELS), turn).model == "openai/theirs", text


def test_what_is_too_long_to_search_counts_as_sensitive(build: Build, decide: Decide) -> None:
    turn = Turn(messages=(said("user", "word " * (MOST // 5 + 1)), said("assistant", "ok"), said("user", "hello")))
    decision = decide(build(SENSITIVE, base=BASE, models=MODELS), turn)
    assert decision.model == "vllm/own"
    assert "more than 1,000,000 characters" in decision.excluded[0].text


def test_a_pin_does_not_get_round_the_promise(build: Build, decide: Decide) -> None:
    turn = Turn(messages=(said("user", f"my card is {CARD}"), *SMALL_TALK))
    with pytest.raises(
        NoEligibleModel, match=r"sensitive data \(card in the customer's message 1\): only models on your"
    ):
        decide(build(SENSITIVE, base=BASE, models=MODELS), turn, pin="openai/theirs")


def test_what_was_searched_before_is_found_again(build: Build, decide: Decide) -> None:
    routing = build(SENSITIVE, base=BASE, models=MODELS)
    card = Turn(messages=(said("user", f"my card is {CARD}"), *SMALL_TALK))
    plain = Turn(messages=(said("user", "my order is 1182"), *SMALL_TALK))
    for _ in range(2):
        assert decide(routing, card).model == "vllm/own"
        assert decide(routing, plain).model == "openai/theirs"
