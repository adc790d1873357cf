"""The review queue in the store: who sees what next, labels and grades that take the place of earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from pointsman.store import Store, open_store
from pointsman.store.grades import TurnGrade, graded_turns, grades_of, put_grades, sum_grades
from pointsman.store.labels import (
    PREFERENCE,
    Item,
    Judgement,
    Label,
    Labels,
    forget_conversation,
    item_id,
    shown_swapped,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/p.db") as opened:
        yield opened


def item(name: str, place: float = 0.0, conversation: str = "k1") -> Item:
    return Item(name, "pair", "run", PREFERENCE, "", "Which?", 1, None, conversation, b"{}", place)


def test_the_queue_goes_by_place_and_shows_nothing_twice_to_one_person(store: Store) -> None:
    labels = Labels(store)
    assert labels.add([item("b1", 2.0), item("b2", 1.0), item("b3", 3.0)]) == 3
    assert labels.add([item("b1", 0.0)]) == 0
    assert [one.id for one in labels.queue("ada")] == ["b2", "b1", "b3"]
    labels.say(Label("b2", "ada", "a", 5))
    assert [one.id for one in labels.queue("ada")] == ["b1", "b3"]
    # Labelled once, and none of those that are to be labelled twice: done for everybody.
    assert [one.id for one in labels.queue("bob")] == ["b1", "b3"]
    assert labels.waiting() == 2


def test_some_items_are_labelled_by_a_second_person_first_of_all(store: Store) -> None:
    labels = Labels(store)
    labels.add([item("0x", 5.0), item("b1", 1.0)])
    labels.say(Label("0x", "ada", "a", 5))
    assert [one.id for one in labels.queue("bob")] == ["0x", "b1"]
    labels.say(Label("0x", "bob", "b", 6))
    assert [one.id for one in labels.queue("cy")] == ["b1"]
    assert labels.labellers() == [("ada", 1, 1), ("bob", 1, 1)]


def test_a_later_label_of_the_same_person_takes_the_place_of_the_first(store: Store) -> None:
    labels = Labels(store)
    labels.add([item("b1")])
    labels.say(Label("b1", "ada", "a", 5))
    labels.say(Label("b1", "ada", "skip", 6, swapped=True, note="unclear"))
    (one,) = labels.labels(PREFERENCE)
    assert (one.value, one.swapped, one.note) == ("skip", True, "unclear")
    assert labels.labels("scorecard:care") == []


def test_the_order_of_two_replies_is_by_chance_and_stays(store: Store) -> None:
    names = [item_id("pair", str(n)) for n in range(200)]
    swapped = [shown_swapped(name, "ada") for name in names]
    assert swapped == [shown_swapped(name, "ada") for name in names]
    assert 70 < sum(swapped) < 130
    assert swapped != [shown_swapped(name, "bob") for name in names]


def test_judgements_stand_beside_labels_and_are_forgotten_with_their_conversation(store: Store) -> None:
    labels = Labels(store)
    said = [
        Judgement(name, "m", "v", PREFERENCE, "a", 1, False, "it says hello", Decimal("0.01")) for name in ("b1", "b2")
    ]
    labels.add([item("b1"), item("b2", conversation="k2")], said)
    labels.say(Label("b1", "ada", "a", 5, note="the customer's words"))
    assert [(one.judge, one.n) for one in labels.judges()] == [("m", 2)]
    assert labels.judgements("m", "v") == said
    store.write_sync(lambda connection: forget_conversation(connection, "k1"))
    assert labels.item("b1") is None
    assert labels.labels() == []
    assert [one.item_id for one in labels.judgements("m", "v")] == ["b2"]


def grade(turn: str, *, passed: bool | None, at_us: int = 1) -> TurnGrade:
    score = None if passed is None else float(passed)
    return TurnGrade(
        turn, "shipped", "scorecard:care", "v1", "judge", at_us, "m", score, passed, {"why": "x"}, Decimal("0.002")
    )


def test_grades_are_kept_once_for_each_author_and_add_up(store: Store) -> None:
    store.write_sync(lambda connection: put_grades(connection, [grade("t1", passed=True), grade("t2", passed=None)]))
    store.write_sync(lambda connection: put_grades(connection, [grade("t1", passed=False, at_us=9)]))
    assert grades_of(store, "t1") == [grade("t1", passed=False, at_us=9)]
    (one,) = sum_grades(store, "scorecard:care")
    assert (one.graded, one.passed, one.failed, one.unknown) == (2, 0, 1, 1)
    assert (one.score, one.scored, one.cost_usd) == (0.0, 1, Decimal("0.004"))
    key = {"subject": "shipped", "metric": "scorecard:care", "version": "v1", "source": "judge"}
    assert graded_turns(store, author="m", **key) == {"t1", "t2"}  # type: ignore[arg-type]
    assert graded_turns(store, **key) == set()  # type: ignore[arg-type]


def test_what_is_only_unknown_adds_up_too(store: Store) -> None:
    store.write_sync(lambda connection: put_grades(connection, [grade("t1", passed=None)]))
    (one,) = sum_grades(store)
    assert (one.graded, one.passed, one.failed, one.unknown, one.score) == (1, 0, 0, 1, None)
