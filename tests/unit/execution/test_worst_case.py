from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.catalog.book import Catalog
from pointsman.catalog.models import Model
from pointsman.catalog.prices import Rates
from pointsman.domain.message import Document, Image, Message, Text, Tool, ToolResult
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.execution.limits.worst_case import Measure

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SMALL = Model("p/m", "p", "m", "small", context_window=100_000, max_output=4_000)
MILLIONTH = Decimal("0.000001")
RATES = Rates(MILLIONTH, 5 * MILLIONTH, MILLIONTH / 10, MILLIONTH * 2, MILLIONTH * 3)


def turn(text: str = "Hello", **fields: Any) -> Turn:
    return Turn((Message("user", (Text(text),)),), **fields)


@given(st.text(max_size=300), st.integers(1, 4_000), st.data())
def test_no_bill_is_larger(text: str, limit: int, data: st.DataObject) -> None:
    """Whatever a byte-level tokenizer makes of the prompt, and however it is cached."""
    asked = turn(text, max_output_tokens=limit)
    quote = Measure().quote(SMALL, RATES, asked, 256)
    prompt = data.draw(st.integers(0, len(text.encode("utf-8", "surrogatepass"))))
    read = data.draw(st.integers(0, prompt))
    written = data.draw(st.integers(0, prompt - read))
    long_lived = data.draw(st.integers(0, written))
    usage = Usage(prompt - read - written, data.draw(st.integers(0, limit)), read, written, long_lived)
    cost = RATES.cost(usage)
    assert cost is not None
    assert quote.worst is not None
    assert cost * 10**12 <= quote.worst


def test_the_limit_is_the_clients_then_the_policys_then_the_models() -> None:
    assert Measure().output_tokens(SMALL, turn(max_output_tokens=10)) == (10, True)
    assert Measure(max_output_tokens=900).output_tokens(SMALL, turn()) == (900, False)
    assert Measure().output_tokens(SMALL, turn()) == (4_000, False)
    assert Measure().output_tokens(SMALL, turn(max_output_tokens=9_999)) == (4_000, True)


def test_several_replies_cost_several_times() -> None:
    one = Measure().quote(SMALL, RATES, turn(max_output_tokens=100), 1)
    three = Measure().quote(SMALL, RATES, turn(max_output_tokens=100, n=3), 1)
    assert three.worst is not None
    assert one.worst is not None
    assert three.worst - one.worst == 2 * 100 * 5_000_000


@pytest.mark.parametrize("place", ["message", "result"])
def test_pictures_and_files_count_by_rules_of_their_own(place: str) -> None:
    def bound(*items: Image | Document | Text) -> int | None:
        part = items if place == "message" else (ToolResult("1", items),)
        return Measure().prompt_tokens(SMALL, Turn((Message("user" if place == "message" else "tool", part),)))

    one = bound(Image("image/png", data="A" * 40_000))
    assert one is not None
    assert 50_000 < one < 51_000, "the bytes of its data are no tokens"
    assert bound(Image(url="https://example.org/a.png"), Image(url="https://example.org/b.png")) == 100_000
    assert bound(Document("application/pdf", data="A" * 40)) == 100_000, "a full window"
    assert (bound(Document("text/plain", data="hello")) or 0) < 300


def test_tools_add_what_providers_write_around_them() -> None:
    tool = Tool("look_up", "Looks up.", {"type": "object"})
    assert (Measure().prompt_tokens(SMALL, turn(tools=(tool,))) or 0) > 1024


def test_the_long_context_price_counts_from_where_it_may_begin() -> None:
    dear = Rates(MILLIONTH * 2, MILLIONTH * 7)
    rates = Rates(MILLIONTH, MILLIONTH * 5, long_above=1_000, long=dear)
    below = Measure().quote(SMALL, rates, turn("x" * 100), 1)
    above = Measure().quote(SMALL, rates, turn("x" * 2_000), 1)
    assert (below.each, above.each) == (5_000_000, 7_000_000)


def test_what_is_unknown_has_no_worst_case() -> None:
    unknown = Model("p/u", "p", "u", "small")
    assert Measure().quote(SMALL, None, turn(), 1).worst is None
    assert Measure().quote(SMALL, None, turn(), 1).why_unknown == "its price is not known"
    assert Measure().quote(unknown, RATES, turn(), 1).worst is None
    assert Measure().quote(unknown, RATES, turn(max_output_tokens=9), 1).worst is not None


def test_every_model_of_the_catalogue_with_a_price_has_a_worst_case() -> None:
    catalog = Catalog.load()
    bounded = [m for m in catalog.models() if m.context_window and m.max_output and not m.demo]
    assert bounded
    for model in bounded:
        rates = catalog.rates(model.id, NOW)
        if rates is not None:
            quote = Measure().quote(model, rates, turn(), 256)
            assert quote.worst is not None
            assert quote.worst >= quote.least
