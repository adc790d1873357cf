"""What a sink sends: one HTTP request, or one mail; and how it is sent from a thread, within a bounded time."""

from __future__ import annotations

import http.client
import smtplib
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, NoReturn

import msgspec

TIMEOUT_S: Final = 10.0


class Post(msgspec.Struct, frozen=True):
    """An HTTP POST. The address may be a secret: it is not repeated in messages."""

    url: str
    body: bytes
    headers: dict[str, str]


class Mail(msgspec.Struct, frozen=True):
    """A mail and the server that takes it."""

    host: str
    port: int
    tls: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    key: str
    user: str | None = None
    password: str | None = None


class NotTaken(Exception):
    """A receiver did not take a notice. The message holds neither address nor secret.

    ``wait_s`` is how long the receiver asks to be left alone; 0 where it says nothing.
    """

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class _Deadline:
    """Cuts a connection once its time is up: a timeout of a socket begins anew with each byte, this one does not."""

    def __init__(self) -> None:
        self.over = False
        self.open: http.client.HTTPConnection | smtplib.SMTP | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Cut what is open after so many seconds.

        Raises:
            NotTaken: the time was up.
        """
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception:
            if self.over:
                raise NotTaken(f"took longer than {seconds:g} s") from None
            raise
        finally:
            timer.cancel()

    def _cut(self) -> None:
        self.over = True
        sock = None if self.open is None else self.open.sock
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS: who reads in it sees the end

    def connection(self, host: str, **more: Any) -> http.client.HTTPConnection:
        """Open a connection that can be cut."""
        self.open = http.client.HTTPConnection(host, **more)
        return self.open

    def secure_connection(self, host: str, **more: Any) -> http.client.HTTPSConnection:
        """Open a connection by TLS that can be cut."""
        self.open = secure = http.client.HTTPSConnection(host, **more)
        return secure


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Send by a connection that can be cut."""
        return self.do_open(self._deadline.connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: _Deadline) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(context=self._tls)
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Send by a connection that can be cut."""
        return self.do_open(self._deadline.secure_connection, req, context=self._tls)


class _Smtp(smtplib.SMTP):
    def __init__(self, deadline: _Deadline, one: Mail, timeout_s: float) -> None:
        deadline.open = self  # the server's greeting is read in the constructor
        super().__init__(one.host, one.port, timeout=timeout_s)


class _SmtpTls(smtplib.SMTP_SSL):
    def __init__(self, deadline: _Deadline, one: Mail, timeout_s: float, context: ssl.SSLContext) -> None:
        deadline.open = self
        super().__init__(one.host, one.port, timeout=timeout_s, context=context)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> NoReturn:
        """Refuse: a signed body goes where the policy says, and nowhere else.

        Raises:
            NotTaken: always.
        """
        raise NotTaken("the receiver sends us elsewhere (a redirect); write the final address")


def post(one: Post, timeout_s: float = TIMEOUT_S) -> None:
    """Send a request; whatever answers 2xx has taken it, and what it says beside is not read. Blocks: for a thread.

    Raises:
        NotTaken: refused, unreachable, too slow, or no HTTP.
    """
    deadline = _Deadline()
    opener = urllib.request.build_opener(_NoRedirects, _Http(deadline), _Https(deadline))
    try:
        request = urllib.request.Request(one.url, one.body, one.headers, method="POST")  # noqa: S310 - http or https, by the policy
        with deadline.within(timeout_s), opener.open(request, timeout=timeout_s) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        error.close()
        raise NotTaken(
            f"answered {error.code} {_phrase(error.code)}", _wait_s(error.headers.get("Retry-After", ""))
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotTaken(
            f"cannot be reached: {type(reason if isinstance(reason, Exception) else error).__name__}"
        ) from None
    except http.client.InvalidURL:
        raise NotTaken("the address holds blanks or control characters") from None
    except http.client.HTTPException as error:
        raise NotTaken(f"does not speak HTTP: {type(error).__name__}") from None
    if not 200 <= status < 300:  # noqa: PLR2004 - HTTP
        raise NotTaken(f"answered {status} {_phrase(status)}")


def _wait_s(header: str) -> float:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3: a number or a date); 0 where it cannot be read."""
    said = header.strip()
    if said.isascii() and said.isdecimal():
        return float(said[:9])
    with suppress(ValueError, TypeError, OverflowError):
        until = parsedate_to_datetime(said)
        return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())
    return 0.0


def mail(one: Mail, timeout_s: float = TIMEOUT_S) -> None:
    """Send a mail; the server has taken it once it says so. Blocks: for a thread.

    Raises:
        NotTaken: refused, unreachable or too slow.
    """
    deadline = _Deadline()
    try:
        message = _message(one)
        context = ssl.create_default_context()
        with deadline.within(timeout_s):
            if one.tls == "tls":
                server: smtplib.SMTP = _SmtpTls(deadline, one, timeout_s, context)
            else:
                server = _Smtp(deadline, one, timeout_s)
            with server:
                if one.tls == "starttls":
                    server.starttls(context=context)
                if one.user is not None and one.password is not None:
                    server.login(one.user, one.password)
                server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        code = getattr(error, "smtp_code", None)
        raise NotTaken(f"mail not taken: {type(error).__name__}{'' if code is None else f' {code}'}") from None


def _message(one: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = one.sender, ", ".join(one.to), one.subject
    message["Message-ID"] = f"<{one.key.replace(':', '.')}@pointsman>"
    message.set_content(one.text)
    return message


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
