"""Receivers of alerts on loopback ports: they keep what came, and may refuse, hang or take mail."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Received:
    """One request: path, headers by lower-case name, and body."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path, self.headers, self.body = path, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """A receiver's address and what came. It answers ``answers``, then ``status``; it hangs while ``hold`` is clear."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: list[Received] = []
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.status = 202
        self.hold = threading.Event()
        self.hold.set()
        self.came = threading.Condition()

    def wait_for(self, many: int, timeout: float = 20) -> list[Received]:
        """Return what came once that many did."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.got) >= many, timeout), f"{len(self.got)} of {many} came"
            return list(self.got)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver of HTTP requests until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with one.came:
                one.got.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status = one.answers.pop(0) if one.answers else one.status
                one.came.notify_all()
            one.hold.wait(30)
            with contextlib.suppress(OSError):  # whoever sent it may be dead by now
                self.send_response(status)
                if status in {301, 302, 307, 308}:
                    self.send_header("Location", one.url)
                for name, value in one.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.hold.set()
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def odd_receiver(answer: bytes, drip_s: float = 0.0) -> Iterator[str]:
    """Run what answers each request with these bytes, one every ``drip_s`` seconds, and lend its address."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if not drip_s:  # what drips begins at once, as a mail server does
                self.request.recv(65536)
            with contextlib.suppress(OSError):
                for part in [bytes([one]) for one in answer] if drip_s else [answer]:
                    self.request.sendall(part)
                    if ended.wait(drip_s):
                        return

    ended = threading.Event()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            ended.set()
            server.shutdown()


class MailServer:
    """An SMTP server's port and the mails it took; ``refuse`` answers the next so many with 451."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[str] = []
        self.refuse = 0


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run an SMTP server that takes everything, until the block ends."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper().strip()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    self._data()
                elif word == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

        def _data(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                lines.append(line)
            if one.refuse:
                one.refuse -= 1
                self.wfile.write(b"451 later\r\n")
                return
            one.mails.append(b"".join(lines).decode())
            self.wfile.write(b"250 taken\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        one = MailServer(server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield one
        finally:
            server.shutdown()
