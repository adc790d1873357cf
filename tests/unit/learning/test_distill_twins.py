from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.learning.distill_twins import Twins, grams, words

WORDS = [f"w{n}" for n in range(500)]


def test_what_is_taken_once_is_known() -> None:
    with Twins() as twins:
        assert twins.seen(b"a", "short") is None
        assert twins.seen(b"a", "short") == "duplicate"
        assert twins.seen(b"b", "short") is None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_a_text_with_one_word_changed_in_a_hundred_is_a_copy_and_another_text_is_none(seed: int) -> None:
    chance = random.Random(seed)
    text = chance.choices(WORDS, k=100)
    near = list(text)
    near[chance.randrange(100)] = "changed"
    other = chance.choices(WORDS, k=100)
    with Twins() as twins:
        assert twins.seen(b"1", " ".join(text)) is None
        assert twins.seen(b"2", " ".join(near)) == "near_duplicate"
        assert twins.seen(b"3", " ".join(other)) is None


def test_texts_half_alike_are_no_copies() -> None:
    text = " ".join(WORDS[:60])
    half = " ".join(WORDS[:30] + WORDS[200:230])
    with Twins() as twins:
        assert twins.seen(b"1", text) is None
        assert twins.seen(b"2", half) is None


def test_words_are_found_in_any_script() -> None:
    assert words("Wo ist's? ÄRGER!") == ["wo", "ist", "s", "ärger"]
    assert words("注文はどこ ok") == ["注", "文", "は", "ど", "こ", "ok"]
    assert len(grams("a b c d e f", 5)) == 2
    assert grams("a b", 5) == set()
