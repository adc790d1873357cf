"""Facts are values: whatever their spelling, the same one is the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.execution.routes.facts import facts, offered, stands


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        ("€49.90", "it is 49,90 EUR"),
        ("€49.90", "\uff14\uff19.90 euros"),
        ("1,234.50 USD", "$1.234,50"),
        ("1 234,50 €", "1234.5 euro"),
        ("3 May 2026", "on 2026-05-03"),
        ("May 3rd, 2026", "03.05.2026"),
        ("3. März 2026", "2026-03-03"),
        ("le 3 février", "February 3rd, 2025"),
        ("2026-05-03", "on May 3"),
        ("5/3/2026", "3 May 2026"),
        ("2:30 pm", "at 14:30"),
        ("20%", "20 percent"),
        ("A-1182-B", "order #a1182b"),
        ("order 1182", "#1182."),
        ("Jo@Example.org", "mail jo@example.org, please"),
        ("https://x.y/z", "see https://x.y/z."),
    ],
)
def test_one_fact_in_two_spellings(fact: str, text: str) -> None:
    [found] = facts(fact)
    assert stands(found, offered([text]))


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        ("€49.90", "$49.90"),
        ("€49.90", "€4,990"),
        ("2026-05-03", "3 May 2025"),
        ("2026-05-03", "2026-05-04"),
        ("20%", "20 days"),
        ("order 1182", "order 11823"),
        ("A-1182", "A-1183"),
        ("2:30 pm", "2:30"),
        ("a@b.org", "ab@b.org"),
    ],
)
def test_two_facts_that_look_alike(fact: str, text: str) -> None:
    [found] = facts(fact)
    assert not stands(found, offered([text]))


@given(st.text(max_size=300))
def test_every_fact_of_a_text_stands_in_it(text: str) -> None:
    known = offered([text])
    assert all(stands(fact, known) for fact in facts(text))


@pytest.mark.parametrize("piece", ["1,", "a-", "1", "a1@", "1 ", "jan ", "http://", "12 ", "111 ", "a_", "1:1", "-/"])
def test_no_text_is_slow(piece: str) -> None:
    """Linear patterns: a text of one repeated piece is where others are not."""
    assert isinstance(facts(piece * 5000), tuple)
