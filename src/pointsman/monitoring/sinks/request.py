"""What a sink sends: one HTTP request, or one mail; and how it is sent from a thread."""

from __future__ import annotations

import smtplib
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from http import HTTPStatus
from typing import Any, Final, NoReturn

import msgspec

TIMEOUT_S: Final = 10.0
_READ: Final = 2000


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
    """A receiver did not take a notice. The message holds neither address nor secret."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> NoReturn:
        """Refuse: a signed body goes where the policy says, and nowhere else.

        Raises:
            NotTaken: always.
        """
        raise NotTaken("the receiver sends us elsewhere (a redirect); write the final address")


def post(one: Post, timeout_s: float = TIMEOUT_S) -> None:
    """Send a request; whatever answers 2xx has taken it. Blocks: for a thread.

    Raises:
        NotTaken: refused, unreachable or too slow.
    """
    request = urllib.request.Request(one.url, one.body, one.headers, method="POST")  # noqa: S310 - http or https, by the policy
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            answer.read(_READ)
            status = answer.status
    except urllib.error.HTTPError as error:
        error.close()
        raise NotTaken(f"answered {error.code} {_phrase(error.code)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotTaken(f"cannot be reached: {type(reason).__name__}") from None
    if not 200 <= status < 300:  # noqa: PLR2004 - HTTP
        raise NotTaken(f"answered {status} {_phrase(status)}")


def mail(one: Mail, timeout_s: float = TIMEOUT_S) -> None:
    """Send a mail; the server has taken it once it says so. Blocks: for a thread.

    Raises:
        NotTaken: refused, unreachable or too slow.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = one.sender, ", ".join(one.to), one.subject
    message["Message-ID"] = f"<{one.key.replace(':', '.')}@pointsman>"
    message.set_content(one.text)
    context = ssl.create_default_context()
    try:
        if one.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(one.host, one.port, timeout=timeout_s, context=context)
        else:
            server = smtplib.SMTP(one.host, one.port, timeout=timeout_s)
        with server:
            if one.tls == "starttls":
                server.starttls(context=context)
            if one.user is not None and one.password is not None:
                server.login(one.user, one.password)
            server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        code = getattr(error, "smtp_code", None)
        raise NotTaken(f"mail not taken: {type(error).__name__}{'' if code is None else f' {code}'}") from None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
