"""Outcomes and feedback over HTTP: partial, repeated, wrong, and another key's."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pointsman.store.keys import create_key
from support.gateway import POLICY, GatewayUnderTest, gateway, policy
from support.wire import eventually


class Client:
    def __init__(self, running: GatewayUnderTest, secret: str | None = None) -> None:
        self.running = running
        self.headers = {"authorization": f"Bearer {secret}"} if secret else {}

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.running.base_url + path, data, self.headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def turn(self, conversation: str) -> str:
        headers = {**self.headers, "x-pointsman-conversation-id": conversation, "content-type": "application/json"}
        data = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "When are you open?"}]}).encode()
        url = self.running.base_url + "/v1/chat/completions"
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:  # noqa: S310
            return str(answer.headers["x-pointsman-decision-id"])


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with gateway(tmp_path / "s.db") as running:
        yield Client(running)


def test_where_the_policy_redacts_so_are_the_words_of_reports(tmp_path: Path) -> None:
    mail, card = "zoe.hidden@example.com", "4111 1111 1111 1111"
    with gateway(tmp_path / "s.db", chosen=policy(POLICY + "privacy: {redact: all}\n")) as running:
        client = Client(running)
        turn = client.turn(mail)
        for name, more in ((mail, {}), (f"new {mail}", {"allow_unknown": True})):
            body = {"resolved": True, "source": mail, "id": f"{name} {card}", **more}
            path = f"/v1/conversations/{quote(name)}/outcome"
            assert client.call("POST", path, body) == client.call("POST", path, body)
        said = {"thumb": "down", "comment": card, "label": card, "source": mail, "id": mail, "intent": mail}
        assert [client.call("POST", f"/v1/turns/{turn}/feedback", said)[0] for _ in range(2)] == [201, 200]
        (one,) = client.call("GET", f"/v1/turns/{turn}/feedback")[1]["feedback"]
        assert one["comment"].startswith("[CARD_")
    for file in tmp_path.iterdir():
        raw = file.read_bytes()
        assert b"zoe.hidden" not in raw, file.name
        assert b"4111 1111" not in raw, file.name


def test_an_outcome_is_reported_in_parts_and_read_back(client: Client) -> None:
    client.turn("c/1 ü")
    path = "/v1/conversations/c%2F1%20%C3%BC/outcome"
    assert client.call("GET", path)[1]["resolved"] is None
    status, first = client.call("POST", path, {"resolved": True, "at": "2026-01-02T03:04:05Z", "source": "crm"})
    assert (status, first["resolved"], first["escalated"]) == (200, True, None)
    client.call("POST", path, {"handoff_cost_usd": 4.10, "csat": 4, "at": "2026-01-03T00:00:00Z"})
    assert client.call("GET", path) == (
        200,
        {
            "conversation": "c/1 ü",
            "resolved": True,
            "escalated": None,
            "reopened": None,
            "csat": 4.0,
            "handoff_cost_usd": 4.1,
            "source": "crm",
            "at": "2026-01-03T00:00:00.000Z",
        },
    )


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b'{"resolved": "yes"}', "resolved"),
        (b'{"csat": 6}', "csat"),
        (b'{"colour": 1}', "colour"),
        (b'{"handoff_cost_usd": -1}', "handoff_cost_usd"),
        (b"{}", None),
        (b'{"resolved": true, "at": "soon"}', "at"),
        (b"\xff", None),
    ],
)
def test_a_wrong_report_is_a_400_that_names_the_field(client: Client, body: bytes, param: str | None) -> None:
    client.turn("c1")
    status, answer = client.call("POST", "/v1/conversations/c1/outcome", body)
    assert (status, param is None or param in answer["error"]["message"]) == (400, True)


def test_unknown_conversations_wrong_methods_and_early_reports(client: Client) -> None:
    assert client.call("POST", "/v1/conversations/none/outcome", {"resolved": True})[0] == 404
    assert client.call("GET", "/v1/conversations/none/outcome")[0] == 404
    assert client.call("DELETE", "/v1/conversations/none/outcome")[0] == 405
    assert client.call("POST", "/v1/conversations/%FF/outcome", {"resolved": True})[0] == 400
    early = {"resolved": True, "allow_unknown": True}
    assert client.call("POST", "/v1/conversations/none/outcome", early)[0] == 200


def test_feedback_on_a_turn_is_kept_once_per_id_and_checked_against_the_policy(client: Client) -> None:
    turn = client.turn("c1")
    path = f"/v1/turns/{turn}/feedback"
    said = {"id": "f1", "thumb": "down", "rating": 2, "comment": "wrong shop", "route": "plan", "intent": "refund"}
    assert client.call("POST", path, said) == (201, {"turn": turn, "new": True})
    assert client.call("POST", path, said) == (200, {"turn": turn, "new": False})
    assert [one["comment"] for one in client.call("GET", path)[1]["feedback"]] == ["wrong shop"]
    assert client.call("POST", path, {"route": "moon"})[0] == 400
    assert client.call("POST", path, {"source": "x"})[0] == 400
    assert client.call("POST", "/v1/turns/none/feedback", {"thumb": "up"})[0] == 404


def test_a_key_can_neither_read_nor_write_what_is_another_keys(tmp_path: Path) -> None:
    with gateway(tmp_path / "s.db", keys=True) as running:
        store = running.router.store
        mine, other = (Client(running, create_key(store, name)[1]) for name in ("mine", "other"))
        eventually(lambda: mine.call("GET", "/v1/models")[0] == 200)
        turn = mine.turn("c1")
        assert mine.call("POST", "/v1/conversations/c1/outcome", {"resolved": True})[0] == 200
        assert other.call("POST", "/v1/conversations/c1/outcome", {"resolved": False})[0] == 404
        assert other.call("GET", "/v1/conversations/c1/outcome")[0] == 404
        assert other.call("POST", f"/v1/turns/{turn}/feedback", {"thumb": "up"})[0] == 404
        other.turn("c1")
        assert other.call("GET", "/v1/conversations/c1/outcome")[1]["resolved"] is None
        assert Client(running).call("GET", "/v1/conversations/c1/outcome")[0] == 401
