"""Finished turns, ready to be put into a store."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from pointsman.domain.decision import Decision, Reason
from pointsman.domain.record import CheckRecord, Handoff, StepRecord, TurnRecord
from pointsman.domain.usage import Usage

HAIKU, OPUS = "anthropic/claude-haiku-4-5", "anthropic/claude-opus-4-8"
PLAN = Handoff("plan", OPUS, HAIKU, msgspec.Raw(b'{"intent":"refund"}'))
ARGUMENTS = CheckRecord("arguments issue_refund@1a2b", passed=True, model=HAIKU, action="released")
BASE = TurnRecord(
    id="turn_1",
    conversation_id="conv_1",
    at_us=1_760_000_000_000_000,
    dialect="openai_chat",
    status="ok",
    decision=Decision(
        id="turn_1",
        route="tools",
        model=HAIKU,
        tier="small",
        policy="abc123",
        confidence=0.94,
        reasons=(Reason("rule", "one-tool", "one tool, single intent"),),
        eligible=(HAIKU, OPUS),
        intent="refund",
        decided_us=310.0,
    ),
    steps=(
        StepRecord(
            purpose="reply",
            model=HAIKU,
            status="ok",
            duration_ms=640.0,
            http_status=200,
            stop_reason="tool_use",
            usage=Usage(300, 80, cache_read=100, cache_write=20, reasoning=10),
            cost_usd=Decimal("0.00071"),
            ttft_ms=210.0,
            upstream_model="claude-haiku-4-5-20251001",
            request_id="req_1",
            started_ms=2.0,
            chunks=44,
        ),
    ),
    duration_ms=660.0,
    stream=True,
    ttft_ms=212.0,
    gateway_us=900.0,
    usage=Usage(300, 80, cache_read=100, cache_write=20, reasoning=10),
    cost_usd=Decimal("0.00071"),
    flagship_model=OPUS,
    flagship_cost_usd=Decimal("0.00355"),
    request=(
        ("params", b'{"model":"auto"}'),
        ("message", b'{"role":"system","content":"Be kind."}'),
        ("message", b'{"role":"user","content":"Where is my refund?"}'),
    ),
    reply=(
        b'{"id":"msg_1","model":"claude-haiku-4-5-20251001","parts":[{"type":"text","text":"Let me look."},'
        b'{"type":"tool_call","id":"call_1","name":"issue_refund","arguments":"{\\"order\\":7}"}],"stop_reason":"tool_use"}'
    ),
    checks=(ARGUMENTS,),
)


def a_turn(n: int = 1, **changes: Any) -> TurnRecord:
    """Return a record: ``a_turn(3, status="error")`` is turn_3."""
    decision = msgspec.structs.replace(BASE.decision, id=f"turn_{n}")
    known = {"id": f"turn_{n}", "at_us": BASE.at_us + n, "decision": decision}
    return msgspec.structs.replace(BASE, **{**known, **changes})
