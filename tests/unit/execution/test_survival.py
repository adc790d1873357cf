"""What a summary lost is found, whatever the summary calls it, and comes back word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.execution.routes.survival import invented, own_words, survived

ALL = ("ids", "amounts", "dates", "addresses", "commitments")
TEXT = (
    "Hello there. Order A-77120 was paid with 1,249.50 EUR on 3 September 2026. Write to jo@example.org or see "
    "https://x.example/terms. Mr Weber promised a replacement by 12 October. The rest is small talk."
)


def test_nothing_is_missing_from_a_faithful_summary() -> None:
    summary = (
        "Order a77120, EUR 1249.50 paid 2026-09-03; jo@example.org, https://x.example/terms/. "
        "Weber promised a replacement until 12 October."
    )
    assert survived(TEXT, summary, ALL).missing == ()


@pytest.mark.parametrize(
    ("lost", "kind"),
    [("A-77120", "ids"), ("1,249.50 EUR", "amounts"), ("3 September 2026", "dates"), ("jo@example.org", "addresses")],
)
def test_each_kind_is_looked_for_where_the_policy_names_it(lost: str, kind: str) -> None:
    summary = TEXT.replace(lost, "it")
    found = survived(TEXT, summary, (kind,))
    assert found.missing == (lost,)
    assert any(lost in passage for passage in found.passages)
    assert survived(TEXT, summary, tuple(name for name in ALL if name not in {kind, "commitments"})).missing == ()


def test_a_commitment_comes_back_whole() -> None:
    found = survived(TEXT, "Order A-77120, 1249.50 EUR, 2026-09-03, 12 October.", ("commitments",))
    assert found.passages == ("Mr Weber promised a replacement by 12 October.",)


def test_neighbours_share_a_passage() -> None:
    assert len(survived("Paid 10 EUR, 20 EUR and 30 EUR.", "", ("amounts",)).passages) == 1


@given(st.text(max_size=400), st.text(max_size=100))
def test_what_is_put_back_brings_back_every_fact(text: str, summary: str) -> None:
    keep = ALL[:4]
    found = survived(text, summary, keep)
    again = survived(text, "\n".join((summary, *found.passages)), keep)
    assert again.missing == ()


@given(st.text(max_size=600))
def test_own_words_are_words_of_the_text(text: str) -> None:
    head, tail = own_words(text)
    assert len(head) + len(tail) <= 7 * 301


def test_questions_stay() -> None:
    text = "Hi. I am Jo. " + "It rained. " * 50 + "Where is it? " + "It rained. " * 50 + "Please help. Bye."
    head, tail = own_words(text)
    assert head == "Hi. I am Jo."
    assert tail == "Where is it? Please help. Bye."


def test_a_summary_may_word_facts_anew_and_invent_none() -> None:
    original = "Order A-7731 cost 49,90 EUR; write to anna@example.com by 3 May 2026."
    assert invented(original, "A7731, \u20ac49.90, due 2026-05-03") == ()
    assert invented(original, "A-7732 for 12.00 EUR, ask eve@example.com") == ("A-7732", "12.00 EUR", "eve@example.com")
