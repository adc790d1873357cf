"""Turns whose every text tries to break out of the page it is shown on."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Final

import msgspec

from pointsman.domain.decision import Decision, Exclusion, Reason, RunnerUp
from pointsman.domain.record import CheckRecord, Handoff, StepRecord, TurnRecord
from pointsman.domain.usage import Usage

EVIL: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "]]></text></svg><svg onload=alert(3)>",
    "\u202egnirts desrever\u202c \u2066hidden\u2069",
    "x" * 100_000,
    '=HYPERLINK("http://evil.example","click")',
    "javascript:alert(4)",
    "{{ 7*7 }}{% raw %}${7*7}<%= 7*7 %>",
    "null undefined NaN \x00\x07\x1b[31m",
    "</title></textarea></style><iframe src=javascript:alert(5)>",
    "'; DROP TABLE turn; --",
    "\U0001f600 e\u0301\u0301\u0301\u0301 \ufffd \u0085",
)
"""What customers, models and tools might say."""


def evil(n: int, limit: int = 200_000) -> str:
    """Return the n-th of them, cut."""
    return EVIL[n % len(EVIL)][:limit]


def records(count: int = 24) -> list[TurnRecord]:
    """Return turns of a few conversations, all of today."""
    now_us = time.time_ns() // 1000
    return [_record(n, now_us - (count - n) * 60_000_000) for n in range(count)]


def _record(n: int, at_us: int) -> TurnRecord:
    word, short = evil(n), evil(n, 120)
    call = {"type": "tool_call", "id": short, "name": short, "arguments": json.dumps({short: word[:5000]})}
    messages = [
        {"role": "user", "content": word},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": short, "arguments": word[:2000]}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": word},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": word},
                {"type": "image_url", "image_url": {"url": "javascript:alert(6)"}},
                7,
                None,
            ],
        },
        [word[:100]],
    ]
    return TurnRecord(
        id=f"turn_{n:020d}",
        conversation_id=f"{short} {n // 3}/../?a=b#c",
        at_us=at_us,
        dialect="openai_chat",
        status=("ok", "error", "broken", "cancelled")[n % 4],
        decision=_decision(n, word, short),
        steps=(
            StepRecord(
                "reply",
                short,
                "ok",
                640.0,
                usage=Usage(300, 80, cache_read=100),
                cost_usd=Decimal("0.00071"),
                ttft_ms=210.0,
                prompt="planner@1",
            ),
            StepRecord(
                "plan", "a/b", "error", 0.0, error_code=short, error_text=word, upstream_model=short, request_id=short
            ),
        ),
        duration_ms=0.0 if n % 2 else 1e9,
        requested_model=short,
        channel="chat",
        error_code=short if n % 4 else None,
        ttft_ms=None if n % 3 else 1e-9,
        usage=None if n % 5 == 0 else Usage(10**9, 0),
        cost_usd=None if n % 2 else Decimal("123456.123456789"),
        flagship_model=short,
        dropped_params=(short,),
        simulated=True,
        request=(
            ("system", json.dumps(word).encode()),
            *(("message", json.dumps(one).encode()) for one in messages),
            ("message", b"\xff not json"),
        ),
        reply=json.dumps(
            {"parts": [{"type": "text", "text": word}, call], "stop_reason": "end", "model": short}
        ).encode()
        if n % 7
        else b"{broken",
        metadata={short[:60]: word[:500]},
        handoffs=(
            Handoff(
                "plan", short, short, msgspec.Raw(json.dumps({"intent": word[:3000], "must_mention": [short]}).encode())
            ),
        ),
        checks=(CheckRecord(short, False, short, short, word[:3000]),),
    )


def _decision(n: int, word: str, short: str) -> Decision:
    return Decision(
        id=f"turn_{n:020d}",
        route=short,
        model=short,
        tier="small",
        policy=short,
        confidence=(n % 10) / 10,
        reasons=(Reason(short, short, word[:3000]),),
        runner_up=RunnerUp(short, short, None, word[:3000]),
        eligible=(short,),
        excluded=(Exclusion(short, short, word[:3000]),),
        fallbacks=(short,),
        propensities={short: 1.0},
        signals={short: {"a": word[:3000]}},
        intent=short,
    )
