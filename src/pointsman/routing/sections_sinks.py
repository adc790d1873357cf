"""The policy's part on where alerts go: ``monitors.sinks``. Secrets stand in environment variables, whose names stand here."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from pointsman.routing.sections import Names, Section, looks_like_a_key

Event = Literal["opened", "worse", "acknowledged", "resolved"]
SinkSeverity = Literal["page", "ticket"]

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")


def _variable(value: str) -> str:
    if looks_like_a_key(value) or "://" in value:
        # The value is not repeated: this message may end up in a log.
        raise ValueError("this looks like a secret itself; put it into an environment variable and write its name here")
    if not _ENV_NAME.fullmatch(value):
        raise ValueError("must be the name of an environment variable, such as ALERT_SECRET")
    return value


def _address(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must hold no blanks, control characters or letters beyond ASCII")
    parts = urlsplit(value)
    _ = parts.port  # raises where it is none
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a host")
    if parts.username or parts.password:
        raise ValueError("must hold no user or password; put the whole address into the variable of url_env")
    return value


def _mailbox(value: str) -> str:
    if not _MAIL.fullmatch(value):
        raise ValueError("must be an address such as oncall@example.com")
    return value


Variable = Annotated[str, AfterValidator(_variable)]
Url = Annotated[str, AfterValidator(_address)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]


class _Sink(Section):
    severities: tuple[SinkSeverity, ...] = Field(
        default=("page", "ticket"), min_length=1, description="Only incidents of these."
    )
    simulated: bool = Field(default=True, description="Incidents of simulated turns too, marked as such.")


class _Posted(_Sink):
    url: Url | None = Field(default=None, description="Where it is posted.")
    url_env: Variable | None = Field(
        default=None, description="The variable that holds the address, where it is secret."
    )

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("write url or url_env, one of them")
        return self


class Webhook(_Posted):
    """Your own receiver: JSON, signed."""

    secret_env: Variable = Field(description="The variable that holds the secret of the signature.")
    events: tuple[Event, ...] = Field(default=("opened", "worse", "acknowledged", "resolved"), min_length=1)


class Slack(_Posted):
    """An incoming webhook of Slack."""

    events: tuple[Event, ...] = Field(default=("opened", "worse", "resolved"), min_length=1)


class PagerDuty(_Sink):
    """A service of PagerDuty, by its Events API v2 key."""

    key_env: Variable = Field(description="The variable that holds the routing key.")
    url: Url = Field(default="https://events.pagerduty.com/v2/enqueue", description="Where events are posted.")
    events: tuple[Event, ...] = Field(default=("opened", "worse", "acknowledged", "resolved"), min_length=1)


class Alertmanager(_Posted):
    """An Alertmanager: alerts are posted to /api/v2/alerts below the address."""

    events: tuple[Event, ...] = Field(default=("opened", "worse", "resolved"), min_length=1)


class Email(_Sink):
    """Mail through an SMTP server."""

    host: str = Field(min_length=1, max_length=253, description="The SMTP server.")
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none only inside your own network."
    )
    sender: Mailbox = Field(description="From whom.")
    to: Annotated[Names, Field(min_length=1, max_length=20)] = Field(description="To whom.")
    user_env: Variable | None = Field(default=None, description="The variable that holds the user's name.")
    password_env: Variable | None = Field(default=None, description="The variable that holds the password.")
    events: tuple[Event, ...] = Field(default=("opened", "worse", "resolved"), min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for one in self.to:
            _mailbox(one)
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("user_env and password_env go together")
        if self.user_env is not None and self.tls == "none":
            raise ValueError("a password is not sent without tls")
        return self


class Sinks(Section):
    """Where alerts go, by name."""

    webhooks: dict[str, Webhook] = Field(default={}, max_length=20)
    slack: dict[str, Slack] = Field(default={}, max_length=20)
    pagerduty: dict[str, PagerDuty] = Field(default={}, max_length=20)
    alertmanager: dict[str, Alertmanager] = Field(default={}, max_length=20)
    email: dict[str, Email] = Field(default={}, max_length=20)

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        seen: set[str] = set()
        for kind in (self.webhooks, self.slack, self.pagerduty, self.alertmanager, self.email):
            for name in kind:
                if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name):
                    raise ValueError(f"the sink {name!r}: write lower-case letters, digits, - and _")
                if name in seen:
                    raise ValueError(f"two sinks are called {name}; keep one")
                seen.add(name)
        return self

    def all(self) -> dict[str, Webhook | Slack | PagerDuty | Alertmanager | Email]:
        """Return every sink by name."""
        return {**self.webhooks, **self.slack, **self.pagerduty, **self.alertmanager, **self.email}
