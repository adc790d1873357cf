"""Plays the bundled conversations against a gateway, over plain HTTP, as a team's own agent would."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pointsman.evaluation.demo_agents import AGENTS, Agent, Said
from pointsman.evaluation.demo_file import DemoConversation, DemoFile, DemoTurn, result_text

_MOST_STEPS = 8
_TIMEOUT_S = 30.0


class Exchange(msgspec.Struct, frozen=True):
    """One request of the demo's agent and its answer.

    ``decision_id`` finds the turn's record in the store. ``error`` is set when the gateway answered with an error,
    ``rejected`` when the reply is not the JSON that was asked for.
    """

    conversation: str
    turn: int
    said: str
    decision_id: str | None
    http_status: int
    text: str = ""
    calls: tuple[str, ...] = ()
    error: str | None = None
    rejected: str | None = None


class Client:
    """Posts JSON to one server and keeps the connection."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=_TIMEOUT_S)

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send ``body``; the answer's head has arrived."""
        data = json.dumps(body).encode()
        self._connection.request("POST", path, data, {"content-type": "application/json", **headers})
        return self._connection.getresponse()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def play(demo: DemoFile, base_url: str) -> Iterator[tuple[DemoConversation, DemoTurn, list[Exchange]]]:
    """Play every conversation in order and yield each turn with its exchanges, as soon as it is over."""
    client = Client(base_url)
    try:
        for conversation in demo.conversations:
            agent = AGENTS[conversation.dialect](demo.system, demo.tools)
            for number, turn in enumerate(conversation.turns, 1):
                yield conversation, turn, list(_turn(client, agent, conversation, turn, number))
    finally:
        client.close()


def _turn(
    client: Client, agent: Agent, conversation: DemoConversation, turn: DemoTurn, number: int
) -> Iterator[Exchange]:
    """Ask until the model has nothing more to call, running the tools in between."""
    agent.hear(turn.said, image=turn.image)
    results = {call.name: result_text(call) for step in turn.steps for call in step}
    by_arguments = {(call.name, _canonical(call.arguments)): result_text(call) for step in turn.steps for call in step}
    for _ in range(_MOST_STEPS):
        exchange, said = _ask(client, agent, conversation, turn, number)
        yield exchange
        if said is None:
            return
        if exchange.rejected is not None:
            continue
        found = [
            by_arguments.get((name, _canonical_text(arguments))) or results.get(name) or '{"error": "no such tool"}'
            for _, name, arguments in said.calls
        ]
        agent.keep(said, found)
        if not said.calls:
            return


def _ask(
    client: Client, agent: Agent, conversation: DemoConversation, turn: DemoTurn, number: int
) -> tuple[Exchange, Said | None]:
    headers = {
        "x-pointsman-conversation-id": conversation.id,
        "x-pointsman-channel": conversation.channel,
        **agent.headers,
    }
    stream = conversation.stream
    answer = client.post(agent.path, agent.request(stream=stream, schema=turn.schema), headers)
    base = Exchange(
        conversation=conversation.id,
        turn=number,
        said=turn.said,
        decision_id=answer.getheader("x-pointsman-decision-id"),
        http_status=answer.status,
    )
    if answer.status != http.client.OK:
        return msgspec.structs.replace(base, error=_error_text(answer.read())), None
    try:
        said = agent.read_stream(_events(answer)) if stream else agent.read(json.loads(answer.read()))
    except (_StreamError, ValueError, KeyError, http.client.HTTPException) as problem:
        answer.read()
        return msgspec.structs.replace(base, error=f"{problem}"), None
    names = tuple(name for _, name, _ in said.calls)
    rejected = None if turn.schema is None else _not_json(said.text)
    return msgspec.structs.replace(base, text=said.text, calls=names, rejected=rejected), said


class _StreamError(Exception):
    """The stream carried an error event."""


def _events(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    for line in answer:
        data = line.strip()
        if not data.startswith(b"data:"):
            continue
        data = data.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            continue
        event = json.loads(data)
        if "error" in event:
            raise _StreamError(event["error"].get("message", "the stream broke"))
        yield event


def _error_text(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")


def _not_json(text: str) -> str | None:
    """Return why ``text`` is not a JSON object, None if it is one."""
    try:
        return None if isinstance(json.loads(text), dict) else "not a JSON object"
    except ValueError as problem:
        return f"not JSON: {problem}"


def _canonical(arguments: Any) -> str:
    return json.dumps(arguments, sort_keys=True)


def _canonical_text(arguments: str) -> str:
    try:
        return _canonical(json.loads(arguments))
    except ValueError:
        return arguments
