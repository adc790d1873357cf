"""Alerts reach real receivers, none is lost, whoever is killed in between."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest

from pointsman.monitoring.incidents_acting import Acting
from pointsman.monitoring.monitors.engine import Engine
from pointsman.monitoring.sinks.delivery import Deliverer
from pointsman.monitoring.sinks.request import Mail, NotTaken, Post, mail, post
from pointsman.monitoring.sinks.webhook import signature
from pointsman.routing.sections_monitors import Monitors
from pointsman.store import Store, open_store
from pointsman.store.incidents import IncidentReader
from pointsman.store.outbox import deliveries
from support.process import serve
from support.receivers import Receiver, mail_server, odd_receiver, receiver
from support.watched import MINUTE_US, MODEL, START, minutes

SECRET = "whsec-of-the-test"
ENVIRON = {"HOOK_SECRET": SECRET, "PD_KEY": "R0UT1NG", "SLACK_URL": ""}
POLICY = """
version: 1
providers:
  openai: {{host: openai, api_key_env: OPENAI_API_KEY}}
tiers: {{small: [openai/gpt-5-mini]}}
routes: {{direct: {{tiers: [small], output_tokens: 64}}}}
default_route: direct
monitors:
  sinks:
    webhooks:
      ops: {{url: "{url}/hook", secret_env: HOOK_SECRET}}
"""


class Clock:
    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


def monitors(receiving: Receiver, smtp_port: int = 1) -> Monitors:
    return Monitors.model_validate(
        {
            "link": "https://pointsman.example.com",
            "sinks": {
                "webhooks": {"hook": {"url": f"{receiving.url}/hook", "secret_env": "HOOK_SECRET"}},
                "slack": {"chat": {"url_env": "SLACK_URL"}},
                "pagerduty": {"duty": {"key_env": "PD_KEY", "url": f"{receiving.url}/v2/enqueue"}},
                "alertmanager": {"am": {"url": receiving.url}},
                "email": {
                    "mail": {
                        "host": "127.0.0.1",
                        "port": smtp_port,
                        "tls": "none",
                        "sender": "pointsman@example.com",
                        "to": ["oncall@example.com"],
                    }
                },
            },
        }
    )


def outage(store: Store) -> None:
    minutes(store, START, 15, n=14, bad=5)


def test_every_receiver_hears_of_an_incident_and_of_its_end(store: Store) -> None:
    with receiver() as receiving, mail_server() as smtp:
        smtp.refuse = 1
        receiving.answers = [503]
        section = monitors(receiving, smtp.port)
        clock = Clock((START + 15) * MINUTE_US)
        environ = {**ENVIRON, "SLACK_URL": f"{receiving.url}/slack"}
        deliverer = Deliverer(store, section.sinks.all(), environ, clock)
        engine = Engine(store, section)

        outage(store)
        engine.evaluate(clock.now_us)
        assert asyncio.run(deliverer.deliver()) == (3, 2)  # one was busy, and so was the mail server
        clock.now_us += 60_000_000
        assert asyncio.run(deliverer.deliver()) == (2, 0)

        minutes(store, START + 15, 60, n=14)
        clock.now_us = (START + 75) * MINUTE_US
        for minute in range(20, 76, 5):
            engine.evaluate((START + minute) * MINUTE_US)
        asyncio.run(deliverer.deliver())
        [incident] = IncidentReader(store).all()
        assert incident.state == "resolved"
        assert all(one.delivered_us for one in deliveries(store))

        by_path: dict[str, list[dict[str, object]]] = {}
        for one in receiving.got:
            by_path.setdefault(one.path, []).append(one.json)
        hooks = [one for one in receiving.got if one.path == "/hook"]
        assert {one.json["event"] for one in hooks} == {"opened", "resolved"}
        for one in hooks:
            stamp = int(one.headers["pointsman-timestamp"])
            assert one.headers["pointsman-signature"] == signature(SECRET, stamp, one.body)
            assert one.headers["idempotency-key"] == one.json["key"]
        duty = by_path["/v2/enqueue"]
        assert [one["event_action"] for one in duty if one["event_action"] != "trigger"] == ["resolve"]
        assert {one["dedup_key"] for one in duty} == {incident.id}
        alerts = [alert for sent in by_path["/api/v2/alerts"] for alert in sent]
        assert {alert["labels"]["incident"] for alert in alerts} == {incident.id}  # type: ignore[index]
        assert MODEL in str(by_path["/slack"][0]["blocks"])
        subjects = [message_from_string(text)["Subject"] for text in smtp.mails]
        assert [subject.partition("]")[0] for subject in subjects] == ["[opened", "[resolved"]


def test_a_receiver_that_is_away_gets_its_alerts_in_order_once_it_is_back(store: Store) -> None:
    with receiver() as receiving:
        section = Monitors.model_validate(
            {"sinks": {"webhooks": {"hook": {"url": receiving.url, "secret_env": "HOOK_SECRET"}}}}
        )
        clock = Clock((START + 15) * MINUTE_US)
        deliverer = Deliverer(store, section.sinks.all(), ENVIRON, clock)
        engine = Engine(store, section)
        outage(store)
        receiving.answers = [500, 302, 429]
        engine.evaluate(clock.now_us)
        for _ in range(3):
            assert asyncio.run(deliverer.deliver()) == (0, 1)
            clock.now_us += 20_000_000
        minutes(store, START + 15, 60, n=14)
        for minute in range(20, 76, 5):
            engine.evaluate((START + minute) * MINUTE_US)
        clock.now_us = (START + 76) * MINUTE_US
        assert asyncio.run(deliverer.deliver()) == (2, 0)
        assert [one.json["event"] for one in receiving.got] == ["opened"] * 4 + ["resolved"]
        assert len({one.json["key"] for one in receiving.got}) == 2


def test_a_missing_secret_keeps_the_alert_waiting_and_is_named(store: Store) -> None:
    with receiver() as receiving:
        section = monitors(receiving)
        outage(store)
        clock = Clock((START + 15) * MINUTE_US)
        Engine(store, section).evaluate(clock.now_us)
        hook = {"hook": section.sinks.webhooks["hook"]}
        assert asyncio.run(Deliverer(store, hook, {}, clock).deliver()) == (0, 1)
        [waiting] = [one for one in deliveries(store, waiting=True) if one.sink == "hook"]
        assert waiting.error_text == "the environment variable HOOK_SECRET is not set"
        clock.now_us += 60_000_000
        assert asyncio.run(Deliverer(store, hook, ENVIRON, clock).deliver()) == (1, 0)
    file = store.path.read_bytes() + store.path.with_name(store.path.name + "-wal").read_bytes()
    assert SECRET.encode() not in file


def test_killed_with_an_alert_in_flight_it_delivers_again_under_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with receiver() as receiving:
        (tmp_path / "pointsman.yaml").write_text(POLICY.format(url=receiving.url))
        url = f"sqlite:///{tmp_path}/store.db"
        with open_store(url) as opened:
            minutes(opened, time.time_ns() // 1000 // MINUTE_US - 16, 15, n=14, bad=5)
        receiving.hold.clear()
        with serve("--policy", "pointsman.yaml", "--store", url, cwd=tmp_path) as served:
            [first] = receiving.wait_for(1)
            served.kill()  # the receiver has read the alert, and nobody has heard that it did
        receiving.hold.set()
        with serve("--policy", "pointsman.yaml", "--store", url, cwd=tmp_path):
            again = receiving.wait_for(2)[1]
        assert again.json["key"] == first.json["key"]
        assert json.loads(first.body) == json.loads(again.body)
        with open_store(url, must_exist=True) as opened:
            assert len(IncidentReader(opened).all()) == 1


def test_what_stands_behind_an_older_notice_is_not_due(store: Store) -> None:
    with receiver() as receiving:
        receiving.status = 500
        section = monitors(receiving)
        clock = Clock((START + 15) * MINUTE_US)
        hook = {"hook": section.sinks.webhooks["hook"]}
        deliverer = Deliverer(store, hook, ENVIRON, clock)
        engine = Engine(store, section)
        outage(store)
        engine.evaluate(clock.now_us)
        for _ in range(5):
            asyncio.run(deliverer.deliver())
            clock.now_us += 40_000_000
        [incident] = IncidentReader(store).all()
        Acting(store, section, clock.now_us).resolve(incident.id, "ana", "over")
        tried = len(receiving.got)
        assert asyncio.run(deliverer.deliver()) == (0, 1)  # the older one, which was due
        assert asyncio.run(deliverer.deliver()) == (0, 0)
        assert deliverer.pause_s(60) > 1  # no hurry for the resolution behind it
        assert len(receiving.got) == tried + 1
        assert {one.json["event"] for one in receiving.got} == {"opened"}


NOT_HTTP = [
    b"\x00\xff no http\r\n\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n",
]


@pytest.mark.parametrize("answer", NOT_HTTP, ids=["garbage", "no status", "long line", "many headers"])
def test_a_receiver_that_speaks_no_http_keeps_back_no_other(store: Store, answer: bytes) -> None:
    with receiver() as receiving, odd_receiver(answer) as odd:
        hooks = {
            "odd": {"url": odd, "secret_env": "HOOK_SECRET"},
            "hook": {"url": receiving.url, "secret_env": "HOOK_SECRET"},
        }
        section = Monitors.model_validate({"sinks": {"webhooks": hooks}})
        clock = Clock((START + 15) * MINUTE_US)
        outage(store)
        Engine(store, section).evaluate(clock.now_us)
        assert asyncio.run(Deliverer(store, section.sinks.all(), ENVIRON, clock).deliver()) == (1, 1)
        [waiting] = deliveries(store, waiting=True)
        assert waiting.sink == "odd"
        assert "does not speak HTTP" in (waiting.error_text or "")


def test_a_receiver_that_answers_drop_by_drop_is_cut_off() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000
    with odd_receiver(answer, drip_s=0.02) as odd, pytest.raises(NotTaken, match="took longer"):
        post(Post(odd, b"{}", {}), timeout_s=0.2)
    with odd_receiver(b"220 " + b"a" * 8_000, drip_s=0.02) as odd:
        port = int(odd.rpartition(":")[2])
        letter = Mail("127.0.0.1", port, "none", "a@b.example", ("c@d.example",), "s", "t", "k")
        with pytest.raises(NotTaken, match="took longer"):
            mail(letter, timeout_s=0.2)


def test_what_stands_behind_a_2xx_does_not_matter() -> None:
    with odd_receiver(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n") as odd:
        post(Post(odd, b"{}", {}))


def test_a_receiver_that_asks_to_wait_is_left_alone_ten_minutes_at_most(store: Store) -> None:
    with receiver() as receiving:
        section = Monitors.model_validate(
            {"sinks": {"webhooks": {"hook": {"url": receiving.url, "secret_env": "HOOK_SECRET"}}}}
        )
        clock = Clock((START + 15) * MINUTE_US)
        deliverer = Deliverer(store, section.sinks.all(), ENVIRON, clock)
        outage(store)
        Engine(store, section).evaluate(clock.now_us)
        receiving.status = 429
        for asked, waits in (
            ("90", 90),
            ("86400", 600),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 8),
            ("-5", 16),
            ("soon", 32),
        ):
            receiving.headers = {"Retry-After": asked}
            assert asyncio.run(deliverer.deliver()) == (0, 1)
            [waiting] = deliveries(store)
            assert waiting.next_us - clock.now_us == waits * 1_000_000
            clock.now_us = waiting.next_us


@pytest.mark.parametrize(
    "url", ["http://a b/", "http://a/\r\nX: y", "http://[::1/", "http://a:99999/", "ftp://a/", "http://u:p@a/"]
)
def test_addresses_that_cannot_be_sent_to_are_refused_with_the_policy(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        Monitors.model_validate({"sinks": {"alertmanager": {"am": {"url": url}}}})


def test_a_clock_that_is_put_back_delays_no_alert(store: Store) -> None:
    with receiver() as receiving:
        section = Monitors.model_validate(
            {"sinks": {"webhooks": {"hook": {"url": receiving.url, "secret_env": "HOOK_SECRET"}}}}
        )
        outage(store)
        Engine(store, section).evaluate((START + 15) * MINUTE_US)
        clock = Clock((START + 15 + 1440) * MINUTE_US)  # a day ahead, for a moment
        deliverer = Deliverer(store, section.sinks.all(), ENVIRON, clock)
        receiving.answers = [503]
        assert asyncio.run(deliverer.deliver()) == (0, 1)
        clock.now_us = (START + 16) * MINUTE_US
        assert asyncio.run(deliverer.deliver()) == (1, 0)
