"""Which conversation a turn belongs to, and what is carried from turn to turn, also over a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pointsman.emulator.script import Fault, Rule, SaidCall, Say, Script, When
from pointsman.store.keys import create_key
from support.gateway import GatewayUnderTest, gateway
from support.wire import Client, eventually

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
HAIKU, MINI = "anthropic/claude-haiku-4-5", "openai/gpt-5-mini"
SCRIPT = Script(rules=(Rule(reply=Say(text="Yes.")),))


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def ask(running: GatewayUnderTest, messages: Any, path: str = OPENAI, headers: Any = None, **more: Any) -> Any:
    """Send a turn; return its record."""
    body = {"model": "auto", "max_tokens": 99, "messages": messages} | more
    with Client(running.port) as client:
        answer = client.post(path, body, **(headers or {}))
    assert answer.status == 200, answer.body
    return running.turn(answer.headers["x-pointsman-decision-id"])


def test_where_the_id_comes_from(tmp_path: Path) -> None:
    hello = [user("Hello")]
    session = "01234567-89ab-cdef-0123-456789abcdef"
    with gateway(tmp_path / "t.db", SCRIPT) as running:
        header = {"x_pointsman_conversation_id": "from the header"}
        assert ask(running, hello, headers=header).conversation_id == "from the header"
        in_body: Any = {"metadata": {"conversation_id": "from the body"}}
        assert ask(running, hello, **in_body).conversation_id == "from the body"
        assert ask(running, hello, headers=header, **in_body).conversation_id == "from the header"
        claude: Any = {"metadata": {"user_id": f"user_1_account__session_{session}"}}
        assert ask(running, hello, ANTHROPIC, **claude).conversation_id == session
        for too_odd in ({"conversation_id": "x" * 500}, {"conversation_id": "a\nb"}, {"conversation_id": ""}):
            assert ask(running, hello, metadata=too_odd).conversation_id.startswith("auto-")


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_a_conversation_without_a_name_keeps_one_id(tmp_path: Path, path: str) -> None:
    first = [user("Where is my parcel?")]
    later = [*first, said("Which one?"), user("The blue one")]
    with gateway(tmp_path / "t.db", SCRIPT) as running:
        ids = [
            ask(running, messages, path).conversation_id for messages in (first, later, [*later, said("?"), user("!")])
        ]
        assert len(set(ids)) == 1
        assert ask(running, [user("Where is my other parcel?")], path).conversation_id != ids[0]
        if path == OPENAI:
            assert ask(running, first, user="somebody else").conversation_id != ids[0]
            system = {"role": "system", "content": "Be brief."}
            assert ask(running, [system, *first]).conversation_id != ids[0]


def escalated(record: Any) -> bool:
    return bool(record.decision.signals["history"]["escalated"])


def test_an_escalation_stays_in_its_own_conversation(tmp_path: Path) -> None:
    opening = [user("Hello"), said("How can I help?")]
    angry = [*opening, user("I want to speak to a human, let me talk to a real person now!")]
    calm = [*opening, user("What are your opening hours?")]
    mine = {"x_pointsman_conversation_id": "mine"}
    with gateway(tmp_path / "t.db", SCRIPT) as running:
        ask(running, angry, headers=mine)
        assert escalated(ask(running, calm, headers=mine))
        assert not escalated(ask(running, calm, headers={"x_pointsman_conversation_id": "another"}))
        # Two customers who open with the same words share a hashed id, and nothing else.
        one, other = ask(running, angry), ask(running, calm)
        assert one.conversation_id == other.conversation_id
        assert not escalated(other)


def test_a_name_means_something_only_to_its_key(tmp_path: Path) -> None:
    angry = [user("Hello"), said("Hi"), user("I want to speak to a human, let me talk to a real person now!")]
    calm = [user("Hello"), said("Hi"), user("What are your opening hours?")]
    with gateway(tmp_path / "t.db", SCRIPT, keys=True) as running:
        secrets = [create_key(running.router.store, name)[1] for name in ("a", "b")]
        with Client(running.port) as client:
            eventually(lambda: client.post(OPENAI, {}, x_api_key=secrets[1]).status != 401)
        named = [{"x_pointsman_conversation_id": "1", "x_api_key": secret} for secret in secrets]
        ask(running, angry, headers=named[0])
        assert escalated(ask(running, calm, headers=named[0]))
        assert not escalated(ask(running, calm, headers=named[1]))


TOOL: Any = {
    "type": "function",
    "function": {"name": "lookup_order", "parameters": {"type": "object", "properties": {}}},
}
CALL: Any = {"id": "call_1", "type": "function", "function": {"name": "lookup_order", "arguments": "{}"}}
QUESTION = [user("Where is my order?")]
STEP = [*QUESTION, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
RESULTS = [*STEP, {"role": "tool", "tool_call_id": "call_1", "content": "shipped"}]
# The model listed first fails for the first step alone, so that another one begins the loop.
ONCE = Script(
    rules=(
        Rule(
            when=When(model="claude-haiku-4-5*", results=False),
            fault=Fault(kind="status", status=404, error_type="not_found_error"),
        ),
        Rule(when=When(results=False), reply=Say(calls=(SaidCall(name="lookup_order", id="call_1"),))),
        Rule(reply=Say(text="It is on its way.")),
    )
)


@pytest.mark.parametrize("headers", [{}, {"x_pointsman_conversation_id": "loop"}])
@pytest.mark.parametrize("restart", [False, True])
def test_an_open_tool_loop_keeps_its_model(tmp_path: Path, headers: Any, restart: bool) -> None:
    store = tmp_path / "t.db"
    with gateway(store, ONCE) as running:
        began = ask(running, QUESTION, headers=headers, tools=[TOOL])
        assert began.steps[-1].model == MINI
        went_on = None if restart else ask(running, RESULTS, headers=headers, tools=[TOOL])
    if restart:
        with gateway(store, ONCE) as running:
            went_on = ask(running, RESULTS, headers=headers, tools=[TOOL])
    assert went_on is not None
    assert went_on.steps[-1].model == MINI
    assert [reason.kind for reason in went_on.decision.reasons] == ["sticky"]
    assert went_on.decision.route == began.decision.route
    assert went_on.conversation_id == began.conversation_id


def test_the_loop_is_over_with_the_next_question(tmp_path: Path) -> None:
    after = [*RESULTS, said("It is on its way."), user("Where is my order?")]
    with gateway(tmp_path / "t.db", ONCE) as running:
        ask(running, QUESTION, tools=[TOOL])
        ask(running, RESULTS, tools=[TOOL])
        assert ask(running, after, tools=[TOOL]).decision.model == HAIKU


def test_an_escalation_is_known_after_a_restart(tmp_path: Path) -> None:
    angry = [user("Hello"), said("Hi"), user("I want to speak to a human, let me talk to a real person now!")]
    calm = [*angry, said("One moment."), user("What are your opening hours?")]
    mine = {"x_pointsman_conversation_id": "mine"}
    with gateway(tmp_path / "t.db", SCRIPT) as running:
        ask(running, angry, headers=mine)
        assert escalated(ask(running, calm, headers=mine))
    with gateway(tmp_path / "t.db", SCRIPT) as running:
        assert escalated(ask(running, [user("Hello"), said("Hi"), user("And on Sunday?")], headers=mine))


def test_two_strangers_in_a_loop_each_keep_their_model(tmp_path: Path) -> None:
    """Same opening, no names: the calls they answer tell them apart."""
    script = Script(
        rules=(
            Rule(
                when=When(results=False, dialect="anthropic"),
                reply=Say(calls=(SaidCall(name="lookup_order", id="toolu_a"),)),
            ),
            Rule(when=When(results=False), reply=Say(calls=(SaidCall(name="lookup_order", id="call_1"),))),
            Rule(reply=Say(text="It is on its way.")),
        )
    )
    with gateway(tmp_path / "t.db", script) as running:
        ask(running, QUESTION, tools=[TOOL], model=MINI)
        ask(running, QUESTION, tools=[TOOL], model=HAIKU)
        assert ask(running, RESULTS, tools=[TOOL]).steps[-1].model == MINI
