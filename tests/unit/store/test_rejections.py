"""Rejected replies are kept whole, summed up, and found as cases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store import Store
from pointsman.store.rejections import (
    Rejection,
    RejectionFilter,
    list_rejections,
    record_rejection,
    record_rejection_sync,
    sum_rejections,
)

ONE = Rejection(
    at_us=1_000,
    outcome="rejected",
    contract="triage",
    version="abc123abc123",
    model="anthropic/claude-haiku-4-5",
    failures=(
        ("bad_enum", "/intent", "no"),
        ("bad_enum", "/items/0", "no"),
        ("extra_field", "/x", "the field 'x' is not in the schema"),
    ),
    raw='{"intent": "Refund \ud83d", "é": "\x00"}' + " long" * 500,
    turn_id="turn_1",
    conversation_id="conv_1",
    agent="support",
)


def test_a_rejection_comes_back_as_it_was(store: Store) -> None:
    known = record_rejection_sync(store, ONE, {"type": "object"})
    found = list_rejections(store)
    assert found == [msgspec.structs.replace(ONE, id=known)]
    assert found[0].kinds == ("bad_enum", "extra_field")


def test_the_newest_come_first_and_filters_narrow(store: Store) -> None:
    for n in range(6):
        kind = "truncated" if n % 2 else "missing_field"
        other = {"at_us": n, "failures": ((kind, "", "m"),), "model": f"m/{n % 3}", "agent": None}
        record_rejection_sync(store, msgspec.structs.replace(ONE, **other))
    assert [one.at_us for one in list_rejections(store, limit=3)] == [5, 4, 3]
    assert [one.at_us for one in list_rejections(store, RejectionFilter(kind="truncated", since_us=2))] == [5, 3]
    assert [one.at_us for one in list_rejections(store, RejectionFilter(model="m/0", until_us=3))] == [0]
    assert list_rejections(store, RejectionFilter(agent="support")) == []


def test_sums_count_a_reply_under_each_of_its_kinds_once(store: Store) -> None:
    record_rejection_sync(store, ONE)
    record_rejection_sync(store, msgspec.structs.replace(ONE, outcome="repaired", failures=(("extra_field", "", ""),)))
    whole = sum_rejections(store)[0]
    assert (whole.replies, whole.rejected, whole.repaired, whole.turns) == (2, 1, 1, 1)
    by_kind = {row.by["kind"]: (row.rejected, row.repaired) for row in sum_rejections(store, ("kind", "contract"))}
    assert by_kind == {"bad_enum": (1, 0), "extra_field": (1, 1)}
    assert sum_rejections(store, ("model",), RejectionFilter(model="nobody/none")) == []
    assert sum_rejections(store, (), RejectionFilter(model="nobody/none")) == []
    with pytest.raises(StoreError, match="kind, model"):
        sum_rejections(store, ("raw; DROP TABLE rejection",))


def test_a_case_is_there_at_once_and_gets_its_turn_when_that_ends(
    store: Store, make: Callable[..., TurnRecord]
) -> None:
    schema = {"type": "object", "required": ["intent"]}
    asyncio.run(record_rejection(store, ONE, schema))
    asyncio.run(record_rejection(store, msgspec.structs.replace(ONE, outcome="repaired"), schema))
    assert sorted(one.raw for one in list_rejections(store)) == [ONE.raw, ONE.raw]
    store.append_sync(make(1))
    rejected = list_rejections(store, RejectionFilter(kind="bad_enum"))[0]
    assert rejected.turn_id == "turn_1"
    kept = store.turn(rejected.turn_id)
    assert kept is not None
    assert kept.request
