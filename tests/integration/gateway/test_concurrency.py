"""Two hundred streams at once: all complete, each with its own words, all on record."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp

from pointsman.emulator.script import Pace, Rule, Say, Script, When
from support.gateway import GatewayUnderTest, gateway

STREAMS = 200
OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
TEXTS = re.compile(r'"(?:content|text)":\s?"([^"]*)"')
MODELS = ["anthropic/claude-haiku-4-5", "openai/gpt-4o-mini", "google/gemini-2.5-flash"]


def words(number: int) -> str:
    return f"client-{number:04d} " * 40


async def one(session: aiohttp.ClientSession, running: GatewayUnderTest, number: int) -> tuple[str, bytes]:
    path = (OPENAI, ANTHROPIC)[number % 2]
    message = {"role": "user", "content": f"I am client-{number:04d}."}
    body = {"model": MODELS[number % 3], "max_tokens": 999, "stream": number % 5 != 0, "messages": [message]}
    headers = {"x-pointsman-conversation-id": f"c{number}"}
    async with session.post(running.base_url + path, json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return answer.headers["x-pointsman-decision-id"], await answer.read()


async def all_at_once(running: GatewayUnderTest) -> list[tuple[str, bytes]]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        return await asyncio.gather(*(one(session, running, number) for number in range(STREAMS)))


def test_no_words_go_astray(tmp_path: Path) -> None:
    rules = tuple(
        Rule(when=When(contains=f"client-{n:04d}"), reply=Say(text=words(n)), pace=Pace(ttft_ms=20, tokens_per_s=2000))
        for n in range(STREAMS)
    )
    with gateway(tmp_path / "t.db", Script(rules=rules)) as running:
        got = asyncio.run(all_at_once(running))
        records: dict[str, Any] = {record.id: record for record in running.turns()}
        assert running.busy == 0
    assert len(records) == STREAMS
    for number, (turn_id, body) in enumerate(got):
        record = records[turn_id]
        assert record.status == "ok"
        assert record.conversation_id == f"c{number}"
        assert words(number).strip().encode() in record.reply
        assert "".join(TEXTS.findall(body.decode())) == words(number)
        if number % 5 != 0:
            assert body.endswith(b"data: [DONE]\n\n") if number % 2 == 0 else b"event: message_stop" in body
