"""Labelling: what is shown does not tell whose it is, what is said is of the replies and not of their places."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.cli.label_view import session
from pointsman.errors import NotFound, RequestError
from pointsman.evaluation.judging_standing import between_people, standing
from pointsman.evaluation.labels_saying import Said, exported, imported, label_of, say
from pointsman.evaluation.labels_shown import Shown, encode_shown, shown_of
from pointsman.store import Store, open_store
from pointsman.store.grades import grades_of
from pointsman.store.labels import PREFERENCE, Item, Judgement, Label, Labels, item_id, shown_swapped
from support.judged import reply, said

HOSTILE = "\x1b[2J[bold]wipe[/bold] <script>alert(1)</script>"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/p.db") as opened:
        yield opened


def pair(number: int) -> Item:
    shown = Shown(
        said(("user", f"{HOSTILE} {number}")).messages, reply("from a"), reply("from b"), ("maker-1", "maker-2")
    )
    name = item_id("pair", str(number))
    return Item(
        name, "pair", "run", PREFERENCE, "", "Which?", 1, None, f"k{number}", encode_shown(shown), float(number)
    )


def keys(*answers: str) -> Any:
    given = list(answers)
    return lambda prompt: given.pop(0) if given else "q"


def test_a_session_labels_replies_not_places(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    labels = Labels(store)
    items = [pair(number) for number in range(6)]
    labels.add(items)
    assert session(store, "ada", keys(*["1"] * 6)) == 6
    shown = capsys.readouterr().out
    assert "maker-1" not in shown
    assert "maker-2" not in shown
    assert "\x1b[2J" not in shown
    assert "[bold]wipe[/bold]" in shown
    for label in labels.labels():
        assert label.value == ("b" if shown_swapped(label.item_id, "ada") else "a")
        assert label.swapped == shown_swapped(label.item_id, "ada")
    assert {label.value for label in labels.labels()} == {"a", "b"}


def test_a_session_stops_and_goes_on(store: Store) -> None:
    labels = Labels(store)
    labels.add([pair(number) for number in range(4)])
    assert session(store, "ada", keys("what?", "n", "a note", "0", "s")) == 2
    first, second = labels.labels()
    assert (first.value, first.note, second.value) == ("same", "a note", "skip")
    assert session(store, "ada", keys(*"1212")) == 2
    assert labels.waiting() == 0


def test_what_cannot_be_said_of_an_item_is_refused() -> None:
    with pytest.raises(RequestError, match="cannot be said of a pair"):
        label_of(pair(1), "ada", Said("pass"), 1)
    with pytest.raises(RequestError, match="a labeller needs a name"):
        label_of(pair(1), " ", Said("a"), 1)


def test_a_label_of_a_turn_stands_among_its_grades_and_a_gone_turn_is_said(store: Store) -> None:
    item = Item("i1", "reply", "turn", "scorecard:care", "v1", "Good?", 1, "t1", "k1")
    Labels(store).add([item], [Judgement("i1", "m", "v1+p", "scorecard:care", "fail", 1)])
    asyncio.run(say(store, item, label_of(item, "ada", Said("pass"), 7), Said("pass")))
    (found,) = grades_of(store, "t1")
    assert (found.metric, found.source, found.author, found.passed) == ("scorecard:care", "human", "ada", True)
    worth = standing(Labels(store), "m", "v1+p", "scorecard:care")
    assert worth.sensitivity is not None
    assert (worth.labels, worth.sensitivity.hits, worth.sensitivity.n, worth.may_gate) == (1, 0, 1, False)
    with pytest.raises(NotFound, match="not in the store any more"):
        shown_of(store, item)


def test_two_people_are_compared_on_what_both_labelled() -> None:
    labels = [
        Label(str(n), who, value, 1)
        for who, values in (("ada", "abab"), ("bob", "abaa"))
        for n, value in enumerate(values)
    ]
    found = between_people(labels)
    assert found is not None
    assert (found.n, found.agreement) == (4, 0.75)
    assert between_people(labels[:4]) is None


def test_labels_travel_in_a_file_and_bad_lines_are_named(store: Store, tmp_path: Path) -> None:
    labels = Labels(store)
    labels.add([pair(1)])
    labels.say(Label(pair(1).id, "ada", "b", 5, swapped=True))
    (row,) = exported(labels)
    row = msgspec.json.decode(msgspec.json.encode(row))
    broken = {**row, "label": {**row["label"], "value": "pass"}}
    found = list(imported([(1, row), (2, "not valid JSON"), (3, broken), (4, {"item": 1})]))
    assert found[0] == (1, pair(1), labels.labels()[0])
    assert [one[0] for one in found if len(one) == 2] == [2, 3, 4]
    assert found[1] == (2, "not valid JSON")
