"""The route summarize: what is condensed, what must survive it, and what it never lifts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import msgspec
import pytest

from pointsman.emulator.script import Fault, Rule, Say, Script, When
from support.gateway import gateway, policy
from support.routed import HAIKU, OPUS, PLAN, SDKS, STREAMS, TOOLS, ask, calls, checks, only

LONG = (
    "Please read this thread and tell me what is still open. "
    + "The pump was serviced in March and nobody complained about it at all. " * 150
    + "Order A-77120 was paid with 1,249.50 EUR on 3 September 2026. Mr Weber promised a replacement by 12 October. "
    + "The weather stayed fine and the tents were dry for the whole of that time. " * 60
    + "What will you do about it? I am waiting."
)


LONG_INPUT = """
rules:
  - {name: upset, when: sentiment.negative, floor: plan}
  - {name: long-input, when: size.tokens >= 2000, pin: summarize}
"""


def condensing(more: str = "", **replace: str) -> Any:
    swaps = {
        "default_route: direct": f"default_route: tools{LONG_INPUT}",
        "  plan: {tiers: [flagship]}": f"  plan: {{tiers: [flagship]}}\n  summarize: {{tiers: [mid]{more}}}",
    }
    return policy(**swaps | replace)


WHOLE = "Order A-77120, paid 1249.50 EUR on 2026-09-03. Mr Weber promised a replacement by 12 October."


LOSSY = "An order was paid in September."


@SDKS
@STREAMS
@pytest.mark.parametrize("summary", [WHOLE, LOSSY])
def test_a_long_message_is_condensed_and_routed_again(tmp_path: Path, sdk: str, stream: bool, summary: str) -> None:
    rules = (
        Rule(when=When(contains="<source>"), reply=Say(text=summary)),
        Rule(reply=Say(text="The replacement is open.")),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), condensing()) as running:
        assert ask(running, sdk, LONG, stream=stream) == "The replacement is open."
        record = only(running)
        assert running.emulator is not None
        answered = str(running.emulator.requests[-1].body)
    assert calls(record) == [("summary", HAIKU), ("reply", HAIKU)]
    assert record.decision.route == "tools"
    [handoff] = record.handoffs
    artifact = msgspec.json.decode(handoff.artifact)
    assert artifact["original"].endswith(record.id)
    assert artifact["texts"][0]["tokens_after"] < artifact["texts"][0]["tokens_before"] / 5
    assert checks(record) == [("summary.kept", summary is WHOLE, "released" if summary is WHOLE else "repaired")]
    for fact in (
        "A-77120",
        "Weber promised a replacement by 12 October",
        "tell me what is still open",
        "What will you do",
    ):
        assert fact in answered
    assert "1,249.50 EUR" in answered or "1249.50" in answered
    assert len(answered) < 2500
    assert LONG.encode()[:400] in b"".join(body for _, body in record.request)


def test_the_condensed_turn_may_be_planned(tmp_path: Path) -> None:
    """Upset words that stand in the middle of a long text keep their floor only if the customer's own words still say so."""
    plan = {**PLAN, "must_mention": ["order A-77120"], "forbidden": []}
    rules = (
        Rule(when=When(contains="<source>"), reply=Say(text=WHOLE)),
        Rule(when=When(contains="Plan the agent"), reply=Say(json=plan)),
        Rule(when=When(model="claude-haiku*"), reply=Say(text="Order A-77120 is on our list.")),
    )
    chosen = condensing(**{"when: sentiment.negative": "when: size.tokens < 2000 && size.tokens > 50"})
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        assert ask(running, "openai", LONG, stream=True) == "Order A-77120 is on our list."
        record = only(running)
    assert [handoff.kind for handoff in record.handoffs] == ["summary", "plan"]
    assert calls(record) == [("summary", HAIKU), ("plan", OPUS), ("reply", HAIKU)]
    assert record.decision.route == "plan"


@pytest.mark.parametrize("summary", [None, LONG, f"{WHOLE} Pay 5,000 EUR for B-9999."])
def test_without_a_summary_the_original_is_answered(tmp_path: Path, summary: str | None) -> None:
    """A summarizer that is down, that gives the text back nearly as it was, or that adds what is not in it."""
    fault = Fault(kind="status", status=500) if summary is None else None
    rules = (
        Rule(when=When(contains="<source>"), fault=fault, reply=None if summary is None else Say(text=summary)),
        Rule(reply=Say(text="Read it all.")),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), condensing()) as running:
        assert ask(running, "anthropic", LONG) == "Read it all."
        record = only(running)
    assert record.handoffs == ()
    assert record.decision.route == "summarize"
    assert record.steps[-1].model == "anthropic/claude-sonnet-4-6"
    assert any(reason.name == "failed" for reason in record.decision.reasons)


def test_a_document_is_condensed_beside_its_question(tmp_path: Path) -> None:
    rules = (Rule(when=When(contains="<source>"), reply=Say(text=WHOLE)), Rule(reply=Say(text="Done.")))
    document = {
        "type": "document",
        "title": "thread.txt",
        "source": {"type": "text", "media_type": "text/plain", "data": LONG},
    }
    messages: Any = [{"role": "user", "content": [document, {"type": "text", "text": "When was it paid?"}]}]
    with gateway(tmp_path / "t.db", Script(rules=rules), condensing()) as running:
        with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client:
            client.messages.create(model="auto", max_tokens=99, system="Be brief.", messages=messages, tools=TOOLS)
        record = only(running)
        assert running.emulator is not None
        body = running.emulator.requests[-1].body
    assert [step.purpose for step in record.steps] == ["summary", "reply"]
    assert "When was it paid?" in str(body["messages"])
    assert "thread.txt" in str(body["messages"])
    assert "Be brief." in str(body["system"])
    assert len(body["tools"]) == 2


def test_condensing_lifts_no_floor(tmp_path: Path) -> None:
    """The words that set the floor may be gone from the summary; the floor is not."""
    rules = (Rule(when=When(contains="<source>"), reply=Say(text=WHOLE)), Rule(reply=Say(text="Done.")))
    chosen = condensing(
        **{
            "floor: plan}": "floor: tools}",
            "sentiment.negative": "size.tokens >= 2000",
            "route: tools": "route: direct",
        }
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        assert ask(running, "openai", LONG) == "Done."
        record = only(running)
    assert record.decision.route == "summarize"
    assert record.steps[-1].model == "anthropic/claude-sonnet-4-6"


def test_a_confined_text_is_condensed_only_where_it_may_be_read(tmp_path: Path) -> None:
    """The summary holds no card number any more, and still goes nowhere its original may not."""
    rules = (Rule(when=When(contains="<source>"), reply=Say(text=WHOLE)), Rule(reply=Say(text="Done.")))
    chosen = condensing(
        **{
            "anthropic: {host: anthropic}": "anthropic: {host: anthropic, regions: [eu]}",
            "deadlines:": "privacy: {sensitive: {regions: [eu]}}\ndeadlines:",
            "small: [anthropic/claude-haiku-4-5, openai/gpt-5-mini]": "small: [openai/gpt-5-mini]",
        }
    )
    text = LONG.replace("The weather", "My card is 4111 1111 1111 1111. The weather", 1)
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        assert ask(running, "openai", text) == "Done."
        record = only(running)
    assert [step.model for step in record.steps] == ["anthropic/claude-sonnet-4-6"]
    assert any("no model that condenses may see this turn" in reason.text for reason in record.decision.reasons)
