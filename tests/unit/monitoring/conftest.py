from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.decision import Decision, Reason
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.monitoring.asking.asker import Asker
from pointsman.store import Store, open_store

HOUR_US = 3_600_000_000
NOW_US = 1_795_000_000_000_000
HAIKU = "anthropic/claude-haiku-4-5"
OPUS = "anthropic/claude-opus-4-8"


def step(usage: Usage | None = None, **changes: Any) -> StepRecord:
    """Make an answering call, priced at what Haiku costs: $1 and $5 a million, reads $0.10, writes $1.25."""
    used = usage or Usage(1000, 100, cache_read=500, cache_write=200, reasoning=40)
    cost = Decimal(used.input_uncached) + 5 * used.output
    cost += Decimal("0.1") * (used.cache_read or 0) + Decimal("1.25") * (used.cache_write or 0)
    made = StepRecord(
        "reply", HAIKU, "ok", 1200.0, http_status=200, usage=used, cost_usd=cost / 1_000_000, ttft_ms=200.0
    )
    return msgspec.structs.replace(made, **changes)


def turn(n: int, *steps: StepRecord, **changes: Any) -> TurnRecord:
    """Make turn_n, a second after turn_(n-1), of conversation n // 3."""
    calls = steps or (step(),)
    known = [one.cost_usd for one in calls if one.status != "error"]
    cost = None if None in known else sum((one for one in known if one is not None), Decimal(0))
    decision = changes.pop("decision", {})
    made = TurnRecord(
        id=f"turn_{n:04d}",
        conversation_id=f"conv_{n // 3}",
        at_us=NOW_US - HOUR_US + n * 1_000_000,
        dialect="openai_chat",
        status="ok",
        decision=msgspec.structs.replace(
            Decision(
                f"turn_{n}",
                "tools",
                HAIKU,
                "small",
                "pol1",
                reasons=(Reason("rule", "r1", "said so"),),
                intent="refund",
            ),
            **decision,
        ),
        steps=calls,
        duration_ms=1210.0,
        stream=True,
        ttft_ms=200.0 + n,
        usage=calls[-1].usage,
        cost_usd=cost,
        flagship_model=OPUS,
        flagship_cost_usd=Decimal("0.01"),
        reply=b"{}",
        metadata={"user": f"customer_{n // 3}", "agent": "desk", "tenant": "acme"},
    )
    return msgspec.structs.replace(made, **changes)


Keep = Callable[..., Asker]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog.load()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db?durability=normal") as opened:
        yield opened


@pytest.fixture
def asker(store: Store, catalog: Catalog) -> Asker:
    return Asker(store, catalog, {"flagship": OPUS, "mid": "anthropic/claude-sonnet-4-6"}, clock=lambda: NOW_US)


@pytest.fixture
def keep(store: Store, asker: Asker) -> Keep:
    """Keep records and fold them."""

    def kept(*records: TurnRecord) -> Asker:
        for record in records:
            store.append_sync(record)
        asker.fold()
        return asker

    return kept
