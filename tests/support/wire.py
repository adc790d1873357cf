"""Plain sockets on both sides of the gateway: requests no SDK sends, and answers no honest server gives."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

Play = Callable[[socket.socket], None]


class Answer:
    """One HTTP answer, read to its end. ``complete`` is False when the connection ended first."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes, *, complete: bool) -> None:
        self.status = status
        self.headers = dict(headers)
        self.body = body
        self.complete = complete

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A connection to a gateway. Nothing is checked or added: what is sent is what goes out."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send a POST and read the answer; header names are written with ``_`` for ``-``."""
        self.send(post(path, body, **headers))
        return self.answer()

    def until(self, mark: bytes) -> bytes:
        """Read until ``mark`` has come; return all that came so far, without taking it away from ``answer``."""
        while mark not in self._rest:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"the connection ended before {mark!r}: {self._rest!r}")
            self._rest += data
        return self._rest

    def answer(self, *, head_only: bool = False) -> Answer:
        """Read one answer."""
        self.until(b"\r\n\r\n")
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        status, known = int(lines[0].split()[1]), dict(headers)
        if head_only:
            return Answer(status, headers, b"", complete=True)
        if known.get("transfer-encoding") == "chunked":
            body, complete = self._chunked()
        elif "content-length" in known:
            body, complete = self._sized(int(known["content-length"]))
        else:
            body, complete = self._to_the_end(), True
        return Answer(status, headers, body, complete=complete)

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self._rest += data
        return bool(data)

    def _sized(self, size: int) -> tuple[bytes, bool]:
        while len(self._rest) < size and self._more():
            pass
        body, self._rest = self._rest[:size], self._rest[size:]
        return body, len(body) == size

    def _to_the_end(self) -> bytes:
        while self._more():
            pass
        body, self._rest = self._rest, b""
        return body

    def _chunked(self) -> tuple[bytes, bool]:
        body = b""
        while True:
            while b"\r\n" not in self._rest:
                if not self._more():
                    return body, False
            size, _, self._rest = self._rest.partition(b"\r\n")
            data, complete = self._sized(int(size, 16) + 2)
            body += data[:-2] if complete else data
            if not complete or size == b"0":
                return body, complete


def post(path: str, body: Any, **headers: str) -> bytes:
    """Write a POST request."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "host: gateway", f"content-length: {len(data)}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data


class Provider:
    """A provider that plays given bytes, one answer per request, whatever the connection; the last one is repeated."""

    def __init__(self, *answers: bytes | Play) -> None:
        self.requests: list[bytes] = []
        self.left = threading.Semaphore(0)
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of the requests seen."""
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while (request := _read_request(connection)) is not None:
                    with self._lock:
                        self.requests.append(request)
                        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                    if isinstance(answer, bytes):
                        connection.sendall(answer)
                    else:
                        answer(connection)
                        return
            except OSError:
                pass
            finally:
                self.left.release()


def _read_request(connection: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return None
        data += more
    head = data.partition(b"\r\n\r\n")[0]
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    size = len(head) + 4 + int(lengths[0])
    while len(data) < size:
        if not (more := connection.recv(65536)):
            return None
        data += more
    return data


@contextmanager
def provider(*answers: bytes | Play) -> Iterator[Provider]:
    """Run a ``Provider``."""
    running = Provider(*answers)
    try:
        yield running
    finally:
        running.close()


def whole(body: bytes, kind: str = "application/json", status: str = "200 OK", **headers: str) -> bytes:
    """Write an answer with a length."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def streamed(*frames: bytes, end: bool = True) -> bytes:
    """Write an answer of SSE frames, each a chunk of its own."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(chunk(frame) for frame in frames) + (b"0\r\n\r\n" if end else b"")


def chunk(data: bytes) -> bytes:
    """Write one chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def eventually(holds: Callable[[], Any], within_s: float = 8.0) -> Any:
    """Return what ``holds`` returns once it is true; for what another thread is about to do."""
    ends, pause = time.monotonic() + within_s, threading.Event()
    while not (found := holds()):
        assert time.monotonic() < ends, "it never came true"
        pause.wait(0.01)
    return found
