from __future__ import annotations

from collections import Counter

import pytest

from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.errors import UsageError
from pointsman.evaluation.case_choice import Counting, Stratified, filter_of
from pointsman.evaluation.cases import Case, Gold


def case(n: int, intent: str) -> Case:
    gold = Gold("no_call") if n % 2 else None
    return Case(str(n), f"k{n // 3}", "t", Turn((Message("user", (Text("x"),)),)), gold, tags={"intent": intent})


CASES = [case(n, "refund" if n % 10 == 0 else "status") for n in range(1000)]


def test_a_sample_keeps_the_share_of_every_group_and_is_the_same_again() -> None:
    picks = []
    for _ in range(2):
        sample = Stratified(100, ("intent",), seed=3)
        for one in CASES:
            sample.count(one)
        picks.append([one for one in CASES if sample.takes(one)])
    assert picks[0] == picks[1]
    assert Counter(one.tags["intent"] for one in picks[0]) == {"refund": 10, "status": 90}


def test_a_sample_larger_than_the_set_is_the_set() -> None:
    sample = Stratified(10_000, ())
    for one in CASES:
        sample.count(one)
    assert all(sample.takes(one) for one in CASES)


def test_conditions_on_one_name_widen_and_on_several_narrow() -> None:
    refunds = filter_of(["intent=refund"])
    both = filter_of(["intent=refund", "intent=status"])
    narrow = filter_of(["intent=refund", "gold=unknown", "length=1-2 messages"])
    assert sum(map(refunds.takes, CASES)) == 100
    assert sum(map(both.takes, CASES)) == 1000
    assert sum(map(narrow.takes, CASES)) == 100
    with pytest.raises(UsageError, match="NAME=VALUE"):
        filter_of(["intent"])


def test_counts_by_source_gold_and_tag() -> None:
    counting = Counting()
    for one in CASES:
        counting.add(one)
    found = counting.summary()
    assert (found.cases, found.conversations) == (1000, 334)
    assert found.by_gold == {"unknown": 500, "no_call": 500}
    assert found.by_tag["intent"] == {"status": 900, "refund": 100}
