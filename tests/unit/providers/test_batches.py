"""The batch dialects: what is sent, and what is made of answers no honest server gives."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from pointsman.catalog.book import Catalog
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.errors import ProviderError, UsageError
from pointsman.providers.batch_registry import batch_dialect
from pointsman.providers.batch_seam import BatchDialect, BatchState, Broken, ItemResult, Received
from pointsman.providers.hosts import endpoint
from pointsman.providers.registry import dialect
from pointsman.providers.seam import Outgoing

MODELS = {
    "anthropic": "anthropic/claude-haiku-4-5",
    "openai": "openai/gpt-5-mini",
    "google": "google/gemini-2.5-flash",
}
TURN = Turn((Message("user", (Text("hi"),)),), max_output_tokens=9)


def api_of(host: str) -> tuple[BatchDialect, Outgoing, Any]:
    at = endpoint(host, host, base_url=None, api_key="k")
    spoken = dialect(at.dialect)
    return batch_dialect(host, spoken), spoken.encode(TURN, Catalog.load(None).get(MODELS[host]), at), at


def first(step: Any) -> Outgoing:
    found: Outgoing = next(step)
    return found


def answer(step: Any, body: bytes, status: int = 200) -> Any:
    try:
        step.send(Received(status, {}, body))
    except StopIteration as done:
        return done.value
    raise AssertionError("it wants more")


def all_of(host: str, body: bytes, pieces: int = 1) -> list[ItemResult | Broken]:
    api, _, _ = api_of(host)
    reader = api.reader()
    size = max(1, len(body) // pieces)
    found = [one for at in range(0, len(body), size) for one in reader.feed(body[at : at + size])]
    return [*found, *reader.close()]


def test_what_goes_to_anthropic() -> None:
    api, template, at = api_of("anthropic")
    sent = first(api.submit("n", [api.entry("b-0-1", template)], template, at))
    assert (sent.method, sent.path, sent.headers["x-api-key"]) == ("POST", "/v1/messages/batches", "k")
    assert msgspec.json.decode(sent.body) == snapshot(
        {
            "requests": [
                {
                    "custom_id": "b-0-1",
                    "params": {
                        "model": "claude-haiku-4-5",
                        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
                        "max_tokens": 9,
                    },
                }
            ]
        }
    )


def test_what_goes_to_openai() -> None:
    api, template, at = api_of("openai")
    step = api.submit("n", [api.entry("b-0-1", template)], template, at)
    upload = first(step)
    assert upload.path == "/v1/files"
    purpose, line = upload.body.split(b"\r\n\r\n", 2)[1:]
    assert purpose.startswith(b"batch\r\n--")
    assert msgspec.json.decode(line.split(b"\n")[0]) == snapshot(
        {
            "custom_id": "b-0-1",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "gpt-5-mini",
                "messages": [{"role": "user", "content": "hi"}],
                "max_completion_tokens": 9,
            },
        }
    )
    start = step.send(Received(200, {}, b'{"id":"file-1"}'))
    assert (start.path, msgspec.json.decode(start.body)) == snapshot(
        (
            "/v1/batches",
            {
                "input_file_id": "file-1",
                "endpoint": "/v1/chat/completions",
                "completion_window": "24h",
                "metadata": {"pointsman_batch": "n"},
            },
        )
    )


def test_what_goes_to_gemini() -> None:
    api, template, at = api_of("google")
    sent = first(api.submit("n", [api.entry("b-0-1", template)], template, at))
    assert (sent.path, msgspec.json.decode(sent.body)) == snapshot(
        (
            "/v1beta/models/gemini-2.5-flash:batchGenerateContent",
            {
                "batch": {
                    "displayName": "n",
                    "inputConfig": {
                        "requests": {
                            "requests": [
                                {
                                    "request": {
                                        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
                                        "generationConfig": {"maxOutputTokens": 9},
                                    },
                                    "metadata": {"key": "b-0-1"},
                                }
                            ]
                        }
                    },
                }
            },
        )
    )


@pytest.mark.parametrize("host", MODELS)
def test_the_key_goes_along_on_every_request_and_a_get_has_no_body(host: str) -> None:
    api, template, _ = api_of(host)
    asked = [first(api.poll("id/../x", template)), *api.fetches(BatchState("id", "ended", refs=("f",)), template)]
    for outgoing in asked:
        assert (outgoing.method, outgoing.body) == ("GET", b"")
        assert "k" in "".join(outgoing.headers.values())
        assert ".." not in outgoing.path.replace("%2F..%2F", "")


@pytest.mark.parametrize("host", MODELS)
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"id": 7}', b"\xff"])
def test_an_answer_that_is_no_batch_is_an_error(host: str, body: bytes) -> None:
    api, template, _ = api_of(host)
    step = api.poll("b", template)
    first(step)
    with pytest.raises(ProviderError) as caught:
        answer(step, body)
    assert caught.value.kind == "malformed_reply"


@pytest.mark.parametrize("host", MODELS)
def test_a_refusal_is_classified_as_in_any_call(host: str) -> None:
    api, template, _ = api_of(host)
    step = api.poll("b", template)
    first(step)
    with pytest.raises(ProviderError) as caught:
        answer(step, b'{"error":{"message":"slow down"}}', 429)
    assert (caught.value.kind, caught.value.retry) == ("rate_limit", "same")


@pytest.mark.parametrize("host", ["anthropic", "openai"])
@pytest.mark.parametrize(
    "line",
    [
        b'{"custom_id":"a"',
        b"null",
        b'{"custom_id":7,"result":{"type":"expired"}}',
        b'{"custom_id":"a","result":{"type":"succeeded","message":{"type":"error"}}}',
        b'{"custom_id":"a","result":{"type":"unheard-of"},"response":{"status_code":200,"body":{}}}',
        b"\xff\xfe",
        b"[" * 5_000,
    ],
)
def test_a_broken_line_is_said_and_the_others_are_read(host: str, line: bytes) -> None:
    good = {
        "anthropic": b'{"custom_id":"z","result":{"type":"expired"}}',
        "openai": b'{"custom_id":"z","response":null,"error":{"code":"batch_expired"}}',
    }[host]
    broken, fine = all_of(host, line + b"\n\r\n" + good)
    assert isinstance(broken, Broken)
    assert fine == ItemResult("z", "expired")


def test_an_openai_item_whose_call_timed_out_may_be_sent_again() -> None:
    (found,) = all_of(
        "openai", b'{"custom_id":"a","response":null,"error":{"code":"request_timeout","message":"slow"}}'
    )
    assert isinstance(found, ItemResult)
    assert found.error is not None
    assert found.error.kind == "timeout"


@pytest.mark.parametrize("host", ["anthropic", "openai"])
@given(pieces=st.integers(1, 60))
def test_lines_may_come_in_any_pieces(host: str, pieces: int) -> None:
    line = {
        "anthropic": '{"custom_id":"ü%d","result":{"type":"canceled"}}',
        "openai": '{"custom_id":"ü%d","response":null,"error":{"code":"batch_cancelled"}}',
    }[host]
    body = "\n".join(line % n for n in range(3)).encode()
    assert all_of(host, body, pieces) == [ItemResult(f"ü{n}", "cancelled") for n in range(3)]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b"", 1),
        (b"{}", 0),
        (b'{"metadata":{"output":{"inlinedResponses":{"inlinedResponses":[{"response":{}},7]}}}}', 2),
        (b'{"response":{"inlinedResponses":{"inlinedResponses":[{"metadata":{"key":"a"},"response":{}}]}}}', 1),
    ],
)
def test_gemini_results_that_cannot_be_read_are_said(body: bytes, count: int) -> None:
    found = all_of("google", body)
    assert len(found) == count
    assert all(isinstance(one, Broken) for one in found)


def test_a_host_without_batches_says_so() -> None:
    with pytest.raises(UsageError, match="no batch API is known for host groq"):
        batch_dialect("groq", dialect("openai_chat"))
