"""What is at stake: danger, stolen access, acts that cannot be undone, grief and threats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Measure = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "text",
    [
        "My chest hurts since this morning, is it ok to wait until Friday?",
        "my left arm went numb an hour ago",
        "my daughter can't breathe",
        "I took too many pills last night",
        "he swallowed a battery",
        "there's no reason to live any more",
        "I keep thinking about ending it, I just want to end it all",
        "I can smell gas in the kitchen",
        "the charger caught fire",
        "it won't stop bleeding",
        "Ich habe eine Überdosis genommen",
        "me duele el pecho",
        "fuite de gaz chez moi",
        "胸が痛いです",
    ],
)
def test_danger_to_life_is_a_safety_matter_of_high_risk(measure: Measure, text: str) -> None:
    found = measure("intent", text)
    assert (found["name"], found["risk"]) == ("medical_safety", "high")


@pytest.mark.parametrize(
    "text",
    [
        "someone called saying they're from your bank and i gave them the code from the sms",
        "i think my api key leaked on github",
        "I accidentally pushed our access token to a public repo",
        "a guy on the phone asked for my PIN",
        "there is a login from a device I don't recognize",
        "someone else is logged into my account",
        "hackearon mi cuenta",
        "mein Konto wurde gehackt",
        "アカウントが乗っ取られました",
    ],
)
def test_leaked_or_stolen_access_is_fraud(measure: Measure, text: str) -> None:
    found = measure("intent", text)
    assert (found["name"], found["risk"]) == ("fraud", "high")


@pytest.mark.parametrize(
    "text",
    [
        "I was sent a code but it does not work",
        "where do I enter my promo code?",
        "do you sell tablets?",
        "my phone is dead",
        "can I get a quick reply, this is urgent",
        "the kindle fire is out of stock",
        "I clicked the link in your mail and got an empty page",
    ],
)
def test_everyday_words_raise_no_alarm(measure: Measure, text: str) -> None:
    assert measure("intent", text)["name"] not in {"fraud", "medical_safety"}


@pytest.mark.parametrize(
    "text",
    [
        "delete workspace acme and everything in it",
        "please close my account",
        "wire 5,000 dollars to my landlord",
        "transfer the money to my sister",
        "cancel my life insurance policy",
        "drop the staging database",
        "quiero cerrar mi cuenta",
        "bitte mein Konto löschen",
    ],
)
def test_what_cannot_be_undone_is_of_high_risk(measure: Measure, text: str) -> None:
    assert measure("intent", text)["risk"] == "high"


@pytest.mark.parametrize(
    "text",
    [
        "Bed bugs. BED BUGS. I want a full refund and a different hotel tonight.",
        "Late again. LATE AGAIN.",
        "Ich will das Geld zurück, sonst gehe ich zum Anwalt",
        "Dann melde ich das der Verbraucherzentrale",
        "Wir werden Klage einreichen",
        "Voy a denunciarlos",
        "you will hear from my solicitor",
        "I need to cancel, my mother died yesterday",
        "my husband passed away last week and his phone contract is still running",
        "mein Vater ist gestorben",
        "there are cockroaches in my room",
    ],
)
def test_shouting_threats_and_grief_need_care(measure: Measure, text: str) -> None:
    assert measure("sentiment", text)["negative"] is True


@pytest.mark.parametrize(
    "text",
    [
        "not great not terrible, fine",
        "Not right now.",
        "not bad, nice",
        "Is this ok? OK.",
        "the battery died, which one fits?",
        "I'm not unhappy, just wondering why the bill went up by 3 euros",
    ],
)
def test_lukewarm_or_calm_is_not_negative(measure: Measure, text: str) -> None:
    assert measure("sentiment", text)["negative"] is False


def test_not_right_now_is_an_answer_and_not_a_vague_wish(measure: Measure) -> None:
    assert measure("ambiguity", "Not right now.")["any"] is False
    assert measure("ambiguity", "That's not right.")["vague"] is True


@pytest.mark.parametrize(
    "text",
    [
        "Change my Tuesday flight to Thursday, add a bag, and tell me whether my miles still apply",
        "please cancel the first one, refund it to my card and send me the receipt",
        "Update my address, then resend the invoice, if it is late waive the fee and call me",
        "Storniere den Flug, buche das Hotel und sende mir die Rechnung",
        "cancela el vuelo, cambia el hotel y envía la factura",
    ],
)
def test_a_chain_of_three_acts_takes_several_steps(measure: Measure, text: str) -> None:
    assert measure("ambiguity", text)["multi_step"] is True


@pytest.mark.parametrize(
    "text",
    [
        "find me a flight to Rome on friday and book the cheapest",
        "I need to change my order, please help",
        "Book a table for two",
    ],
)
def test_one_or_two_acts_are_no_chain(measure: Measure, text: str) -> None:
    assert measure("ambiguity", text)["multi_step"] is False


@pytest.mark.parametrize(
    "text",
    [
        "dois cães e três noites a 15 euros cada?",
        "¿cuánto es por dos perros y tres noches a 15 euros cada una?",
        "combien pour deux chiens et trois nuits à 15 euros chacun ?",
        "was kosten zwei Hunde und drei Nächte zu je 15 Euro?",
        "quanto viene per due cani e tre notti a 15 euro ciascuno?",
        "how much for two dogs and three nights at fifteen euros each?",
    ],
)
def test_prices_per_unit_in_words_take_arithmetic(measure: Measure, text: str) -> None:
    assert measure("quantitative", text)["needed"] is True


@pytest.mark.parametrize(
    "text", ["a table for two, three at most?", "is it 15 euros per night?", "each of the two is late"]
)
def test_a_price_or_a_count_alone_takes_none(measure: Measure, text: str) -> None:
    assert measure("quantitative", text)["needed"] is False


@pytest.mark.parametrize(
    ("text", "agent"),
    [("cool", "Yes."), ("👍", "Yes, 7 to 10."), ("no", "Anything else?"), ("got it", "8 kg."), ("❤️", "Done.")],
)
def test_taking_note_is_small_talk(measure: Measure, text: str, agent: str) -> None:
    found = measure("intent", text, "is breakfast included?", agent)
    assert (found["recognised"], found["risk"]) == (True, "none")


@pytest.mark.parametrize(("text", "agent"), [("cool", "Shall I book it?"), ("no", "Which size?"), ("👍", "Refund it?")])
def test_an_answer_to_a_question_is_none(measure: Measure, text: str, agent: str) -> None:
    assert measure("intent", text, "hello", agent)["recognised"] is False


@pytest.mark.parametrize(
    "text", ["is breakfast included?", "are dogs allowed?", "Boa tarde, vocês aceitam cães?", "is parking free?"]
)
def test_yes_or_no_questions_about_the_offer_are_faq(measure: Measure, text: str) -> None:
    assert measure("intent", text)["name"] == "faq"
