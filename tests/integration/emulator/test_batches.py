"""The official SDKs drive the emulated batch APIs: every status, every kind of result."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic import Anthropic, BadRequestError, NotFoundError
from google import genai
from google.genai import types
from openai import OpenAI, RateLimitError

from pointsman.emulator.app import Emulator
from pointsman.emulator.script import BatchesSaid, Fault, Rule, Say, Script, When
from pointsman.emulator.serving import serve_in_thread

RULES = (
    Rule(when=When(contains="bad"), fault=Fault(kind="status", status=400, message="too bad")),
    Rule(reply=Say(text="done")),
)
ITEMS = {"a": "hello", "b": "bad", "c": "late", "d": "bye"}


def script(**said: Any) -> Script:
    return Script(rules=RULES, batches=BatchesSaid(**{"expire": ("c",)} | said))


def claude_requests() -> list[Any]:
    return [
        {
            "custom_id": key,
            "params": {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": text}]},
        }
        for key, text in ITEMS.items()
    ]


def test_anthropic() -> None:
    with serve_in_thread(Emulator(script())) as running:
        client = Anthropic(base_url=running.base_url, api_key="k", max_retries=0)
        batch = client.messages.batches.create(requests=claude_requests())
        assert batch.processing_status == "in_progress"
        assert batch.request_counts.processing == 4
        assert client.messages.batches.retrieve(batch.id).processing_status == "in_progress"
        ended = client.messages.batches.retrieve(batch.id)
        assert ended.processing_status == "ended"
        assert ended.request_counts.to_dict() == {
            "processing": 0,
            "succeeded": 2,
            "errored": 1,
            "canceled": 0,
            "expired": 1,
        }
        results: dict[str, Any] = {line.custom_id: line.result for line in client.messages.batches.results(batch.id)}
        assert list(results) == ["d", "c", "b", "a"]
        assert [result.type for result in results.values()] == ["succeeded", "expired", "errored", "succeeded"]
        assert results["a"].message.content[0].text == "done"
        assert results["b"].error.error.message == "too bad"
        assert [one.id for one in client.messages.batches.list()] == [batch.id]
        client.messages.batches.delete(batch.id)
        with pytest.raises(NotFoundError):
            client.messages.batches.retrieve(batch.id)


def test_anthropic_cancelled_has_done_a_part() -> None:
    with serve_in_thread(Emulator(Script(rules=RULES))) as running:
        client = Anthropic(base_url=running.base_url, api_key="k", max_retries=0)
        batch = client.messages.batches.create(requests=claude_requests())
        assert client.messages.batches.cancel(batch.id).processing_status == "canceling"
        while client.messages.batches.retrieve(batch.id).processing_status != "ended":
            pass
        kinds = {line.custom_id: line.result.type for line in client.messages.batches.results(batch.id)}
        assert kinds == {"a": "succeeded", "b": "errored", "c": "canceled", "d": "canceled"}


def test_anthropic_refuses_an_id_twice() -> None:
    with serve_in_thread(Emulator()) as running:
        client = Anthropic(base_url=running.base_url, api_key="k", max_retries=0)
        with pytest.raises(BadRequestError, match="must be unique"):
            client.messages.batches.create(requests=claude_requests() * 2)


def gpt_lines(model: str = "gpt-5-mini") -> bytes:
    lines = [
        {
            "custom_id": key,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": [{"role": "user", "content": text}]},
        }
        for key, text in ITEMS.items()
    ]
    return "\n".join(json.dumps(line) for line in lines).encode()


def start(client: OpenAI, data: bytes) -> Any:
    file = client.files.create(file=("in.jsonl", data), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"name": "n1"}
    )


def test_openai() -> None:
    with serve_in_thread(Emulator(script(polls=2))) as running:
        client = OpenAI(base_url=f"{running.base_url}/v1", api_key="k", max_retries=0)
        batch = start(client, gpt_lines())
        assert batch.status == "in_progress"
        while (batch := client.batches.retrieve(batch.id)).status == "in_progress":
            pass
        assert batch.status == "completed"
        assert batch.metadata == {"name": "n1"}
        assert batch.request_counts is not None
        assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 2)
        done = [json.loads(line) for line in client.files.content(batch.output_file_id or "").text.splitlines()]
        assert [line["custom_id"] for line in done] == ["d", "a"]
        assert done[0]["response"]["body"]["choices"][0]["message"]["content"] == "done"
        failed = [json.loads(line) for line in client.files.content(batch.error_file_id or "").text.splitlines()]
        assert failed[0]["error"]["code"] == "batch_expired"
        assert failed[1]["response"]["status_code"] == 400
        assert [one.id for one in client.batches.list()] == [batch.id]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{}\n" + gpt_lines(), "Line 1 is no valid request"),
        (gpt_lines() + b"\n" + gpt_lines("gpt-4o").replace(b'"a"', b'"z"'), "must name the same model"),
    ],
)
def test_openai_fails_a_batch_whose_file_is_wrong(data: bytes, said: str) -> None:
    with serve_in_thread(Emulator()) as running:
        client = OpenAI(base_url=f"{running.base_url}/v1", api_key="k", max_retries=0)
        batch = start(client, data)
        assert batch.status == "failed"
        assert any(said in (problem.message or "") for problem in batch.errors.data)


def test_openai_refuses_while_too_many_wait_and_cuts_a_line() -> None:
    with serve_in_thread(Emulator(script(refuse=1, broken_line=True))) as running:
        client = OpenAI(base_url=f"{running.base_url}/v1", api_key="k", max_retries=0)
        with pytest.raises(RateLimitError):
            start(client, gpt_lines())
        batch = start(client, gpt_lines())
        assert client.batches.cancel(batch.id).status == "cancelling"
        while (batch := client.batches.retrieve(batch.id)).status == "cancelling":
            pass
        assert batch.status == "cancelled"
        with pytest.raises(json.JSONDecodeError):
            json.loads(client.files.content(batch.output_file_id or "").text.splitlines()[0])


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_gemini(version: str) -> None:
    with serve_in_thread(Emulator(script())) as running:
        options = types.HttpOptions(base_url=running.base_url, api_version=version)
        client = genai.Client(api_key="k", http_options=options)
        requests = [
            types.InlinedRequest(
                contents=[types.Content(role="user", parts=[types.Part(text=text)])], metadata={"key": key}
            )
            for key, text in ITEMS.items()
        ]
        job = client.batches.create(model="gemini-2.5-flash", src=requests, config={"display_name": "n1"})
        assert job.name is not None
        while (job := client.batches.get(name=job.name or "")).state == types.JobState.JOB_STATE_RUNNING:
            pass
        assert job.state == types.JobState.JOB_STATE_SUCCEEDED
        assert job.display_name == "n1"
        assert job.dest is not None
        found = {str((one.metadata or {}).get("key")): one for one in job.dest.inlined_responses or []}
        assert list(found) == ["d", "c", "b", "a"]
        assert found["a"].response is not None
        assert found["a"].response.text == "done"
        errors = [found[key].error for key in ("b", "c")]
        assert [error.code for error in errors if error is not None] == [3, 4]
        assert [one.name for one in client.batches.list()] == [job.name]
        client.batches.delete(name=job.name or "")
        assert list(client.batches.list()) == []


def test_gemini_batches_fail_and_are_cancelled() -> None:
    with serve_in_thread(Emulator(Script(batches=BatchesSaid(fail=True)))) as running:
        client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=running.base_url))
        job = client.batches.create(model="gemini-2.5-flash", src=[types.InlinedRequest(contents="hi")])
        assert job.state == types.JobState.JOB_STATE_FAILED
    with serve_in_thread(Emulator()) as running:
        client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=running.base_url))
        job = client.batches.create(model="gemini-2.5-flash", src=[types.InlinedRequest(contents="hi")])
        client.batches.cancel(name=job.name or "")
        while (job := client.batches.get(name=job.name or "")).state == types.JobState.JOB_STATE_RUNNING:
            pass
        assert job.state == types.JobState.JOB_STATE_CANCELLED
