"""Shadow checks on the turns of a store, as they stand after a week: for pages."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import Any

import msgspec

from pointsman.domain.message import Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.monitoring.shadow.draw import Shares
from pointsman.monitoring.shadow.sampler import Sampler
from pointsman.store import Store
from pointsman.store.shadow import Shadows, changed
from support.shadows import OPUS

CENT = 10**10


def seed_shadows(store: Store) -> None:
    """Check every turn of a store: most are fine, some needed a stronger model, some could not be checked."""
    words = "I am sorry about that. Your order left us on Monday and arrives on Thursday; the refund is on its way."
    _seed(store, words, "The second reply answers the question; the first does not.", 0.15)


def seed_hostile_shadows(store: Store) -> None:
    """As ``seed_shadows``, by a model and a judge that try to break out of the page."""
    from browser.hostile import EVIL

    _seed(store, "\n".join(word[:3_000] for word in EVIL), "".join(word[:400] for word in EVIL), 1.0)


def _seed(store: Store, said: str, reason: str, everyone: float) -> None:
    async def sample() -> None:
        sampler = Sampler(store, Shares(everyone=everyone))
        await sampler.begin(from_first=True)
        while await sampler.step():
            pass

    asyncio.run(sample())
    reply = Reply(
        "s", OPUS, (Text(said), ToolCall("c", said[:60], msgspec.json.encode({"a": said[:200]}).decode())), "end_turn"
    )
    detail = {"why": reason[:80], "calls": f"wrong_value at calls[0]: {reason[:200]}", "reasons": [reason, reason]}
    common: dict[str, Any] = {
        "model": OPUS,
        "reply": msgspec.json.encode(reply),
        "simulated": True,
        "spent_at_us": time.time_ns() // 1000,
        "cost_pico": CENT // 8,
        "judge_cost_pico": CENT // 16,
        "judge": "openai/gpt-5-mini",
        "decided_by": "judge",
        "detail": msgspec.json.encode(detail).decode(),
    }
    jobs = []
    for n, row in enumerate(Shadows(store).listed(limit=1_000)):
        if n % 9 == 8:
            jobs.append(changed(row.turn_id, "waiting", state="not_allowed", error_text=reason[:300]))
            continue
        bad = n % 7 == 3
        verdict = "shadow_better" if bad else "tie" if n % 5 == 0 else "same"
        fields = common | {
            "state": "judged",
            "verdict": verdict,
            "material": bad,
            "flipped": verdict == "tie",
            "review": 1.0,
        }
        jobs.append(changed(row.turn_id, "waiting", **fields))

    def work(connection: sqlite3.Connection) -> None:
        for job in jobs:
            job(connection)

    store.write_sync(work)
