"""Faults that need a real socket: what the official SDKs see of a cut, an early end, a stall."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Fault, Pace, Quirks, Rule, Say, Script
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.errors import UsageError

Serve = Callable[..., Handle]
ASKED: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "How do I return shoes?"}]}


def broken(serve: Serve, fault: Fault) -> Handle:
    return serve(Script(rules=(Rule(name="broken", fault=fault),)))


def openai_chunks(handle: Handle, *, timeout: float = 30) -> list[Any]:
    """Stream with the OpenAI SDK; the error, if any, is the last item."""
    seen: list[Any] = []
    with openai.OpenAI(api_key="k", base_url=handle.base_url + "/v1", max_retries=0, timeout=timeout) as client:
        try:
            seen.extend(client.chat.completions.create(stream=True, **ASKED))
        except openai.OpenAIError as error:
            seen.append(error)
    return seen


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("frames", [0, 3])
def test_a_cut_stream_is_a_connection_error_to_the_sdk(serve: Serve, frames: int, reset: bool) -> None:
    seen: list[Any] = []
    handle = broken(serve, Fault(kind="cut", after_frames=frames, reset=reset))
    with openai.OpenAI(api_key="k", base_url=handle.base_url + "/v1", max_retries=0) as client:
        stream = client.chat.completions.create(stream=True, **ASKED)
        with pytest.raises(openai.APIConnectionError):
            seen.extend(stream)
    assert len(seen) == frames


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_before_the_head_leaves_no_answer_at_all(serve: Serve, reset: bool) -> None:
    handle = broken(serve, Fault(kind="cut", reset=reset))
    assert type(openai_chunks(handle)[0]) is openai.APIConnectionError
    assert (handle.requests[0].status, handle.requests[0].finished, handle.requests[0].disconnected) == (
        None,
        False,
        False,
    )


def test_a_cut_in_a_whole_reply(serve: Serve) -> None:
    handle = broken(serve, Fault(kind="cut", after_frames=0))
    with (
        openai.OpenAI(api_key="k", base_url=handle.base_url + "/v1", max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.chat.completions.create(**ASKED)


def test_the_anthropic_sdk_sees_a_cut_but_not_an_early_end(serve: Serve) -> None:
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]}

    def final(fault: Fault) -> Any:
        handle = broken(serve, fault)
        with (
            anthropic.Anthropic(api_key="k", base_url=handle.base_url, max_retries=0) as client,
            client.messages.stream(**asked) as stream,
        ):
            return stream.get_final_message()

    with pytest.raises(Exception, match="incomplete chunked read"):
        final(Fault(kind="cut", after_deltas=1))
    assert final(Fault(kind="end", after_deltas=1)).stop_reason is None


def test_an_error_event_raises_and_an_early_end_does_not(serve: Serve) -> None:
    *chunks, error = openai_chunks(broken(serve, Fault(kind="error", after_deltas=2, message="Out of luck")))
    assert len(chunks) == 3
    assert str(error) == "Out of luck"
    assert len(openai_chunks(broken(serve, Fault(kind="end", after_deltas=2)))) == 3


@pytest.mark.parametrize("after", [None, 2])
def test_a_stall_lasts_until_the_client_leaves(serve: Serve, after: int | None) -> None:
    handle = broken(serve, Fault(kind="stall", after_frames=after))
    *chunks, error = openai_chunks(handle, timeout=0.3)
    assert isinstance(error, openai.APIConnectionError)
    assert len(chunks) == (after or 0)
    deadline = time.monotonic() + 10
    while not handle.requests[0].disconnected:
        assert time.monotonic() < deadline, "the emulator did not notice that the client left"


def test_stopping_does_not_wait_for_a_stalled_stream() -> None:
    script = Script(rules=(Rule(fault=Fault(kind="stall", after_frames=1)),))
    with (
        serve_in_thread(Emulator(script)) as handle,
        openai.OpenAI(api_key="k", base_url=handle.base_url + "/v1", max_retries=0) as client,
    ):
        stream = client.chat.completions.create(stream=True, **ASKED)
        next(iter(stream))
        handle.stop()
        with pytest.raises(openai.APIConnectionError):
            list(stream)


def test_odd_bytes_still_make_a_whole_reply(serve: Serve) -> None:
    quirks = Quirks(split_bytes=3, comments=True, crlf=True, extra_fields=True)
    handle = serve(Script(rules=(Rule(reply=Say(text="Grüße – 你好"), quirks=quirks, pace=Pace(chunk_tokens=1)),)))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in openai_chunks(handle) if chunk.choices)
    assert text == "Grüße – 你好"


def test_a_taken_port_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            serve_in_thread(Emulator(), port=port)
