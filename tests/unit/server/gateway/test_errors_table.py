# ruff: noqa: E501 - bodies are compared byte for byte, on one line as on the wire
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from inline_snapshot import snapshot

from pointsman import errors
from pointsman.domain.rates import Allowance, RateState
from pointsman.errors import (
    BudgetExceeded,
    NoEligibleModel,
    PointsmanError,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    RequestError,
    StoreError,
    StreamBroken,
    Unauthorized,
    UnsupportedParameter,
)
from pointsman.providers import failures
from pointsman.server.gateway.anthropic import AnthropicInbound
from pointsman.server.gateway.errors_table import BY_CODE, BY_KIND, MAX_TEXT, clean
from pointsman.server.gateway.openai_chat import OpenAIChatInbound

OPENAI = OpenAIChatInbound(now=lambda: 1.0)
ANTHROPIC = AnthropicInbound()


def seen(error: PointsmanError) -> tuple[tuple[int, str, str | None], tuple[int, str]]:
    left, right = OPENAI.encode_error(error, "req_1"), ANTHROPIC.encode_error(error, "req_1")
    said = json.loads(left.body)["error"]
    return (left.status, said["type"], said["code"]), (right.status, json.loads(right.body)["error"]["type"])


def test_the_bodies_byte_for_byte() -> None:
    error = RequestError("temperature: expected a number", param="temperature")
    assert OPENAI.encode_error(error, "req_1").body == snapshot(
        b'{"error":{"message":"temperature: expected a number","type":"invalid_request_error","param":"temperature","code":null}}'
    )
    assert ANTHROPIC.encode_error(error, "req_1").body == snapshot(
        b'{"type":"error","error":{"type":"invalid_request_error","message":"temperature: expected a number"},"request_id":"req_1"}'
    )


def test_headers_follow_the_dialect() -> None:
    error = ProviderError("slow down", kind="rate_limit", retry_after=1.2)
    assert OPENAI.encode_error(error, "req_1").headers == snapshot(
        {"content-type": "application/json", "x-request-id": "req_1", "retry-after": "2", "x-should-retry": "false"}
    )
    assert ANTHROPIC.encode_error(error, "req_1").headers == snapshot(
        {"content-type": "application/json", "request-id": "req_1", "retry-after": "2", "x-should-retry": "false"}
    )


@pytest.mark.parametrize(
    ("error", "openai", "anthropic"),
    [
        (RequestError("x"), (400, "invalid_request_error", None), (400, "invalid_request_error")),
        (
            UnsupportedParameter("x"),
            (400, "invalid_request_error", "unsupported_parameter"),
            (400, "invalid_request_error"),
        ),
        (Unauthorized("x"), (401, "invalid_request_error", "invalid_api_key"), (401, "authentication_error")),
        (errors.RequestTooLarge("x"), (413, "invalid_request_error", "request_too_large"), (413, "request_too_large")),
        (errors.CatalogError("x"), (404, "invalid_request_error", "model_not_found"), (404, "not_found_error")),
        (NoEligibleModel("x"), (400, "invalid_request_error", "no_eligible_model"), (400, "invalid_request_error")),
        (
            ProviderError("x", kind="overloaded"),
            (503, "server_error", "server_is_overloaded"),
            (529, "overloaded_error"),
        ),
        (
            ProviderError("x", kind="rate_limit"),
            (429, "rate_limit_error", "rate_limit_exceeded"),
            (429, "rate_limit_error"),
        ),
        (
            ProviderError("x", kind="context_length"),
            (400, "invalid_request_error", "context_length_exceeded"),
            (400, "invalid_request_error"),
        ),
        (ProviderError("x", kind="authentication"), (502, "server_error", "provider_refused"), (500, "api_error")),
        (ProviderError("x", kind="never heard of"), (502, "server_error", "provider_error"), (500, "api_error")),
        (ProviderTimeout("x"), (504, "server_error", "provider_timeout"), (504, "timeout_error")),
        (StreamBroken("x", kind="rate_limit"), (502, "server_error", "stream_broken"), (500, "api_error")),
    ],
)
def test_statuses_and_types(
    error: PointsmanError, openai: tuple[int, str, str | None], anthropic: tuple[int, str]
) -> None:
    assert seen(error) == (openai, anthropic)


def every_class(root: type[PointsmanError]) -> list[type[PointsmanError]]:
    return [root, *[found for child in root.__subclasses__() for found in every_class(child)]]


def test_every_code_and_every_kind_has_a_row() -> None:
    assert {kind.code for kind in every_class(PointsmanError) if kind.__module__ == errors.__name__} <= BY_CODE.keys()
    assert set(get_args(failures.Kind)) <= BY_KIND.keys()


def test_a_failure_of_the_gateway_keeps_its_secrets() -> None:
    for error in (
        StoreError("cannot open /var/lib/pointsman/turns.db"),
        PointsmanError("boom at /srv/app.py"),
        ProviderUnreachable("connect to llm.internal:8000 refused"),
        ProviderError("Incorrect API key provided", kind="authentication"),
    ):
        body = OPENAI.encode_error(error, "req_1").body + ANTHROPIC.encode_error(error, "req_1").body
        assert not any(word in body for word in (b"/var", b"/srv", b"internal:", b"API key"))


def test_a_rate_limit_of_ours_may_pass_and_a_budget_does_not() -> None:
    left = RateState(Allowance(60, 0, 12.2), Allowance(1000, 400, 61))
    limited = RateLimited("key bot: at most 60 requests a minute", retry_after=12.2, rates=left)
    assert OPENAI.encode_error(limited, "r").headers == snapshot(
        {
            "content-type": "application/json",
            "x-request-id": "r",
            "retry-after": "13",
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "13s",
            "x-ratelimit-limit-tokens": "1000",
            "x-ratelimit-remaining-tokens": "400",
            "x-ratelimit-reset-tokens": "1m1s",
        }
    )
    theirs = ANTHROPIC.encode_error(limited, "r").headers
    assert theirs["anthropic-ratelimit-tokens-remaining"] == "400"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", theirs["anthropic-ratelimit-requests-reset"])
    spent = BudgetExceeded("the budget of key bot per day is $1.00", retry_after=100)
    for dialect in (OPENAI, ANTHROPIC):
        assert dialect.encode_error(spent, "r").headers["x-should-retry"] == "false"
        assert dialect.encode_error(RateLimited("too large"), "r").headers["x-should-retry"] == "false"
    assert seen(spent) == ((429, "insufficient_quota", "insufficient_quota"), (402, "billing_error"))


def test_only_errors_that_may_pass_are_left_to_the_sdks_own_retries() -> None:
    for dialect in (OPENAI, ANTHROPIC):
        assert "x-should-retry" not in dialect.encode_error(StoreError("x"), "r").headers
        assert dialect.encode_error(RequestError("x"), "r").headers["x-should-retry"] == "false"
        assert dialect.encode_error(ProviderTimeout("x"), "r").headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("bad key sk-proj-abcdefgh1234", "bad key [key]"),
        ("Authorization: Bearer abc.def", "[key]"),
        ("sent Bearer abcdefgh.ij along", "sent [key] along"),
        ("a basic plan", "a basic plan"),
        ("api_key=AIzaSyA1234567890123", "[key]"),
        ("see http://10.0.0.1:8000/v1 now", "see [address] now"),
        ("at 10.1.2.3:99 or localhost:8000", "at [address] or [address]"),
        ("file /usr/lib/python3/x.py broke", "file [path] broke"),
        ("turns go to /v1/messages, not /v1/turns", "turns go to /v1/messages, not /v1/turns"),
        ("a/b tests and 3/4 done", "a/b tests and 3/4 done"),
        ("two\nlines\x1b[0m", "two\nlines [0m"),
    ],
)
def test_texts_are_cleaned(said: str, shown: str) -> None:
    assert clean(said) == shown


def test_texts_are_capped() -> None:
    assert len(clean("x " * 100_000)) == MAX_TEXT


def test_the_path_is_said_once() -> None:
    error = ProviderError("is too high", kind="invalid_request", param="max_tokens")
    assert json.loads(ANTHROPIC.encode_error(error, "r").body)["error"]["message"] == "max_tokens: is too high"
    again = RequestError("max_tokens: is too high", param="max_tokens")
    assert json.loads(ANTHROPIC.encode_error(again, "r").body)["error"]["message"] == "max_tokens: is too high"


def doc_rows() -> dict[str, list[str]]:
    """The rows of both error tables of the reference page, cells by name and table."""
    page = Path(__file__).parents[4] / "docs" / "reference" / "gateway-http.md"
    _, by_code, by_kind = re.split(r"^By .*:$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    rows = [("code", by_code), ("kind", by_kind)]
    return {
        f"{table} {match[1]}": [match[2].strip(), match[3].strip()]
        for table, text in rows
        for match in re.finditer(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|$", text, flags=re.MULTILINE)
    }


def test_the_reference_page_lists_every_row() -> None:
    wanted = {}
    for table, rows in (("code", BY_CODE), ("kind", BY_KIND)):
        for name, row in rows.items():
            status, kind, code = row.openai
            openai = f"{status} {kind}" + (f", `{code}`" if code else "")
            wanted[f"{table} {name}"] = [openai, f"{row.anthropic[0]} {row.anthropic[1]}"]
    assert doc_rows() == wanted
