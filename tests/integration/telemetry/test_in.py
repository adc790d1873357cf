"""A gateway between two programs: one sends it traces with OpenTelemetry's own exporter, another receives its own."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client.parser import text_string_to_metric_families

from pointsman.store import TurnFilter, open_store
from pointsman.store.keys import create_key
from support.gateway import POLICY, gateway, policy
from support.otlp import a_span, as_json, as_protobuf, receiver, request
from support.process import serve
from support.wire import eventually

CLIENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CALL: dict[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5-mini",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.conversation.id": "conv-1",
}


def ask(url: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:  # noqa: S310
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read()


def test_in_and_out_and_the_scrape(tmp_path: Path) -> None:
    with receiver() as away:
        text = f"{POLICY}\ntelemetry: {{endpoint: '{away.base_url}', metrics: false}}\n"
        with gateway(tmp_path / "s.db", chosen=policy(text), keys=True) as running:
            secret = create_key(running.router.store, "ci")[1]
            bearer = {"authorization": f"Bearer {secret}"}
            turn = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Open today?"}]}).encode()
            url = f"{running.openai_url}/chat/completions"
            assert ask(url, turn, bearer | {"content-type": "application/json", "traceparent": CLIENT})[0] == 200
            eventually(lambda: len(away.named("invoke_workflow")) == 1)
            (routed,) = away.named("invoke_workflow")
            assert routed["ids"][::2] == tuple(CLIENT.split("-")[1:3])
            (call,) = away.named("chat")
            assert call["startTimeUnixNano"] > routed["startTimeUnixNano"]

            endpoint = f"{running.base_url}/v1/traces"
            provider = TracerProvider(shutdown_on_exit=False)
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, headers=bearer)))
            tracer = provider.get_tracer("helpdesk")
            agent = tracer.start_as_current_span("agent", attributes={"session.id": "conv-9"})
            with agent, tracer.start_as_current_span("chat") as span:
                for name, held in CALL.items():
                    if name != "gen_ai.conversation.id":
                        span.set_attribute(name, held)
            provider.shutdown()
            (captured,) = [one for one in running.turns() if one.dialect == "otlp"]
            assert (captured.conversation_id, captured.decision.model) == ("conv-9", "openai/gpt-5-mini")

            body, headers = as_json(request(a_span(CALL)))
            assert ask(endpoint, body, headers)[0] == 401
            assert ask(endpoint, body, headers | bearer) == (200, "application/json", b"{}")
            body, headers = as_protobuf(request(a_span(CALL, 2), a_span(CALL, 3, traceId="0" * 32)), packed=True)
            status, content_type, partial = ask(endpoint, body, headers | bearer)
            assert (status, content_type) == (200, "application/x-protobuf")
            assert b"trace id" in partial
            assert ask(endpoint, b"{", {"content-type": "application/json"} | bearer)[0] == 400

            metrics = f"{running.base_url}/metrics"
            assert ask(metrics, None, {})[0] == 401
            status, content_type, scraped = ask(metrics, None, bearer)
            assert (status, content_type.partition(";")[0]) == (200, "text/plain")
            samples = {
                sample.name: sample.value
                for family in text_string_to_metric_families(scraped.decode())
                for sample in family.samples
            }
            assert (samples["pointsman_turns_total"], samples["pointsman_captured_turns_total"]) == (1, 3)
            accept = {"accept": "application/openmetrics-text; version=1.0.0"}
            assert ask(metrics, None, bearer | accept)[1].startswith("application/openmetrics-text")


class _Sender(threading.Thread):
    """Sends batches until the gateway is gone; ``taken`` are the spans of those that were acknowledged."""

    def __init__(self, url: str, number: int, enough: threading.Semaphore) -> None:
        super().__init__(daemon=True)
        self._address = urlsplit(url)
        self._number = number
        self._enough = enough
        self.taken: list[str] = []

    def run(self) -> None:
        n = 0
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=20)
        while True:
            ids = [n + i + 1 + self._number * 1_000_000 for i in range(20)]
            n += 20
            # Every second batch belongs to a trace whose outermost span never comes: those calls wait in the store.
            told: dict[str, Any] = dict(CALL)
            parent = {"parentSpanId": "f" * 16, "traceId": "e" * 32} if n % 40 else {}
            if parent:
                del told["gen_ai.conversation.id"]
            body, headers = as_json(request(*(a_span(told, i, **parent) for i in ids)))
            try:
                connection.request("POST", "/v1/traces", body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 200:
                self.taken += [f"{i:016x}" for i in ids]
                self._enough.release()


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/turns.db"
    enough = threading.Semaphore(0)
    with serve("--emulated", "--no-auth", "--store", url, cwd=tmp_path) as served:
        senders = [_Sender(served.url, number, enough) for number in range(4)]
        for sender in senders:
            sender.start()
        for _ in range(40):
            assert enough.acquire(timeout=30)
        served.kill()
        for sender in senders:
            sender.join(20)
    taken = [span for sender in senders for span in sender.taken]
    assert len(taken) >= 800
    with open_store(url) as store:
        turns = [row.id.rpartition("-")[2] for row in store.turns(TurnFilter(), limit=1_000_000)]
        waiting = store.write_sync(
            lambda connection: connection.execute("SELECT turn_id FROM captured_waiting").fetchall()
        )
        kept = [*turns, *(row[0].rpartition("-")[2] for row in waiting)]
        assert len(kept) == len(set(kept))
        assert set(taken) <= set(kept)
        assert waiting
