"""Every error answer becomes one kind, a retry that can help, and clean words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import ProviderError
from pointsman.providers.anthropic import Anthropic
from pointsman.providers.failures import clean
from pointsman.providers.gemini import Gemini
from pointsman.providers.openai_chat import OpenAIChat
from pointsman.providers.seam import Dialect

OPENAI, ANTHROPIC, GEMINI = OpenAIChat(), Anthropic(), Gemini()


def _read(dialect: Dialect, status: int, body: Any = None, headers: dict[str, str] | None = None) -> ProviderError:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return dialect.decode_error(status, headers or {}, raw)


def _openai(code: str | None, kind: str = "", message: str = "m") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "retry"),
    [
        (400, _openai("invalid", "invalid_request_error"), "invalid_request", "no"),
        (400, _openai("context_length_exceeded"), "context_length", "other"),
        (400, _openai(None, message="This model's maximum context length is 4096 tokens"), "context_length", "other"),
        (400, _openai("unsupported_parameter"), "unsupported_parameter", "no"),
        (400, _openai("unsupported_value"), "unsupported_parameter", "no"),
        (400, _openai("content_policy_violation"), "content_filter", "no"),
        (400, _openai("tool_use_failed"), "malformed_reply", "same"),
        (401, _openai("invalid_api_key"), "authentication", "other"),
        (403, _openai("unsupported_country_region_territory"), "permission", "other"),
        (404, _openai("model_not_found"), "not_found", "other"),
        (408, _openai(None), "timeout", "same"),
        (409, _openai(None), "conflict", "same"),
        (413, _openai(None), "too_large", "other"),
        (422, _openai(None), "invalid_request", "no"),
        (429, _openai("rate_limit_exceeded", "tokens"), "rate_limit", "same"),
        (429, _openai("slow_down"), "rate_limit", "same"),
        (429, _openai("insufficient_quota", "insufficient_quota"), "quota", "other"),
        (429, _openai(None, "insufficient_quota"), "quota", "other"),
        (429, _openai("credit_balance_exhausted"), "quota", "other"),
        (429, _openai("project_spend_limit_reached"), "quota", "other"),
        (498, _openai("capacity_exceeded"), "overloaded", "same"),
        (500, _openai(None, "server_error"), "server_error", "same"),
        (502, b"<html><head><title>502 Bad Gateway</title></head></html>", "server_error", "same"),
        (503, _openai("server_is_overloaded"), "overloaded", "same"),
        (503, _openai("slow_down"), "overloaded", "same"),
        (504, b"", "timeout", "same"),
        (400, {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, "invalid_request", "no"),
        (404, {"error": "model 'x' not found"}, "not_found", "other"),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, "invalid_request", "no"),
        (307, b"", "invalid_endpoint", "other"),
        (200, _openai(None, "server_error"), "server_error", "same"),
        (200, {"error": {"message": "m", "code": 429}}, "rate_limit", "same"),
    ],
)
def test_openai_errors(status: int, body: Any, kind: str, retry: str) -> None:
    error = _read(OPENAI, status, body)

    assert (error.kind, error.retry) == (kind, retry)
    assert str(error)


def _anthropic(kind: str, message: str = "m", code: str | None = None) -> dict[str, Any]:
    details = {} if code is None else {"details": {"error_code": code}}
    return {"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "retry"),
    [
        (400, _anthropic("invalid_request_error"), "invalid_request", "no"),
        (400, _anthropic("invalid_request_error", "You have reached your specified spend limit"), "quota", "other"),
        (400, _anthropic("invalid_request_error", "prompt is too long: 210000 tokens"), "context_length", "other"),
        (401, _anthropic("authentication_error"), "authentication", "other"),
        (402, _anthropic("billing_error"), "billing", "other"),
        (403, _anthropic("permission_error"), "permission", "other"),
        (404, _anthropic("not_found_error"), "not_found", "other"),
        (409, _anthropic("conflict_error"), "conflict", "same"),
        (413, _anthropic("request_too_large"), "too_large", "other"),
        (429, _anthropic("rate_limit_error"), "rate_limit", "same"),
        (429, _anthropic("rate_limit_error", code="ramp_limit_exceeded"), "rate_limit", "same"),
        (429, _anthropic("rate_limit_error", code="enforced_spend_limit_reached"), "quota", "other"),
        (429, _anthropic("rate_limit_error", code="contract_spend_limit_reached"), "quota", "other"),
        (500, _anthropic("api_error"), "server_error", "same"),
        (504, _anthropic("timeout_error"), "timeout", "same"),
        (529, _anthropic("overloaded_error"), "overloaded", "same"),
        (529, b"", "overloaded", "same"),
        (200, _anthropic("overloaded_error"), "overloaded", "same"),
    ],
)
def test_anthropic_errors(status: int, body: Any, kind: str, retry: str) -> None:
    error = _read(ANTHROPIC, status, body)

    assert (error.kind, error.retry) == (kind, retry)
    if body:
        assert error.request_id == "req_1"


def _gemini(code: int, word: str, message: str = "m", **detail: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": word, "details": [detail] if detail else []}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "retry", "after"),
    [
        (400, _gemini(400, "INVALID_ARGUMENT"), "invalid_request", "no", None),
        (400, _gemini(400, "INVALID_ARGUMENT", reason="API_KEY_INVALID"), "authentication", "other", None),
        (400, _gemini(400, "INVALID_ARGUMENT", "Corrupted thought signature."), "invalid_request", "other", None),
        (401, _gemini(401, "UNAUTHENTICATED"), "authentication", "other", None),
        (402, _gemini(402, "x"), "billing", "other", None),
        (403, _gemini(403, "PERMISSION_DENIED"), "permission", "other", None),
        (404, _gemini(404, "NOT_FOUND"), "not_found", "other", None),
        (429, _gemini(429, "RESOURCE_EXHAUSTED", retryDelay="13s"), "rate_limit", "same", 13.0),
        (429, [_gemini(429, "RESOURCE_EXHAUSTED", retryDelay="0.25s")], "rate_limit", "same", 0.25),
        (
            429,
            _gemini(429, "RESOURCE_EXHAUSTED", violations=[{"quotaId": "GenerateRequestsPerDayPerProject"}]),
            "quota",
            "other",
            None,
        ),
        (499, _gemini(499, "CANCELLED"), "cancelled", "no", None),
        (500, _gemini(500, "INTERNAL"), "server_error", "same", None),
        (503, _gemini(503, "UNAVAILABLE"), "overloaded", "same", None),
        (504, _gemini(504, "DEADLINE_EXCEEDED"), "timeout", "same", None),
        (200, _gemini(503, "UNAVAILABLE"), "overloaded", "same", None),
    ],
)
def test_gemini_errors(status: int, body: Any, kind: str, retry: str, after: float | None) -> None:
    error = _read(GEMINI, status, body)

    assert (error.kind, error.retry, error.retry_after) == (kind, retry, after)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert _read(OPENAI, 429, b"", headers).retry_after == seconds


def test_the_providers_own_word_on_retrying_wins() -> None:
    assert _read(OPENAI, 500, b"", {"x-should-retry": "false"}).retry == "other"
    assert _read(OPENAI, 400, b"", {"x-should-retry": "true"}).retry == "same"
    assert _read(OPENAI, 429, _openai("insufficient_quota"), {"x-should-retry": "true"}).retry == "other"


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abc123XYZ. You can find your key at",
        "Incorrect API key provided: my9secret8key7.",
        "bad header Authorization: Bearer abcdef123456",
        "url?key=AIzaSyA1234567890 refused",
        "key gsk_1234567890abcdef is wrong",
    ],
)
def test_keys_never_show(text: str) -> None:
    shown = clean(text)

    assert "[key]" in shown
    for secret in ("abc123XYZ", "my9secret8key7", "abcdef123456", "SyA1234567890", "1234567890abcdef"):
        assert secret not in shown


def test_ordinary_words_stay() -> None:
    text = "max_tokens is too large: 128000 tokens exceed the token limit of gpt-4o-mini"
    assert clean(text) == text


@given(st.text())
def test_words_are_short_and_plain(text: str) -> None:
    shown = clean(text)

    assert len(shown) <= 500
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in shown)


@given(st.binary(max_size=60), st.integers(100, 599), st.sampled_from([OPENAI, ANTHROPIC, GEMINI]))
def test_no_body_is_too_odd(body: bytes, status: int, dialect: Dialect) -> None:
    assert str(dialect.decode_error(status, {}, body))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["error", "message", "code", "type", "status", "details", "detail", "param"]),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_no_json_is_too_odd(body: Any) -> None:
    for dialect in (OPENAI, ANTHROPIC, GEMINI):
        assert str(_read(dialect, 400, body))
