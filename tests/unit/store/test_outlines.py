from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.store import Store
from pointsman.store.outlines import outlines_after, outlines_between

MakeRecord = Callable[..., TurnRecord]
_LEFT_OUT = {
    "request",
    "reply",
    "metadata",
    "handoffs",
    "decision",
    "steps",
    "requested_model",
    "stream",
    "flagship_model",
}
_LEFT_OUT |= {"flagship_cost_usd", "dropped_params", "traceparent"}


def kept(record: TurnRecord) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(record).items() if name not in _LEFT_OUT}


def test_an_outline_says_what_the_record_says(store: Store, make: MakeRecord) -> None:
    for n in (1, 2, 3):
        store.append_sync(make(n))
    found = outlines_after(store, 0, limit=2)
    assert [seq for seq, _ in found] == [1, 2]
    for _, outline in found:
        whole = store.turn(outline.id)
        assert whole is not None
        assert kept(outline) == kept(whole)
        for name in ("route", "tier", "policy", "intent", "decided_us"):
            assert getattr(outline.decision, name) == getattr(whole.decision, name)
        for step, full in zip(outline.steps, whole.steps, strict=True):
            for name in (
                "purpose",
                "model",
                "status",
                "duration_ms",
                "usage",
                "ttft_ms",
                "stop_reason",
                "upstream_model",
            ):
                assert getattr(step, name) == getattr(full, name)


@pytest.mark.parametrize(("stop", "told"), [("tool_use", True), ("end_turn", False)])
def test_the_reply_is_there_where_it_calls_tools(store: Store, make: MakeRecord, stop: str, told: bool) -> None:
    step = StepRecord("reply", "a/b", "ok", 1.0, stop_reason=stop)
    store.append_sync(msgspec.structs.replace(make(1), steps=(step,), reply=b'{"calls": "these"}'))
    ((_, outline),) = outlines_after(store, 0)
    assert bool(outline.reply) is told


def test_a_damaged_turn_is_left_out_and_told(store: Store, make: MakeRecord, caplog: pytest.LogCaptureFixture) -> None:
    for n in (1, 2):
        store.append_sync(make(n))
    store.write_sync(lambda connection: connection.execute("UPDATE turn SET detail = x'00ff' WHERE seq = 1"))
    assert [seq for seq, _ in outlines_after(store, 0)] == [2]
    assert "is damaged" in caplog.text


def test_those_of_a_time_are_found(store: Store, make: MakeRecord) -> None:
    for n in (1, 2, 3):
        store.append_sync(msgspec.structs.replace(make(n), at_us=n * 10))
    found = outlines_between(store, 10, 30, simulated=make(1).simulated)
    assert [record.at_us for record in found] == [10, 20]
