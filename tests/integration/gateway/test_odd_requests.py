"""Requests no SDK sends: each gets an answer in its dialect's shape, and the gateway goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pointsman.emulator.script import Rule, Say, Script
from support.gateway import GatewayUnderTest, gateway
from support.wire import Client, eventually, post

OPENAI, ANTHROPIC, COUNT = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"
BODY: Any = {"model": "auto", "max_tokens": 99, "messages": [{"role": "user", "content": "When are you open?"}]}
LIMIT = 100_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayUnderTest]:
    script = Script(rules=(Rule(reply=Say(text="From nine to five.")),))
    with gateway(tmp_path_factory.mktemp("odd") / "t.db", script, max_body=LIMIT) as running:
        yield running


@pytest.fixture
def client(served: GatewayUnderTest) -> Iterator[Client]:
    with Client(served.port) as connected:
        yield connected


def check_error(answer: Any, path: str, status: int) -> str:
    """Check the shape of the dialect's error, and return its text."""
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    error = answer.json["error"]
    if path == OPENAI:
        assert error.keys() == {"message", "type", "param", "code"}
        assert answer.headers["x-request-id"]
    else:
        assert answer.json["type"] == "error"
        assert error.keys() == {"type", "message"}
        assert answer.json["request_id"] == answer.headers["request-id"]
    assert answer.headers["x-should-retry"] == "false"
    return str(error["message"])


NO_TURN = {
    "nothing": b"",
    "white space": b"  \n",
    "no JSON": b"hello",
    "cut off": b'{"model": "auto", "messages": [',
    "two objects": b"{}{}",
    "an array": b"[1, 2]",
    "null": b"null",
    "a string": b'"auto"',
    "an empty object": b"{}",
    "UTF-16": '{"model": "auto"}'.encode("utf-16"),
    "invalid UTF-8": b'{"model":"auto","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "a lone surrogate": b'{"model":"\\ud800","max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
    "deep": b'{"model":"auto","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "deep and open": b"[" * 50_000,
    "NaN": b'{"model":"auto","temperature":NaN,"messages":[]}',
    "a huge number": b'{"model":"auto","max_tokens":1' + b"0" * 400 + b',"messages":[{"role":"user","content":"x"}]}',
    "messages of another type": b'{"model":"auto","max_tokens":5,"messages":"hi"}',
    "no messages": b'{"model":"auto","max_tokens":5,"messages":[]}',
    "model of another type": b'{"model":7,"max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
}


# Counting does not read the output limit.
BODIES = [
    (path, name) for path in (OPENAI, ANTHROPIC, COUNT) for name in NO_TURN if (path, name) != (COUNT, "a huge number")
]


@pytest.mark.parametrize(("path", "name"), BODIES)
def test_a_body_that_is_no_turn(client: Client, path: str, name: str) -> None:
    check_error(client.post(path, NO_TURN[name]), path, 400)
    assert client.post(OPENAI, BODY).status == 200  # on the same connection


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, COUNT])
def test_a_body_that_is_too_large(served: GatewayUnderTest, path: str) -> None:
    with Client(served.port) as client:
        assert check_error(client.post(path, b"x" * (LIMIT + 1)), path, 413)
    with Client(served.port) as client:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        piece = b"x" * 10_000
        client.send(head.encode() + (f"{len(piece):x}\r\n".encode() + piece + b"\r\n") * 11)
        assert check_error(client.answer(), path, 413)
    with Client(served.port) as client:
        client.send(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n".encode())
        assert check_error(client.answer(), path, 413)
    eventually(lambda: served.busy == 0)


def test_a_chunked_body_is_read(client: Client) -> None:
    data = post("", BODY).partition(b"\r\n\r\n")[2]
    pieces = b"".join(f"{1:x}\r\n".encode() + data[i : i + 1] + b"\r\n" for i in range(len(data)))
    client.send(f"POST {OPENAI} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode() + pieces)
    client.send(b"0\r\n\r\n")
    assert client.answer().status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"])
def test_the_content_type_does_not_matter(client: Client, kind: str) -> None:
    request = post(OPENAI, BODY).replace(b"application/json", kind.encode())
    client.send(request)
    assert client.answer().status == 200


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, COUNT])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_another_method(served: GatewayUnderTest, path: str, method: str) -> None:
    with Client(served.port) as client:
        client.send(f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode())
        answer = client.answer(head_only=method == "HEAD")
        assert answer.headers["allow"] == "POST"
        if method == "HEAD":
            assert answer.status == 405
        else:
            check_error(answer, path, 405)


@pytest.mark.parametrize("path", ["/v1", "/v1/completions", "/v1/messages/batches", "/v1/chat/completions/", "/%00"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_path(client: Client, path: str, method: str) -> None:
    client.send(f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}".encode())
    check_error(client.answer(), ANTHROPIC if path.startswith(ANTHROPIC) else OPENAI, 404)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_pages_are_not_for_a_host_that_is_not_ours(client: Client, method: str) -> None:
    client.send(f"{method} / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}".encode())
    answer = client.answer()
    assert answer.status == 421
    assert b"Traceback" not in answer.body


def test_probes_may_use_head(client: Client) -> None:
    for path in ("/healthz", "/readyz", "/v1/models"):
        client.send(f"HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        answer = client.answer(head_only=True)
        assert answer.status == 200
        assert int(answer.headers["content-length"]) > 0
        client.send(f"DELETE {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert client.answer().status == 405


@pytest.mark.parametrize("name", ["x_pointsman_conversation_id", "x_pointsman_channel"])
@pytest.mark.parametrize("value", ["\xff\x80", "a\tb", "é" * 200, "x" * 50_000])
def test_our_own_headers_with_odd_values(served: GatewayUnderTest, client: Client, name: str, value: str) -> None:
    answer = client.post(OPENAI, BODY, **{name: value})
    assert name.replace("_", "-") in check_error(answer, OPENAI, 400)
    assert len(answer.body) < 2000
    assert client.post(OPENAI, BODY).status == 200


def test_a_conversation_id_cannot_bring_headers_along(client: Client) -> None:
    answer = client.post(OPENAI, BODY, x_pointsman_conversation_id="a%0d%0ax-evil: 1", x_pointsman_explain="1")
    assert answer.status == 200
    assert "x-evil" not in answer.headers


def test_foreign_headers_do_not_matter(client: Client) -> None:
    request = post(OPENAI, BODY, x_odd="\xe9\xff", cookie="c" * 20_000, expect="nothing", x_twice="1")
    client.send(request.replace(b"x-twice: 1", b"x-twice: 1\r\nx-twice: 2\r\nX-Pointsman-Explain: 0"))
    assert client.answer().status == 200


def test_expect_100_continue(client: Client) -> None:
    head, _, body = post(OPENAI, BODY, expect="100-continue").partition(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    assert b"100 Continue" in client.until(b"\r\n\r\n")
    client.send(body)
    client.answer(head_only=True)
    assert client.answer().status == 200


def test_pipelined_requests_are_answered_in_order(served: GatewayUnderTest, client: Client) -> None:
    streamed = BODY | {"stream": True}
    client.send(post(OPENAI, BODY) + post(OPENAI, streamed) + post(ANTHROPIC, BODY) + post(OPENAI, b"no"))
    answers = [client.answer() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 400]
    assert answers[0].json["object"] == "chat.completion"
    assert answers[1].body.endswith(b"data: [DONE]\n\n")
    assert answers[2].json["type"] == "message"
    for answer in answers[:3]:
        assert served.turn(answer.headers["x-pointsman-decision-id"]).status == "ok"


@pytest.mark.parametrize("stream", [True, False])
def test_http_1_0(served: GatewayUnderTest, stream: bool) -> None:
    with Client(served.port) as client:
        request = post(OPENAI, BODY | {"stream": stream}).replace(b"HTTP/1.1", b"HTTP/1.0")
        client.send(request)
        answer = client.answer()
        assert answer.status == 200
        assert answer.body.endswith(b"data: [DONE]\n\n") if stream else answer.json["choices"]
        assert client.socket.recv(1) == b""


def test_no_http_at_all(served: GatewayUnderTest) -> None:
    for junk in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\r\n" * 100, b"POST / HTTP/9.9\r\n\r\n"):
        with Client(served.port) as client:
            client.send(junk)
    with Client(served.port) as client:
        assert client.post(OPENAI, BODY).status == 200


def test_control_characters_in_a_header_are_refused(served: GatewayUnderTest) -> None:
    with Client(served.port) as client:
        assert client.post(OPENAI, BODY, x_pointsman_conversation_id="a\x01b").status == 400


def send_for_ever(client: Client) -> None:
    for _ in range(10_000):
        client.send(b"x-long: " + b"y" * 10_000 + b"\r\n")


def test_a_head_without_end_is_not_kept_in_memory(served: GatewayUnderTest) -> None:
    with Client(served.port) as client:
        client.send(b"POST / HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            send_for_ever(client)
    with Client(served.port) as client:
        client.send(b"GET /healthz HTTP/1.1\r\nx-long: " + b"y" * 70_000)
        assert client.answer().status == 431
    with Client(served.port) as client:
        assert client.post(OPENAI, BODY, x_long="y" * 30_000).status == 200
