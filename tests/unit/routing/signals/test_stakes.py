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
