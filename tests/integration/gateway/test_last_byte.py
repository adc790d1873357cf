"""First bytes never wait for the store; the last byte is released only after the commit; a store that fails is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.app import Router
from pointsman.catalog.book import Catalog
from pointsman.domain.record import TurnRecord
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Rule, Say, Script
from pointsman.emulator.serving import serve_in_thread
from pointsman.errors import StoreError
from pointsman.execution.endpoints import resolve_endpoints
from pointsman.store import Store, open_store
from pointsman.store.location import parse_url
from support.gateway import GatewayUnderTest, policy
from support.wire import Client, eventually, post

SCRIPT = Script(rules=(Rule(reply=Say(text="We are open from nine to five.")),))
ASK: Any = [{"role": "user", "content": "When are you open?"}]
OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
ENDS = {OPENAI: b"[DONE]", ANTHROPIC: b"message_stop"}
HOLDS_BACK = {OPENAI: b'"finish_reason":"stop"', ANTHROPIC: b"message_delta"}
MODELS = ["anthropic/claude-haiku-4-5", "openai/gpt-4o-mini"]


class GatedStore(Store):
    """Commits nothing until ``gate`` is open; ``full`` makes it fail as a full disk does."""

    def __init__(self, url: str) -> None:
        open_store(url).close()
        super().__init__(parse_url(url), read_only=False)
        self.gate = threading.Event()
        self.asked = threading.Event()
        self.full = False

    def append(self, record: TurnRecord) -> asyncio.Future[None]:
        self.asked.set()
        return asyncio.ensure_future(self._late(record))

    async def _late(self, record: TurnRecord) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.gate.wait, 10)
        if self.full:
            raise StoreError(f"store {self.path}: the disk is full.")
        await super().append(record)


@contextmanager
def gated(folder: Path) -> Iterator[tuple[GatewayUnderTest, GatedStore]]:
    chosen = policy()
    with serve_in_thread(Emulator(SCRIPT)) as emulator:
        store = GatedStore(f"sqlite:///{folder}/turns.db")
        router = Router(chosen, Catalog.load(None), resolve_endpoints(chosen, {}, emulator.base_url), store)
        with GatewayUnderTest(router, emulator) as running:
            try:
                yield running, store
            finally:
                store.gate.set()


def ask(path: str, model: str, *, stream: bool) -> bytes:
    return post(path, {"model": model, "max_tokens": 99, "stream": stream, "messages": ASK})


def status(running: GatewayUnderTest, path: str) -> int:
    with Client(running.port) as client:
        client.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        return client.answer().status


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("model", MODELS)
def test_a_stream_flows_before_the_commit_and_ends_after_it(tmp_path: Path, path: str, model: str) -> None:
    with gated(tmp_path) as (running, store), Client(running.port) as client:
        client.send(ask(path, model, stream=True))
        assert store.asked.wait(5)
        early = client.until(b"five.")
        client.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            early += client.socket.recv(1)
        assert ENDS[path] not in early
        assert HOLDS_BACK[path] not in early
        assert running.turns() == []
        client.socket.settimeout(10)
        store.gate.set()
        answer = client.answer()
        assert ENDS[path] in answer.body
        assert answer.complete
        assert [record.status for record in running.turns()] == ["ok"]


@pytest.mark.parametrize("model", MODELS)
def test_a_whole_reply_waits_for_the_commit(tmp_path: Path, model: str) -> None:
    with gated(tmp_path) as (running, store), Client(running.port) as client:
        client.send(ask(OPENAI, model, stream=False))
        assert store.asked.wait(5)
        client.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
        client.socket.settimeout(10)
        store.gate.set()
        assert client.answer().status == 200


def test_a_client_that_leaves_during_the_commit_leaves_one_record(tmp_path: Path) -> None:
    with gated(tmp_path) as (running, store):
        with Client(running.port) as client:
            client.send(ask(OPENAI, "auto", stream=True))
            assert store.asked.wait(5)
        eventually(lambda: running.busy == 0)
        store.gate.set()
        eventually(running.turns)
        assert len(running.turns()) == 1


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("model", MODELS)
def test_a_reply_that_cannot_be_kept_is_never_complete(tmp_path: Path, path: str, model: str) -> None:
    with gated(tmp_path) as (running, store):
        store.full = True
        store.gate.set()
        with Client(running.port) as client:
            client.send(ask(path, model, stream=True))
            streamed = client.answer()
        assert b"five." in streamed.body
        assert b'"error"' in streamed.body
        assert ENDS[path] not in streamed.body
        assert HOLDS_BACK[path] not in streamed.body
        assert str(tmp_path).encode() not in streamed.body
        with Client(running.port) as client:
            client.send(ask(path, model, stream=False))
            assert client.answer().status in {500, 503}


def test_the_sdks_raise(tmp_path: Path) -> None:
    with gated(tmp_path) as (running, store):
        store.full = True
        store.gate.set()
        with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client:
            with pytest.raises(openai.APIError):
                list(client.chat.completions.create(model="auto", messages=ASK, stream=True))
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(model="auto", messages=ASK)
        with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as other:
            with pytest.raises(anthropic.APIStatusError):
                list(other.messages.create(model="auto", max_tokens=9, messages=ASK, stream=True))
            with pytest.raises(anthropic.InternalServerError):
                other.messages.create(model="auto", max_tokens=9, messages=ASK)


def test_readiness_follows_the_store_without_another_turn(tmp_path: Path) -> None:
    with gated(tmp_path) as (running, store):
        store.gate.set()
        assert status(running, "/readyz") == 200
        store.full = True
        with Client(running.port) as client:
            client.send(ask(OPENAI, "auto", stream=False))
            client.answer()
        assert status(running, "/readyz") == 503
        assert status(running, "/healthz") == 200
        store.full = False
        assert status(running, "/readyz") == 200
        # What was lost is kept as what its client saw.
        assert [(record.status, record.error_code) for record in running.turns()] == [("broken", "store_error")]


def test_readiness_answers_while_the_store_hangs(tmp_path: Path) -> None:
    with gated(tmp_path) as (running, store):
        store.full = True
        store.gate.set()
        with Client(running.port) as client:
            client.send(ask(OPENAI, "auto", stream=False))
            client.answer()
        store.gate.clear()
        assert status(running, "/readyz") == 503
