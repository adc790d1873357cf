from __future__ import annotations

import string
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pointsman.domain.decision import Decision, Exclusion, Reason, RunnerUp
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.store.connection import open_writer
from pointsman.store.landing import Landing
from pointsman.store.migrations import migrate
from pointsman.store.reading import find_turn
from pointsman.store.sql import load_queries

text = st.text(max_size=20)
words = st.text(string.ascii_lowercase, min_size=1, max_size=8)
optional_text = st.none() | text
floats = st.floats(min_value=0, allow_nan=False)
money = st.none() | st.integers(0, 9 * 10**18 - 1).map(lambda pico: Decimal(pico).scaleb(-12))
any_money = st.none() | st.decimals(allow_nan=False, allow_infinity=False)
count = st.none() | st.integers(0, 2**63 - 1)
status = st.sampled_from(["ok", "error", "broken", "cancelled"])
plain_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | floats | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
usage = st.none() | st.builds(
    Usage,
    st.integers(0, 2**62),
    st.integers(0, 2**62),
    cache_read=count,
    cache_write=count,
    cache_write_1h=count,
    reasoning=count,
)


def several(strategy: st.SearchStrategy[object], most: int = 3) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


decisions = st.builds(
    Decision,
    id=text,
    route=text,
    model=text,
    tier=st.sampled_from(["small", "mid", "flagship"]),
    policy=text,
    confidence=st.none() | st.floats(0, 1),
    reasons=several(st.builds(Reason, text, text, text)),
    runner_up=st.none() | st.builds(RunnerUp, text, text, any_money, text),
    eligible=several(text),
    excluded=several(st.builds(Exclusion, text, text, text)),
    fallbacks=several(text),
    propensities=st.dictionaries(text, st.floats(0, 1), max_size=2),
    signals=st.dictionaries(text, plain_data, max_size=3),
    intent=optional_text,
    expected_cost_usd=any_money,
    decided_us=floats,
)
steps = st.builds(
    StepRecord,
    purpose=text,
    model=text,
    status=status,
    duration_ms=floats,
    attempt=st.integers(1, 9),
    http_status=st.none() | st.integers(100, 599),
    error_code=optional_text,
    error_text=optional_text,
    stop_reason=optional_text,
    usage=usage,
    estimated=st.booleans(),
    cost_usd=money,
    ttft_ms=st.none() | floats,
    relayed=st.booleans(),
    upstream_model=optional_text,
    request_id=optional_text,
)
# Bodies from a small set too, so that one record holds the same message twice.
bodies = st.binary(max_size=300) | st.sampled_from([b"", b"\x28\xb5\x2f\xfd", b"hello" * 100])
records = st.builds(
    TurnRecord,
    id=text,
    conversation_id=text,
    at_us=st.integers(0, 2**62),
    dialect=text,
    status=status,
    decision=decisions,
    steps=several(steps),
    duration_ms=floats,
    requested_model=text,
    key_id=optional_text,
    channel=st.sampled_from(["chat", "voice", "email"]),
    stream=st.booleans(),
    http_status=st.integers(100, 599),
    error_code=optional_text,
    ttft_ms=st.none() | floats,
    gateway_us=st.none() | floats,
    usage=usage,
    cost_usd=money,
    flagship_model=optional_text,
    flagship_cost_usd=money,
    dropped_params=several(words),
    simulated=st.booleans(),
    request=several(st.tuples(words, bodies), 6),
    reply=bodies,
    metadata=st.dictionaries(text, text, max_size=3),
)


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])
@given(st.lists(records, min_size=1, max_size=2, unique_by=lambda record: record.id))
def test_what_is_written_comes_back_equal(batch: list[TurnRecord]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        connection = open_writer(path, "normal")
        migrate(connection, path)
        landing = Landing(connection)
        assert landing.commit(batch) == [None] * len(batch)
        assert landing.commit(batch) == [None] * len(batch), "written again: the same records, so no change"
        queries = load_queries("turns")
        assert [find_turn(connection, queries, record.id) for record in batch] == batch
        changed = msgspec.structs.replace(batch[0], conversation_id=batch[0].conversation_id + "x")
        assert str(landing.commit([changed])[0]).endswith("Ids must be unique.")
        landing.close()
