"""Providers that misbehave: each ends in a valid reply or a typed error, never in a clean but incomplete one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.emulator.script import Fault, Quirks, Rule, Say, Script, When
from support.gateway import GatewayUnderTest, gateway, timed

ASK: Any = [{"role": "user", "content": "What are your opening hours?"}]
IMPATIENT = timed(first_token_s=0.6, idle_s=0.6, total_s=4)
FIRST_CHOICE = When(model="claude-haiku-4-5*")

BEFORE_CONTENT = {
    "500": Fault(kind="status", status=500),
    "529 overloaded": Fault(kind="status", status=529, error_type="overloaded_error"),
    "429 with a long retry-after": Fault(kind="status", status=429, retry_after_s=120),
    "401": Fault(kind="status", status=401, error_type="authentication_error"),
    "404": Fault(kind="status", status=404, error_type="not_found_error"),
    "html from a proxy": Fault(kind="status", status=502, body="<html>Bad gateway</html>"),
    "cut before the head": Fault(kind="cut"),
    "reset before the head": Fault(kind="cut", reset=True),
    "silence": Fault(kind="stall"),
    "error event at once": Fault(kind="error", after_frames=0),
    "broken JSON at once": Fault(kind="bad_json", after_frames=0),
    "clean end at once": Fault(kind="end", after_frames=0),
}
AFTER_CONTENT = {
    "error event": Fault(kind="error", after_deltas=1),
    "clean early end": Fault(kind="end", after_deltas=1),
    "cut": Fault(kind="cut", after_deltas=1),
    "reset": Fault(kind="cut", after_deltas=1, reset=True),
    "stall": Fault(kind="stall", after_deltas=1),
    "broken JSON": Fault(kind="bad_json", after_deltas=1),
}


def only_turn(running: GatewayUnderTest) -> Any:
    rows = running.router.store.turns()
    assert len(rows) == 1
    record = running.router.store.turn(rows[0].id)
    assert record is not None
    return record


def openai_client(running: GatewayUnderTest) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0, timeout=20)


def anthropic_client(running: GatewayUnderTest) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0, timeout=20)


@pytest.mark.parametrize("name", BEFORE_CONTENT)
@pytest.mark.parametrize("stream", [True, False])
def test_before_the_first_content_another_model_answers(tmp_path: Path, name: str, stream: bool) -> None:
    fault = BEFORE_CONTENT[name]
    if not stream and fault.kind in ("error", "end"):
        fault = Fault(kind="status", status=503)  # these two exist only on streams
    with (
        gateway(tmp_path / "t.db", Script(rules=(Rule(when=FIRST_CHOICE, fault=fault),)), IMPATIENT) as running,
        openai_client(running) as client,
    ):
        if stream:
            with client.chat.completions.stream(model="auto", messages=ASK) as streamed:
                text = streamed.get_final_completion().choices[0].message.content
        else:
            text = client.chat.completions.create(model="auto", messages=ASK).choices[0].message.content
        assert text
        record = only_turn(running)
    assert record.status == "ok"
    assert record.steps[0].status == "error"
    assert record.steps[0].error_code
    assert record.steps[-1].model != "anthropic/claude-haiku-4-5"


@pytest.mark.parametrize("name", AFTER_CONTENT)
@pytest.mark.parametrize("model", ["anthropic/claude-haiku-4-5", "openai/gpt-4o-mini", "google/gemini-2.5-flash"])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_after_the_first_content_the_client_sees_an_error(tmp_path: Path, name: str, model: str, dialect: str) -> None:
    say = Say(text="We are open from nine to five, Monday to Friday, except on public holidays.")
    script = Script(rules=(Rule(reply=say, fault=AFTER_CONTENT[name]),))
    with gateway(tmp_path / "t.db", script, IMPATIENT) as running:
        if dialect == "openai":
            with openai_client(running) as client, pytest.raises(openai.APIError):
                for _ in client.chat.completions.create(model=model, messages=ASK, stream=True):
                    pass
        else:
            with anthropic_client(running) as other, pytest.raises(anthropic.APIStatusError):
                for _ in other.messages.create(model=model, max_tokens=100, messages=ASK, stream=True):
                    pass
        record = only_turn(running)
    assert record.status == "broken"
    assert record.steps[-1].usage is not None
    assert record.steps[-1].estimated
    assert record.cost_usd is not None


def test_a_burst_of_failures_is_told_with_the_last_reason(tmp_path: Path) -> None:
    script = Script(rules=(Rule(fault=Fault(kind="status", status=503)),))
    with gateway(tmp_path / "t.db", script) as running, openai_client(running) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="auto", messages=ASK)
        record = only_turn(running)
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert record.status == "error"
    assert len(record.steps) >= 3
    assert record.cost_usd == 0


def test_a_bad_request_is_not_tried_elsewhere(tmp_path: Path) -> None:
    fault = Fault(kind="status", status=400, error_type="invalid_request_error", message="messages: no")
    with gateway(tmp_path / "t.db", Script(rules=(Rule(fault=fault),))) as running, anthropic_client(running) as client:
        with pytest.raises(anthropic.BadRequestError, match="messages: no"):
            client.messages.create(model="auto", max_tokens=10, messages=ASK)
        assert len(only_turn(running).steps) == 1


QUIRKS = {
    "no [DONE]": Quirks(no_done=True),
    "no usage": Quirks(usage="missing"),
    "usage on the finish chunk": Quirks(usage="on_finish"),
    "CRLF": Quirks(crlf=True),
    "comments": Quirks(comments=True),
    "bytes split anywhere": Quirks(split_bytes=7),
    "many frames in one write": Quirks(frames_per_write=50),
    "unknown events": Quirks(unknown_events=True),
    "unknown fields": Quirks(extra_fields=True),
}


# A Messages stream without message_stop is not complete, and its SDK cannot do without usage: those two are OpenAI oddities.
BORNE = [("groq/openai/gpt-oss-20b", name) for name in QUIRKS] + [
    ("anthropic/claude-haiku-4-5", name) for name in QUIRKS if name not in ("no [DONE]", "no usage")
]


@pytest.mark.parametrize(("model", "name"), BORNE)
def test_odd_but_complete_streams_are_complete_replies(tmp_path: Path, name: str, model: str) -> None:
    quirks = QUIRKS[name]
    say = Say(text="Grüße aus Köln: 2 € für 3 Brötchen \N{CROISSANT}.")
    with gateway(tmp_path / "t.db", Script(rules=(Rule(reply=say, quirks=quirks),))) as running:
        with openai_client(running) as client:
            chunks = list(client.chat.completions.create(model=model, messages=ASK, stream=True))
        with (
            anthropic_client(running) as other,
            other.messages.stream(model=model, max_tokens=99, messages=ASK) as streamed,
        ):
            message = streamed.get_final_message()
        records = [running.router.store.turn(row.id) for row in running.router.store.turns()]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == say.text
    assert message.content[0].text == say.text  # type: ignore[union-attr]
    assert [record.status for record in records if record] == ["ok", "ok"]
    if quirks.usage == "missing" and model.startswith("groq"):
        assert [record.cost_usd for record in records if record] == [None, None]
