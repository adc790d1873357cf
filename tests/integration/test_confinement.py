"""The proof of a promise: not one byte of a confined turn reaches an endpoint outside, on any path, nor any log or the store.

Two emulators stand on loopback ports: one is the house's own machine, the other plays every provider outside. A new path is
one more entry in ``PATHS``, a new hiding place one more in ``PLACES``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from pointsman.app import build_router
from pointsman.domain.message import Message, Text
from pointsman.domain.record import TurnRecord
from pointsman.domain.turn import Turn
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Fault, Rule, SaidCall, Say, Script, When
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.execution.batches.desk import BatchItem, PollPlan
from pointsman.execution.python_tools import python_tool
from pointsman.library.door import Pointsman
from pointsman.routing.policy import parse_policy
from support.gateway import GatewayUnderTest
from support.wire import Answer, Client

CARD, DIGITS = "4111 1111 1111 1111", "4111111111111111"
FULLWIDTH = "４１１１１１１１１１１１１１１１"
ARABIC = "٤١١١١١١١١١١١١١١١"
BROKEN, GLUED = "4111 1111\n1111 1111", "PAN4111111111111111x"
SPLIT = "4111\u200b1111\u200b1111\u200b1111"
DOTTED, IBAN = "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", "DE89370400440532013000"
PERCENT = "4111%201111%201111%201111"
SECRETS = (CARD, DIGITS, FULLWIDTH, ARABIC, SPLIT, DOTTED, IBAN, BROKEN, PERCENT)
OPENAI, ANTHROPIC, COUNT = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"

POLICY = """
version: 1
providers:
  openai: {{host: openai, base_url: "{outside}/v1", api_key_env: OUTSIDE_KEY}}
  anthropic: {{host: anthropic, base_url: "{outside}", api_key_env: OUTSIDE_KEY}}
  vllm: {{host: vllm, base_url: "{house}/v1"}}
  ollama: {{host: ollama, base_url: "{house}/v1"}}
tiers:
  small: [openai/gpt-5-mini, vllm/meta-llama/Llama-3.1-8B-Instruct]
  mid: [anthropic/claude-sonnet-4-6]
  flagship: [anthropic/claude-opus-4-8]
routes:
  direct: {{tiers: [small], choose: listed}}
  tools: {{models: [anthropic/claude-sonnet-4-6, vllm/meta-llama/Llama-3.1-8B-Instruct], choose: listed}}
  plan: {{models: [anthropic/claude-opus-4-8, vllm/meta-llama/Llama-3.1-8B-Instruct], choose: listed}}
  summarize:
    {{models: [openai/gpt-5-mini, vllm/meta-llama/Llama-3.1-8B-Instruct], choose: listed, summarizer: small}}
  planned:
    models: [anthropic/claude-opus-4-8, vllm/meta-llama/Llama-3.1-8B-Instruct]
    rank: plan
    planner: anthropic/claude-sonnet-4-6
    worker: openai/gpt-5-mini
  house:
    models: [anthropic/claude-opus-4-8, vllm/meta-llama/Llama-3.1-8B-Instruct, ollama/llama3.1:8b]
    choose: listed
    rank: plan
    worker: ollama/llama3.1:8b
  verified:
    models: [openai/gpt-5-mini, vllm/meta-llama/Llama-3.1-8B-Instruct]
    rank: tools
    verify: {{agreement: anthropic/claude-sonnet-4-6}}
default_route: {route}
deadlines: {{connect_s: 1, first_token_s: 0.4, idle_s: 0.4, total_s: 2}}
fallback: {{max_attempts: 4}}
privacy:
  sensitive: {{on_prem_only: true}}
  redact: all
"""
SORTED = "llm_router: {{model: {model}, band: [0, 1]}}\n"
MORE = {
    "sorted by others": SORTED.format(model="openai/gpt-5-mini"),
    "sorted in the house": SORTED.format(model="vllm/meta-llama/Llama-3.1-8B-Instruct"),
    "sorted by whoever may": SORTED.format(model="small"),
    "sorted in the same call": SORTED.format(model="small").replace("band", "fold: true, band"),
}
"""What the policy of a path has besides."""


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def chat(*messages: dict[str, Any], **fields: Any) -> tuple[str, dict[str, Any]]:
    return OPENAI, {"model": "auto", "messages": list(messages)} | fields


def said(*content: Any, path: str = ANTHROPIC, **fields: Any) -> tuple[str, dict[str, Any]]:
    body = {"model": "auto", "messages": [user(list(content))], **fields}
    return path, body if path == COUNT else {**body, "max_tokens": 99}


CALL = {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": json.dumps({"number": DIGITS})}}
PLAIN_CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "pay", "parameters": {"type": "object"}}}]
RESULT = json.dumps({"customer": {"iban": IBAN}})
LONG = "The parcel came late, the box was wet and nobody called me back about order A-77. " * 120
FILE = base64.b64encode(f"Invoice\nCard: {CARD}\n".encode()).decode()
IMAGE = f"https://shop.example/i.png?pan={DIGITS}"

PLACES = {
    "text": chat(user(f"My card is {CARD}")),
    "fullwidth": chat(user(f"Card {FULLWIDTH}")),
    "arabic digits": chat(user(f"Card {ARABIC}")),
    "invisible marks": chat(user(f"Card {SPLIT}")),
    "dots": chat(user(f"{DOTTED} is it")),
    "a line break": chat(user(f"My card is {BROKEN}")),
    "letters beside it": chat(user(f"Use {GLUED}")),
    "percent signs": chat(user(f"See https://shop.example/?pan={PERCENT}")),
    "asked for": chat(
        user("Hi"), {"role": "assistant", "content": "Your social security number?"}, user("536904399"), user("ok?")
    ),
    "over the agent's words": chat(user("4111 1111"), {"role": "assistant", "content": "Go on"}, user("1111 1111")),
    "long before": chat(user(CARD), *[user("hm")] * 30, {"role": "assistant", "content": "ok"}, user("and now?")),
    "long text": chat(user(f"{LONG} My card is {CARD}. {LONG} What now?")),
    "two parts": chat(user([{"type": "text", "text": "4111 1111"}, {"type": "text", "text": "1111 1111"}])),
    "system prompt": chat({"role": "system", "content": f"The customer's card: {CARD}"}, user("Hello")),
    "agent's words": chat(user("Hi"), {"role": "assistant", "content": f"Your card {CARD}?"}, user("What?")),
    "tool arguments": chat(
        user("Pay"),
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        tools=TOOLS,
    ),
    "tool result": chat(
        user("Who am I?"),
        {"role": "assistant", "content": None, "tool_calls": [PLAIN_CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": RESULT},
        tools=TOOLS,
    ),
    "image address": chat(
        user([{"type": "text", "text": "Read it"}, {"type": "image_url", "image_url": {"url": IMAGE}}])
    ),
    "metadata": chat(user("Hello"), metadata={"note": f"pan {DIGITS}"}),
    "user field": chat(user("Hello"), user=DIGITS),
    "another field": chat(user("Hello"), prompt_cache_key=f"pan {DIGITS}"),
    "stop sequence": chat(user("Hello"), stop=[DIGITS]),
    "anthropic text": said({"type": "text", "text": f"Card {CARD}"}),
    "anthropic file": said(
        {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": FILE}},
        {"type": "text", "text": "Read this"},
    ),
    "counting tokens": said({"type": "text", "text": f"Card {CARD}"}, path=COUNT),
}

FINE = Script()
PAYS = Script(rules=(Rule(when=When(results=False), reply=Say(calls=(SaidCall(name="pay", arguments={"n": 1}),))),))
PATHS: dict[str, tuple[str, Script, dict[str, Any]]] = {
    "direct": ("direct", FINE, {}),
    "tools": ("tools", FINE, {}),
    "plan": ("plan", FINE, {}),
    "plan by others": ("planned", FINE, {}),
    "plan in the house": ("house", FINE, {}),
    "summarize": ("summarize", FINE, {}),
    "verified": ("verified", PAYS, {"tools": TOOLS}),
    **dict.fromkeys(MORE, ("direct", FINE, {})),
    "streamed": ("direct", FINE, {"stream": True}),
    "pinned outside": ("direct", FINE, {"model": "openai/gpt-5-mini"}),
    "house fails": ("direct", Script(rules=(Rule(fault=Fault(kind="status", status=500)),)), {}),
    "house is full": ("plan", Script(rules=(Rule(fault=Fault(kind="status", status=429, retry_after_s=0)),)), {}),
    "house refuses": ("tools", Script(rules=(Rule(fault=Fault(kind="status", status=401)),)), {}),
    "house cuts": ("direct", Script(rules=(Rule(fault=Fault(kind="cut")),)), {"stream": True}),
    "house breaks off": ("direct", Script(rules=(Rule(fault=Fault(kind="cut", after_deltas=1)),)), {"stream": True}),
    "house is silent": ("direct", Script(rules=(Rule(fault=Fault(kind="stall")),)), {}),
    "house echoes": (
        "direct",
        Script(
            rules=(Rule(fault=Fault(kind="status", status=400, message=f"bad input: {CARD} {FULLWIDTH} {DIGITS}")),)
        ),
        {},
    ),
    "fails once": ("plan", Script(rules=(Rule(when=When(call=1), fault=Fault(kind="status", status=503)),)), {}),
}


class World:
    """A gateway with the house's machine and everybody outside behind it."""

    def __init__(self, running: GatewayUnderTest, house: Handle, outside: Handle) -> None:
        self.running, self.house, self.outside = running, house, outside

    def post(self, path: str, body: Any) -> Answer:
        headers = {"anthropic_version": "2023-06-01"} if path.startswith(ANTHROPIC) else {}
        with Client(self.running.port) as client:
            return client.post(path, body, **headers)


@contextmanager
def world(folder: Path, route: str, script: Script, more: str = "", said_outside: Script = FINE) -> Iterator[World]:
    with ExitStack() as stack:
        house = stack.enter_context(serve_in_thread(Emulator(script)))
        outside = stack.enter_context(serve_in_thread(Emulator(said_outside)))
        text = POLICY.format(house=house.base_url, outside=outside.base_url, route=route) + more
        router = build_router(
            parse_policy(text, "test.yaml"), store=f"sqlite:///{folder}/s.db", environ={"OUTSIDE_KEY": "k"}
        )
        yield World(stack.enter_context(GatewayUnderTest(router, None)), house, outside)


def shown(raw: bytes) -> list[str]:
    """Return bytes as anybody could read them: as they are, with escapes resolved, with percent signs resolved."""
    text = raw.decode("utf-8", "replace")
    try:
        again = json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        again = text
    return [text, again, unquote(again), again.replace("\\", "")]


def assert_clean(where: str, raw: bytes) -> None:
    for text in shown(raw):
        for secret in SECRETS:
            assert secret not in text, f"{secret} in {where}"
        assert FILE not in text, where


@pytest.mark.parametrize("path", PATHS)
def test_nothing_of_a_confined_turn_is_seen_outside_in_the_log_or_in_the_store(
    tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    route, script, fields = PATHS[path]
    caplog.set_level(logging.DEBUG)
    # Silence takes its time: there the places are sampled.
    places = list(PLACES.items())[::9] if path == "house is silent" else list(PLACES.items())
    with world(tmp_path, route, script, MORE.get(path, "")) as w:
        for name, (url, body) in places:
            extra = {} if url == COUNT or (url == ANTHROPIC and "tools" in fields) else fields
            w.post(url, {**body, **extra})
            for seen in w.outside.requests:
                assert_clean(f"a request to {seen.path} ({name}, {path})", seen.raw)
                assert_clean(f"the head of a request ({name}, {path})", msgspec.json.encode((seen.headers, seen.query)))
            assert w.outside.requests == [], name
        assert_clean_turns(w.running.turns(), path)
    assert_clean_files(tmp_path, path)
    for entry in caplog.records:
        assert_clean(f"a log line of {entry.name}", entry.getMessage().encode())
        assert_clean(f"a traceback of {entry.name}", str(entry.exc_info).encode())


def assert_clean_turns(turns: list[TurnRecord], path: str) -> None:
    for record in turns:
        assert_clean(f"the record of a turn ({path})", msgspec.json.encode(record))
        for part, raw in (*record.request, ("reply", record.reply)):
            assert_clean(f"{part} in the store ({path})", raw)


def assert_clean_files(folder: Path, path: str) -> None:
    for file in folder.iterdir():
        assert_clean(f"the file {file.name} ({path})", file.read_bytes())


SERVER = Path(__file__).parents[1] / "support" / "mcp_server.py"
AGENT = f"""
agents:
  clerk:
    prompt: You are a clerk.
    tools: {{look_up: {{}}}}
    mcp: {{test: {{stdio: {{command: "{sys.executable}", args: ["{SERVER}"], env: {{CARD: $CARD}}}}}}}}
"""


@pytest.mark.parametrize("tool", ["look_up", "environment"])
def test_a_tool_s_result_in_the_middle_of_a_run_keeps_the_rest_in_the_house(
    tmp_path: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool of this process and one of an MCP server bring a card into a run that began with somebody outside."""

    def look_up(name: str) -> str:
        """Look a customer up."""
        return json.dumps({"customer": {name: CARD}})

    monkeypatch.setenv("CARD", CARD)
    call = SaidCall(tool, {"name": "CARD"})
    outside = Script(rules=(Rule(when=When(results=False), reply=Say(calls=(call,))), Rule(reply=Say("From outside."))))
    house = Script(rules=(Rule(reply=Say(f"You pay with {CARD}.")),))
    with world(tmp_path, "tools", house, AGENT, outside) as w:
        w.running.router.tools["look_up"] = python_tool(look_up)
        answer = w.post(*chat(user("Which card do I pay with?"), model="agent/clerk"))
        assert f"You pay with {CARD}." in answer.body.decode()
        assert len(w.outside.requests) == 1
        assert len(w.house.requests) == 1
        assert_clean("what went outside", w.outside.requests[0].raw)
        assert_clean_turns(w.running.turns(), tool)
    assert_clean_files(tmp_path, tool)


def test_no_item_of_a_batch_with_a_secret_in_it_goes_outside(tmp_path: Path) -> None:
    async def submit(text: str, outside: Handle) -> list[str]:
        async with Pointsman(
            parse_policy(text, "test.yaml"), store=f"sqlite:///{tmp_path}/s.db", environ={"OUTSIDE_KEY": "k"}
        ) as pm:
            desk = pm.batch_desk(PollPlan(first_s=0.01))
            items = [BatchItem(str(n), Turn((Message("user", (Text(secret),)),))) for n, secret in enumerate(SECRETS)]
            fine = BatchItem("fine", Turn((Message("user", (Text("Sum it up."),)),)))
            view = await desk.submit([*items, fine], "openai/gpt-5-mini")
            assert any(b"Sum it up." in seen.raw for seen in outside.requests)
            return [row.error_code or "sent" for row in desk.items(view.batch.id)]

    with serve_in_thread(Emulator()) as outside:
        text = POLICY.format(house="http://127.0.0.1:9", outside=outside.base_url, route="direct")
        assert asyncio.run(submit(text, outside)) == ["no_eligible_model"] * len(SECRETS) + ["sent"]
        for seen in outside.requests:
            assert_clean(f"a request to {seen.path}", seen.raw)
    assert_clean_files(tmp_path, "batch")


def test_the_house_answers_confined_turns_and_others_go_outside(tmp_path: Path) -> None:
    with world(tmp_path, "direct", FINE) as w:
        assert w.post(*chat(user("When are you open?"))).status == 200
        assert len(w.outside.requests) == 1
        answers = {name: w.post(url, body).status for name, (url, body) in PLACES.items()}
        # The house's model sees no images: better no answer than one from outside.
        assert [name for name, status in answers.items() if status != 200] == ["image address"]
        assert len(w.outside.requests) == 1
        assert len(w.house.requests) == len(PLACES) - 2  # and tokens are counted without asking anybody
