"""Every starter policy sends example turns where its comments say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pointsman.domain.decision import Decision
from pointsman.domain.message import OutputFormat, Tool
from pointsman.domain.turn import Session, Turn
from pointsman.errors import UsageError
from pointsman.routing.router import Routing
from pointsman.routing.templates import LINEUPS, TEMPLATES, render

Starter = Callable[..., Routing]
Ask = Callable[..., Turn]
Decide = Callable[..., Decision]
Example = tuple[str, str]

FAQ = "What are your opening hours?"
ORDER = "Where is my order 1182?"
REFUND = "I was charged twice for invoice 88, I want a refund."
TWO_WISHES = "I want a refund for order 12, then change my address and cancel the subscription."
ANGRY = "This is ridiculous, the worst service ever!"
CARD = "My card number is 4111 1111 1111 1111"
LONG = "Please read this report and tell me what it says. " + "The pump was serviced in March. " * 300
NONSENSE = "zxcv qwer"
THREAD = "\n".join(
    [
        "Hi, I am taking over this matter from my brother. Please tell me what is still open on your side and what comes next.",
        "",
        "---- 1. From: Jonas, 2 September ----\nWe would like to order tents, and then mats. Can you deliver them in October?",
        *["---- 2. From: Mira, 3 September ----\nTwo deliveries are possible, the invoice comes with the first one."]
        * 90,
        "---- 9. From: Jonas, 21 October ----\nThe tents stood in the rain. This is disappointing and I am annoyed.",
    ]
)
RANT = "You never answer and I am furious, this is unacceptable and you ignored me. Three weeks and nothing came. " * 90

EXAMPLES: dict[str, list[Example]] = {
    "rubric": [
        (FAQ, "direct"),
        (ORDER, "tools"),
        (REFUND, "tools"),
        (TWO_WISHES, "plan"),
        (ANGRY, "plan"),
        ("I want to talk to a human being", "plan"),
        ("not bad, thanks!", "direct"),
        (LONG, "summarize"),
        (LONG + ANGRY, "plan"),
        (ANGRY + " " + LONG, "plan"),
        (THREAD, "summarize"),
        ("This is ridiculous, nobody reads what I write!\n\n" + THREAD.partition("next.")[2], "plan"),
        ("I want to talk to a human being about this.\n\n" + THREAD, "plan"),
        (RANT, "plan"),
        ("Thank you! I need a bus to get there.", "tools"),
        ("Hi, I'd like to make some changes to my upcoming trip.", "tools"),
        ("thanks, and when will it arrive?", "tools"),
        ("Thank you for all of your help.", "direct"),
        ("I plan to check in on the 3rd of March.", "tools"),
        ("Find me a one-star hotel please", "tools"),
        ("I am leaving for Sacramento at nine.", "tools"),
        ("I need help finding an apartment.", "tools"),
        ("Somebody ordered on my account and it wasn't me!", "plan"),
        ("My chest hurts and my left arm feels numb", "plan"),
        ("i gave them the code from the sms", "plan"),
        ("delete workspace acme and everything in it", "tools"),
        ("I need to cancel my booking, my mother died yesterday", "plan"),
        (NONSENSE, "tools"),
    ],
    "intent": [
        (FAQ, "direct"),
        (ORDER, "tools"),
        (REFUND, "plan"),
        (TWO_WISHES, "plan"),
        (ANGRY, "plan"),
        (NONSENSE, "balanced"),
    ],
    "two-tier": [(FAQ, "simple"), (TWO_WISHES, "complex"), (ANGRY, "complex"), (NONSENSE, "complex")],
    "baseline-premium": [(FAQ, "baseline"), (NONSENSE, "baseline"), (REFUND, "premium"), (ANGRY, "premium")],
    "tool-steps-small": [(FAQ, "plan"), ("thank you!", "direct"), (LONG, "summarize"), (ANGRY, "plan")],
    "on-prem": [(FAQ, "direct"), (CARD, "private"), (ANGRY, "plan"), (ORDER, "tools")],
    "voice": [(FAQ, "direct"), (ORDER, "tools"), (REFUND, "plan"), (ANGRY, "plan")],
}


@pytest.mark.parametrize(
    ("template", "example"), [(template, example) for template, examples in EXAMPLES.items() for example in examples]
)
def test_example_turns_go_where_the_comments_say(
    starter: Starter, ask: Ask, decide: Decide, template: str, example: Example
) -> None:
    text, route = example
    assert decide(starter(template), ask(text)).route == route


@pytest.mark.parametrize(
    ("texts", "route"),
    [
        (("It is a museum. Does that sound like a place to see?", "Yes that sounds wonderful."), "tools"),
        (("Is there anything else I can do?", "No, you've been a great help."), "direct"),
        (("Shall I look for another one?", "Not right now."), "tools"),
        (
            ("I cannot change it. I can transfer you to a human agent. Would you like that?", "Is there another way?"),
            "tools",
        ),
        (("I cannot change it. Would you like me to transfer you to a human agent?", "Yes please"), "plan"),
        (("I am transferring you to a human agent now.", "How long will that take?"), "plan"),
        (("The $50 have been transferred to Ann.", "Within how many days will it be done?"), "tools"),
        (
            (
                "Is that right?",
                "Yes that is correct.",
                "And that?",
                "Yes that is correct.",
                "So?",
                "Yes that is correct.",
            ),
            "tools",
        ),
    ],
)
def test_what_an_answer_means_depends_on_what_it_answers(
    starter: Starter, ask: Ask, decide: Decide, texts: tuple[str, ...], route: str
) -> None:
    texts = texts if len(texts) % 2 else ("I would like to see something nice in Oslo.", *texts)
    assert decide(starter("rubric"), ask(*texts)).route == route


def test_a_stolen_account_is_an_emergency(starter: Starter, ask: Ask, decide: Decide) -> None:
    decision = decide(starter("rubric"), ask("Somebody ordered on my account and it wasn't me!"))
    assert decision.intent == "fraud"
    assert "emergency" in [reason.name for reason in decision.reasons]


def test_every_template_is_covered_by_examples() -> None:
    assert set(EXAMPLES) == set(TEMPLATES)


@pytest.mark.parametrize("lineup", LINEUPS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_serves_every_example_with_the_models_of_any_line_up(
    starter: Starter, ask: Ask, decide: Decide, template: str, lineup: str
) -> None:
    routing = starter(template, lineup)
    for text, route in EXAMPLES[template]:
        decision = decide(routing, ask(text))
        assert decision.route == route
        if lineup != "mixed" and route != "private":
            assert decision.model.partition("/")[0] == lineup


def test_agents_and_extraction_take_the_premium_route(
    starter: Starter, ask: Ask, decide: Decide, tools: tuple[Tool, ...]
) -> None:
    routing = starter("baseline-premium")
    assert decide(routing, ask(ORDER, tools=tools)).route == "premium"
    extraction = ask("Read the invoice number", output_format=OutputFormat("json_schema", {"type": "object"}))
    assert decide(routing, extraction).route == "premium"


def test_the_rubric_sends_the_word_yes_by_what_it_answers(starter: Starter, ask: Ask, decide: Decide) -> None:
    routing = starter("rubric")
    risky = ask("I want my money back for order 12.", "I can refund $40 to your card. Shall I go ahead?", "yes")
    assert decide(routing, risky).route != "direct"
    assert decide(routing, ask("yes")).route != "direct"


def test_an_escalated_conversation_stays_with_the_flagship(starter: Starter, ask: Ask, decide: Decide) -> None:
    decision = decide(starter("rubric"), ask(FAQ), Session(conversation_id="c", escalated=True))
    assert decision.route == "plan"
    assert decision.tier == "flagship"


def test_a_retired_model_drops_out_by_itself(starter: Starter, ask: Ask, decide: Decide) -> None:
    from datetime import UTC, datetime

    routing = starter("rubric", "openai")
    assert decide(routing, ask(FAQ)).tier == "small"
    later = decide(routing, ask(FAQ), now=datetime(2026, 12, 12, tzinfo=UTC))
    assert later.tier == "mid"
    assert later.excluded[0].constraint == "retired"


def test_voice_says_which_first_token_time_it_could_not_check(starter: Starter, ask: Ask, decide: Decide) -> None:
    decision = decide(starter("voice"), ask(FAQ, channel="voice"))
    assert decision.reasons[-1].text.endswith("is unknown: the limit of 800 ms is not checked")


def test_one_model_answers_and_the_reasons_say_so(starter: Starter, ask: Ask, decide: Decide) -> None:
    assert "it plans, and small replies by the plan" in decide(starter("rubric"), ask(ANGRY)).reasons[-1].text
    assert "small condenses the long message first" in decide(starter("rubric"), ask(LONG)).reasons[-1].text


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no template 'rubrik'; there are rubric,"):
        render("rubrik")
    with pytest.raises(UsageError, match="no line-up 'azure'; there are mixed,"):
        render("rubric", "azure")
