"""Sentiment, intent, ambiguity, quantities, language: what the last text says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Measure = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "text",
    [
        "Not bad at all.", "I've never been disappointed with you.", "It's fine, I'm not angry.",
        "No problem, take your time",
        "The package is late.", "Thanks so much!", "My charger is broken, what can I do?", "no thank you",
        "tell me a joke",
        "It was not a terrible experience.", "without any problems so far",
    ],
)  # fmt: skip
def test_calm_texts_are_not_negative(measure: Measure, text: str) -> None:
    assert measure("sentiment", text)["negative"] is False


@pytest.mark.parametrize(
    "text",
    [
        "I'm not happy.", "This is unacceptable", "worst service ever", "I want a refund NOW, you are useless!!",
        "Thanks for nothing.",
        "Oh great, another delay.", "I'm going to sue you", "never shopping here again", "I am really disappointed",
        "fuck this",
        "Das ist eine Frechheit!", "esto es inaceptable", "C'est inadmissible", "😡",
        "nobody has answered for two weeks",
        "not good enough",
    ],
)  # fmt: skip
def test_angry_texts_are_negative(measure: Measure, text: str) -> None:
    assert measure("sentiment", text)["negative"] is True


@pytest.mark.parametrize(
    "text", ["let me speak to a human", "agent", "I want your manager", "quiero hablar con una persona"]
)
def test_wish_for_a_person(measure: Measure, text: str) -> None:
    assert measure("sentiment", text)["asks_human"] is True


@pytest.mark.parametrize(
    ("text", "name", "risk"),
    [
        ("Where is my order?", "order_status", "low"),
        ("I want my money back", "refund", "high"),
        ("please cancel my subscription", "cancel", "medium"),
        ("I was charged twice", "billing", "high"),
        ("I forgot my password", "account_access", "medium"),
        ("someone hacked my account", "fraud", "high"),
        ("delete my data", "legal_privacy", "high"),
        ("my son swallowed a battery", "medical_safety", "high"),
        ("the app keeps crashing", "technical_problem", "medium"),
        ("thanks!", "thanks", "none"),
        ("hi, I want a refund, thanks", "refund", "high"),
        ("Je voudrais un remboursement", "refund", "high"),
        ("我想退款", "refund", "high"),
    ],
)
def test_intents(measure: Measure, text: str, name: str, risk: str) -> None:
    found = measure("intent", text)
    assert (found["name"], found["risk"], found["recognised"]) == (name, risk, True)


@pytest.mark.parametrize("text", ["", "asdkjh qwlekj", "What is the capital of Mongolia?", "🤷", "1234"])
def test_what_is_not_recognised_is_unknown_not_simple(measure: Measure, text: str) -> None:
    found = measure("intent", text)
    assert (found["name"], found["recognised"]) == ("unknown", False)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("First check the stock, then exchange it, otherwise refund me.", "multi_step", True),
        ("Where is my order?", "multi_step", False),
        ("Where's my parcel, and how do I reset my password?", "multi_intent", True),
        ("It is broken and I want to return it.", "multi_intent", False),
        ("help", "vague", True),
        ("it doesn't work", "vague", True),
        ("hi", "vague", False),
        ("Cancel order 5521", "vague", False),
    ],
)
def test_ambiguity(measure: Measure, text: str, field: str, value: bool) -> None:
    found = measure("ambiguity", text)
    assert found[field] is value
    assert found["any"] == any(found[name] for name in ("multi_step", "multi_intent", "vague"))


def test_a_short_answer_to_a_question_is_not_vague(measure: Measure) -> None:
    assert measure("ambiguity", "the second one", "hi", "Which one is broken?")["vague"] is False


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("What's 15% of 84.50?", True),
        ("How much do I get back if I return two of five shirts at $24.99?", True),
        ("split 312 euros between 7 people", True),
        ("Where is order 4471?", False),
        ("I ordered 2 chairs on 12/05", False),
        ("my number is 555-123-4567", False),
    ],
)
def test_quantities(measure: Measure, text: str, needed: bool) -> None:
    assert measure("quantitative", text)["needed"] is needed


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where is my order?", "en"), ("¿Dónde está mi pedido?", "es"), ("Où est ma commande ?", "fr"),
        ("Wo ist mein Paket?", "de"),
        ("Dov'è il mio ordine?", "it"), ("Onde está o meu pedido?", "pt"), ("Waar is mijn bestelling?", "nl"),
        ("Где мой заказ?", "ru"),
        ("注文をキャンセルしたい", "ja"), ("我想退款", "zh"), ("환불해 주세요", "ko"), ("أين طلبي؟", "ar"),
        ("xk qz", "und"), ("", "und"),
    ],
)  # fmt: skip
def test_languages(measure: Measure, text: str, code: str) -> None:
    assert measure("language", text) == {"code": code, "english": code == "en"}


def test_a_word_that_tells_nothing_takes_the_language_of_the_turn_before(measure: Measure) -> None:
    assert measure("language", "ok", "Wo ist mein Paket?", "Moment bitte.")["code"] == "de"
