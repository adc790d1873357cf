from __future__ import annotations

from decimal import Decimal

import pytest

from pointsman.errors import PolicyError
from pointsman.routing.policy import parse_policy

BASE = """
version: 1
providers: {anthropic: {host: anthropic}}
tiers: {small: [anthropic/claude-haiku-4-5]}
routes: {direct: {tiers: [small]}}
default_route: direct
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shadow: {}", "shadow.against[0]: tier flagship has no models"),
        ("shadow: {against: opus}", "'opus' is not a model id"),
        ("shadow: {against: anthropic/claude-opus-4-8, everyone: 0}", "shadow.everyone"),
        ("shadow: {against: anthropic/claude-opus-4-8, budget: {share: 2}}", "shadow.budget.share"),
        ("economics: {prices: {harm_by_intent: {refund: -1}}}", "refund must cost 0 or more"),
        ("distill: {consent: {}}", "either a field of the metadata or a ground"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(BASE + text, "p.yaml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("p.yaml:")


def test_absent_means_no_shadow_and_no_prices() -> None:
    policy = parse_policy(BASE, "p.yaml")
    assert policy.shadow is None
    assert policy.economics.prices.harm_usd is None
    found = parse_policy(BASE + "shadow: {against: anthropic/claude-opus-4-8}", "p.yaml").shadow
    assert found is not None
    assert (found.budget.share, found.low_confidence, found.everyone) == (0.10, 0.05, 0.01)
    prices = parse_policy(BASE + "economics: {prices: {harm_usd: 1.10}}", "p.yaml").economics.prices
    assert prices.harm_usd == Decimal("1.10")
