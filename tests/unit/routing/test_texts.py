"""Texts that come again are not read again, and nothing else changes by it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.domain.decision import Decision
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.routing.lexicon.match import Words
from pointsman.routing.router import Routing
from pointsman.routing.signals import measure_all
from pointsman.routing.texts import Texts

SAID = st.sampled_from(
    [
        "Where is my order 1182?",
        "I WANT A HUMAN!! My card is 4111 1111 1111 1111",
        "size=400; 3 x 4 = ?",
        "Ja, bitte stornieren.",
        "",
        "yes",
    ]
) | st.text(max_size=60)


@given(st.lists(SAID, min_size=1, max_size=6))
@settings(max_examples=60)
def test_a_remembered_text_measures_the_same(said: list[str]) -> None:
    texts = Texts(most=3)
    messages: tuple[Message, ...] = ()
    for text in said:
        messages = (*messages, Message("user", (Text(text),)))
        turn = Turn(messages=messages)
        fresh = measure_all(turn, EMPTY_SESSION)
        assert measure_all(turn, EMPTY_SESSION, texts.words) == fresh
        assert measure_all(turn, EMPTY_SESSION, texts.words) == fresh
        messages = (*messages, Message("assistant", (Text(f"You said {text}. Shall I go on?"),)))


def test_a_decision_does_not_depend_on_those_before(starter: Callable[..., Routing]) -> None:
    def plain(decision: Decision) -> Decision:
        return msgspec.structs.replace(decision, id="", decided_us=0.0)

    turns = [
        Turn(messages=(Message("user", (Text(text),)),)) for text in ("Refund it!", "Refund it!", "When?", "Refund it!")
    ]
    warm = starter("rubric")
    assert [plain(warm.decide(turn)) for turn in turns] == [plain(starter("rubric").decide(turn)) for turn in turns]


def test_the_oldest_is_forgotten_and_a_long_one_is_not_kept() -> None:
    texts = Texts(most=2, longest=10)
    first = texts.words("one")
    assert texts.words("one") is first
    texts.words("two")
    texts.words("three")
    assert texts.words("one") is not first
    long = texts.words("x" * 11)
    assert texts.words("x" * 11) is not long
    assert long == Words.of("x" * 11)
