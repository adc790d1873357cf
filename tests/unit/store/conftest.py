from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.domain.decision import Decision, Exclusion, Reason
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.store import Store, open_store

BASE = TurnRecord(
    id="turn_1",
    conversation_id="conv_1",
    at_us=1_760_000_000_000_000,
    dialect="openai_chat",
    status="ok",
    decision=Decision(
        id="turn_1",
        route="tools",
        model="anthropic/claude-haiku-4-5",
        tier="small",
        policy="abc123",
        confidence=0.94,
        reasons=(Reason("rule", "one-tool", "one tool, single intent"),),
        eligible=("anthropic/claude-haiku-4-5",),
        excluded=(Exclusion("groq/llama", "context_window", "needs 9,000 tokens, holds 8,192"),),
        signals={"tokens": 412, "intent": {"name": "refund", "risk": "high"}},
        intent="refund",
        expected_cost_usd=Decimal("0.0009"),
        decided_us=310.0,
    ),
    steps=(
        StepRecord(
            purpose="reply",
            model="anthropic/claude-haiku-4-5",
            status="ok",
            duration_ms=640.0,
            http_status=200,
            usage=Usage(300, 80, cache_read=100),
            cost_usd=Decimal("0.00071"),
            ttft_ms=210.0,
        ),
    ),
    duration_ms=660.0,
    stream=True,
    ttft_ms=212.0,
    usage=Usage(300, 80, cache_read=100),
    cost_usd=Decimal("0.00071"),
    flagship_model="anthropic/claude-opus-4-8",
    flagship_cost_usd=Decimal("0.00355"),
    dropped_params=("seed",),
    request=(("system", b'"Be kind."'), ("message", b'{"role":"user","content":"Where is my refund?"}')),
    reply=b'{"parts":[]}',
    metadata={"user": "u1"},
)

MakeRecord = Callable[..., TurnRecord]


@pytest.fixture
def make() -> MakeRecord:
    """Make a turn record: ``make(3, status="error")`` is turn_3."""

    def build(n: int = 1, **changes: Any) -> TurnRecord:
        known = {"id": f"turn_{n}", "at_us": BASE.at_us + n, "conversation_id": "conv_1"}
        return msgspec.structs.replace(BASE, **{**known, **changes})

    return build


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as opened:
        yield opened
