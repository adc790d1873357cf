"""Hosts and dialects are found by name, and a wrong name is answered with those there are."""

from __future__ import annotations

import pytest

from pointsman.errors import UsageError
from pointsman.providers.hosts import HOSTS, endpoint, host
from pointsman.providers.registry import dialect, dialects


def test_every_host_speaks_a_dialect_there_is() -> None:
    assert {profile.dialect for profile in HOSTS.values()} == set(dialects())
    for name, profile in HOSTS.items():
        assert profile.name == name
        assert dialect(profile.dialect).name == profile.dialect


def test_an_endpoint_hides_its_key() -> None:
    found = endpoint("mine", "groq", api_key="gsk_secret")

    assert found.base_url == "https://api.groq.com"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("host_name", "base_url", "words"),
    [("gorq", None, "groq"), ("openai-compatible", None, "base_url"), ("openai", "api.openai.com", "http")],
)
def test_mistakes_are_explained(host_name: str, base_url: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        endpoint("mine", host_name, base_url=base_url)


def test_unknown_names() -> None:
    with pytest.raises(UsageError, match="openai_chat"):
        dialect("openai")
    with pytest.raises(UsageError, match="unknown host"):
        host("nowhere")
