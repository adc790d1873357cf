"""Usage is mapped exactly: the prompt total stays the provider's, reasoning stays part of output, unknown stays unknown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.usage import Usage
from pointsman.providers import anthropic_wire, gemini_wire, openai_chat_wire
from pointsman.providers.openai_chat import OpenAIChat

_COUNT = st.integers(0, 10_000)
_MAYBE = st.none() | _COUNT


def _openai(**fields: Any) -> Usage | None:
    return openai_chat_wire.usage(msgspec.convert(fields, openai_chat_wire.WireUsage))


def _anthropic(**fields: Any) -> Usage | None:
    return anthropic_wire.usage(msgspec.convert(fields, anthropic_wire.WireUsage))


def _gemini(**fields: Any) -> Usage | None:
    return gemini_wire.usage(msgspec.convert(fields, gemini_wire.WireUsage))


@given(_COUNT, _COUNT, _MAYBE, _MAYBE, _MAYBE)
def test_openai_prompt_total_is_kept(
    prompt: int, output: int, read: int | None, write: int | None, thought: int | None
) -> None:
    usage = _openai(
        prompt_tokens=prompt,
        completion_tokens=output,
        prompt_tokens_details={"cached_tokens": read, "cache_write_tokens": write},
        completion_tokens_details={"reasoning_tokens": thought},
    )

    assert usage is not None
    assert usage.prompt == prompt
    assert usage.output == output
    assert (usage.reasoning or 0) <= output
    assert min(usage.input_uncached, usage.cache_read or 0, usage.cache_write or 0) >= 0
    assert (usage.cache_read is None, usage.cache_write is None) == (read is None, write is None)


@given(_COUNT, _COUNT, _MAYBE, _MAYBE, _COUNT)
def test_anthropic_adds_the_cache_to_the_input(
    fresh: int, output: int, read: int | None, write: int | None, hour: int
) -> None:
    usage = _anthropic(
        input_tokens=fresh,
        output_tokens=output,
        cache_read_input_tokens=read,
        cache_creation_input_tokens=write,
        cache_creation={"ephemeral_1h_input_tokens": hour},
    )

    assert usage is not None
    assert usage.prompt == fresh + (read or 0) + (write or 0)
    assert usage.cache_write_1h is None or usage.cache_write_1h <= (write or 0)


@given(_COUNT, _COUNT, _MAYBE, _COUNT, _MAYBE)
def test_gemini_adds_thoughts_to_the_output(
    prompt: int, said: int, thought: int | None, tools: int, read: int | None
) -> None:
    usage = _gemini(
        promptTokenCount=prompt,
        candidatesTokenCount=said,
        thoughtsTokenCount=thought,
        toolUsePromptTokenCount=tools,
        cachedContentTokenCount=read,
    )

    assert usage is not None
    assert usage.prompt == prompt + tools
    assert usage.output == said + (thought or 0)
    assert usage.reasoning == thought


@pytest.mark.parametrize(
    "usage",
    [
        _openai(),
        _openai(prompt_tokens=3),
        _openai(completion_tokens=3),
        _anthropic(input_tokens=3),
        _anthropic(output_tokens=3),
        _gemini(candidatesTokenCount=3),
        openai_chat_wire.usage(None),
        anthropic_wire.usage(None),
        gemini_wire.usage(None),
    ],
)
def test_what_was_not_said_is_unknown(usage: Usage | None) -> None:
    assert usage is None


def test_the_tables_by_example() -> None:
    assert _openai(
        prompt_tokens=20,
        completion_tokens=9,
        prompt_tokens_details={"cached_tokens": 5, "cache_write_tokens": 2},
        completion_tokens_details={"reasoning_tokens": 4},
    ) == Usage(13, 9, cache_read=5, cache_write=2, reasoning=4)
    assert _anthropic(
        input_tokens=12,
        cache_creation_input_tokens=7,
        cache_read_input_tokens=3,
        cache_creation={"ephemeral_1h_input_tokens": 5},
        output_tokens=30,
        output_tokens_details={"thinking_tokens": 12},
    ) == Usage(12, 30, cache_read=3, cache_write=7, cache_write_1h=5, reasoning=12)
    assert _gemini(
        promptTokenCount=10, cachedContentTokenCount=4, candidatesTokenCount=2, thoughtsTokenCount=8
    ) == Usage(6, 10, cache_read=4, cache_write=0, reasoning=8)
    assert _gemini(promptTokenCount=10) == Usage(10, 0, cache_write=0)


def test_counts_written_as_floats_are_counts() -> None:
    body = (
        b'{"id":"c","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}],'
        b'"usage":{"prompt_tokens":12.0,"completion_tokens":3.0}}'
    )
    assert OpenAIChat().decode_reply(body, {}).usage == Usage(input_uncached=12, output=3)
