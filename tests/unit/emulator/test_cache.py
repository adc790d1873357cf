"""Prompt caches: what counts as the same prefix, for how long, and for whom."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.emulator.app import Emulator
from pointsman.emulator.cache import PromptCache
from pointsman.emulator.exchange import Ask, Mark, Prompt
from pointsman.emulator.models import ModelTable
from support.emulated import KEYS, Answered, post


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


LONG = "You are a patient support agent. " * 600  # about 5,000 tokens


def claude(
    emulator: Emulator, *, ttl: str = "5m", system: str = LONG, text: str = "Hi", key: str = "k", **more: Any
) -> Any:
    control = {"cache_control": {"type": "ephemeral", "ttl": ttl}}
    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 50,
        "system": [{"type": "text", "text": system} | control],
        "messages": [{"role": "user", "content": text}],
    } | more
    answer = post(emulator, "/v1/messages", body, KEYS["anthropic"] | {"x-api-key": key})
    return answer.json["usage"]


def read_and_written(usage: Any) -> tuple[bool, bool]:
    return usage["cache_read_input_tokens"] > 0, usage["cache_creation_input_tokens"] > 0


def test_the_second_request_reads_what_the_first_wrote() -> None:
    emulator = Emulator(clock=Clock())
    first, second = claude(emulator), claude(emulator, text="Something else")
    assert read_and_written(first) == (False, True)
    assert read_and_written(second) == (True, False)
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"]
    assert first["input_tokens"] < 20, "the marked system prompt is not in input_tokens"


@pytest.mark.parametrize(("ttl", "field"), [("5m", "ephemeral_5m_input_tokens"), ("1h", "ephemeral_1h_input_tokens")])
def test_writes_are_split_by_lifetime(ttl: str, field: str) -> None:
    usage = claude(Emulator(), ttl=ttl)
    assert usage["cache_creation"][field] == usage["cache_creation_input_tokens"] > 0


@pytest.mark.parametrize(("ttl", "kept", "gone"), [("5m", 299, 301), ("1h", 3599, 3601)])
def test_a_prefix_lives_for_its_ttl_and_a_read_renews_it(ttl: str, kept: int, gone: int) -> None:
    clock = Clock()
    emulator = Emulator(clock=clock)
    claude(emulator, ttl=ttl)
    for _ in range(2):
        clock.now += kept
        assert read_and_written(claude(emulator, ttl=ttl)) == (True, False)
    clock.now += gone
    assert read_and_written(claude(emulator, ttl=ttl)) == (False, True)


def test_below_the_minimum_nothing_is_cached() -> None:
    emulator = Emulator()
    for _ in range(2):
        assert read_and_written(claude(emulator, system="Be kind. " * 100)) == (False, False)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "k2"},
        {"model": "claude-sonnet-4-6"},
        {"system": "!" + LONG},
        {"tools": [{"name": "f", "input_schema": {"type": "object"}}]},
    ],
)
def test_another_key_model_system_or_tools_is_another_cache(change: dict[str, Any]) -> None:
    emulator = Emulator()
    claude(emulator)
    assert claude(emulator, **change)["cache_read_input_tokens"] == 0


def test_a_mark_that_moves_on_with_the_conversation_still_reads() -> None:
    emulator = Emulator()
    mark = {"cache_control": {"type": "ephemeral"}}

    def turn(count: int) -> Any:
        turns = [
            {"role": "user" if index % 2 == 0 else "assistant", "content": f"Turn {index}. {LONG}"}
            for index in range(count)
        ]
        turns[-1]["content"] = [{"type": "text", "text": turns[-1]["content"]} | mark]  # type: ignore[assignment]
        body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": turns}
        return post(emulator, "/v1/messages", body, KEYS["anthropic"]).json["usage"]

    first, second = turn(1), turn(3)
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"] > 0
    assert second["cache_creation_input_tokens"] > 0


def ask_gpt(emulator: Emulator, model: str, system: str = LONG, **more: Any) -> Answered:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "Hi"}]
    return post(emulator, "/v1/chat/completions", {"model": model, "messages": messages} | more, KEYS["openai"])


@pytest.mark.parametrize(("model", "writes"), [("gpt-4o", False), ("gpt-5.6", True)])
def test_openai_caches_by_itself_in_steps_of_128(model: str, writes: bool) -> None:
    emulator = Emulator()
    first, second = (ask_gpt(emulator, model).json["usage"] for _ in range(2))
    cached = second["prompt_tokens_details"]["cached_tokens"]
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert cached > 1024
    assert cached % 128 == 0
    assert cached <= second["prompt_tokens"], "prompt_tokens includes the cache"
    assert first["prompt_tokens_details"].get("cache_write_tokens", 0) == (cached if writes else 0)


def test_a_changed_tail_keeps_the_common_head() -> None:
    emulator = Emulator()
    ask_gpt(emulator, "gpt-4o", LONG + "Monday")
    usage = ask_gpt(emulator, "gpt-4o", LONG + "Tuesday").json["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > 4000


def test_explicit_mode_without_a_breakpoint_caches_nothing() -> None:
    emulator = Emulator()
    usages = [ask_gpt(emulator, "gpt-5.6", prompt_cache_options={"mode": "explicit"}).json["usage"] for _ in range(2)]
    assert [usage["prompt_tokens_details"] for usage in usages] == [{"cached_tokens": 0, "cache_write_tokens": 0}] * 2


def test_gemini_reads_are_part_of_the_prompt_count() -> None:
    emulator = Emulator()
    body = {"contents": [{"role": "user", "parts": [{"text": LONG}]}]}
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    first, second = (post(emulator, path, body, KEYS["gemini"]).json["usageMetadata"] for _ in range(2))
    assert "cachedContentTokenCount" not in first
    assert 2048 < second["cachedContentTokenCount"] <= second["promptTokenCount"] == first["promptTokenCount"]


blocks = st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=8)


@settings(max_examples=60)
@given(
    first=blocks,
    second=blocks,
    model=st.sampled_from(["claude-opus-5", "gpt-5.6", "gemini-2.5-flash"]),
    cut=st.integers(0, 7),
)
def test_the_parts_of_a_prompt_always_add_up(first: list[bytes], second: list[bytes], model: str, cut: int) -> None:
    """Law: uncached + read + written is the whole prompt, whatever was cached before."""
    dialect: Any = "anthropic" if model.startswith("claude") else "openai" if model.startswith("gpt") else "gemini"
    facts = ModelTable().find(model, dialect)
    assert facts is not None
    cache = PromptCache(Clock())
    for pieces in (first, [*first[:cut], *second], first):
        marks = (Mark(len(pieces) // 2, 3600), Mark(len(pieces) - 1, 300))
        ask = Ask(dialect=dialect, facts=facts, model=model, prompt=Prompt(tuple(pieces), marks))
        tokens = cache.charge(ask, "k")
        assert tokens.prompt == -(-sum(map(len, pieces)) // 4)
        assert min(tokens.uncached, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h) >= 0
