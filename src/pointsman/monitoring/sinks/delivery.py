"""Delivers what stands in the outbox: again and again, later each time, until the receiver says that it has it.

At least once: whoever is killed between the receiver's word and ours sends the notice again, under the same key.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from pointsman.monitoring.incidents_notices import SinkSection, Told
from pointsman.monitoring.sinks import alertmanager, email, pagerduty, slack, webhook
from pointsman.monitoring.sinks.request import Mail, NotTaken, Post, mail, post
from pointsman.routing.sections_sinks import Alertmanager, Email, PagerDuty, Slack, Webhook
from pointsman.store.outbox import Outbox, Waiting
from pointsman.store.store import Store

_log = logging.getLogger(__name__)
_SECOND_US: Final = 1_000_000
_HOLD_US: Final = 30 * _SECOND_US
"""How long a claim holds: longer than a request may take, so that nobody else sends it meanwhile."""
_AT_ONCE: Final = 20
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 600.0
_TOLD: Final = msgspec.json.Decoder(Told)

Send = Callable[[Post | Mail], Awaitable[None]]


class Deliverer:
    """Delivers the notices of one store to the sinks of one policy. ``environ`` holds their secrets."""

    def __init__(
        self,
        store: Store,
        sinks: Mapping[str, SinkSection],
        environ: Mapping[str, str],
        clock_us: Callable[[], int],
        send: Send | None = None,
    ) -> None:
        self._sinks = sinks
        self._environ = environ
        self._clock_us = clock_us
        self._send = send or Threads(_AT_ONCE).send
        self._outbox = Outbox(store, owner())
        self._names = frozenset(sinks)

    async def begin(self) -> None:
        """Take over what a process of this machine that is gone had claimed."""
        gone = frozenset(one for one in self._outbox.owners() if _is_gone(one))
        if gone:
            await self._outbox.free(gone)

    async def deliver(self) -> tuple[int, int]:
        """Try everything that is due; return how many were taken and how many were not.

        Raises:
            StoreError: the store cannot be read or written; nothing is lost by that.
        """
        if not self._sinks:
            return 0, 0
        taken = failed = 0
        while due := await self._outbox.claim(self._clock_us(), _HOLD_US, self._names, _AT_ONCE):
            results = await asyncio.gather(*(self._one(waiting) for waiting in due))
            taken += sum(results)
            failed += len(results) - sum(results)
        return taken, failed

    def pause_s(self, most: float) -> float:
        """Return the seconds until something is due, ``most`` at the longest."""
        due = self._outbox.next_due_us(self._names)
        return most if due is None else min(most, max(0.05, (due - self._clock_us()) / _SECOND_US))

    async def _one(self, waiting: Waiting) -> bool:
        notice = waiting.notice
        try:
            now_s = self._clock_us() // _SECOND_US
            told = _TOLD.decode(notice.body)
            await self._send(rendered(told, notice.key, self._sinks[notice.sink], self._environ, now_s))
        except NotTaken as error:
            return await self._failed(waiting, str(error), error.wait_s)
        except Exception as error:  # noqa: BLE001 - one notice that cannot be sent must not keep back the others
            # Only the kind: the text of an error may hold an address, and an address may be a secret.
            return await self._failed(waiting, f"could not be sent: {type(error).__name__}")
        await self._outbox.delivered(waiting, self._clock_us())
        return True

    async def _failed(self, waiting: Waiting, error: str, wait_s: float = 0.0) -> bool:
        notice = waiting.notice
        pause = min(_LONGEST_PAUSE_S, max(wait_s, _FIRST_PAUSE_S * 2 ** min(waiting.attempts, 20)))
        _log.warning("alert %s is not delivered to %s: %s; again in %.0f s", notice.key, notice.sink, error, pause)
        await self._outbox.failed(waiting, self._clock_us() + int(pause * _SECOND_US), error)
        return False


def rendered(told: Told, key: str, sink: SinkSection, environ: Mapping[str, str], now_s: int) -> Post | Mail:
    """Return what is sent of a notice to a sink.

    Raises:
        NotTaken: a variable that holds a secret is not set.
    """
    match sink:
        case Webhook():
            return webhook.request(told, key, _url(sink, environ), _secret(sink.secret_env, environ), now_s)
        case Slack():
            return slack.request(told, key, _url(sink, environ))
        case PagerDuty():
            return pagerduty.request(told, key, sink.url, _secret(sink.key_env, environ))
        case Alertmanager():
            return alertmanager.request(told, key, _url(sink, environ))
        case Email():
            user = None if sink.user_env is None else _secret(sink.user_env, environ)
            password = None if sink.password_env is None else _secret(sink.password_env, environ)
            return email.request(told, key, sink, user, password)


class Threads:
    """Sends from threads of its own: receivers that hang take none of those that pages and judgements run in."""

    def __init__(self, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, "alerts")  # begins no thread before it is needed

    async def send(self, one: Post | Mail) -> None:
        """Send it.

        Raises:
            NotTaken: the receiver did not take it.
        """
        loop = asyncio.get_running_loop()
        if isinstance(one, Post):
            await loop.run_in_executor(self._pool, post, one)
        else:
            await loop.run_in_executor(self._pool, mail, one)


def unset(sinks: Mapping[str, SinkSection], environ: Mapping[str, str]) -> list[str]:
    """Return the variables that sinks name and that are not set here."""
    fields = ("url_env", "secret_env", "key_env", "user_env", "password_env")
    names = [getattr(sink, field, None) for sink in sinks.values() for field in fields]
    return sorted({name for name in names if name is not None and not environ.get(name)})


def owner() -> str:
    """Return how this process is named in claims."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_gone(claimed_by: str) -> bool:
    host, _, pid = claimed_by.rpartition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False  # another machine's: its claim runs out by itself
    if int(pid) == os.getpid():
        return True  # a claim of ours from before we began: the number was given twice
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _url(sink: Webhook | Slack | Alertmanager, environ: Mapping[str, str]) -> str:
    if sink.url is not None:
        return sink.url
    url = _secret(sink.url_env or "", environ)
    if not url.startswith(("http://", "https://")):
        raise NotTaken(f"the variable {sink.url_env} holds no http or https address")
    return url


def _secret(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if not value:
        raise NotTaken(f"the environment variable {name} is not set")
    return value


__all__ = ["Deliverer", "rendered", "unset"]
