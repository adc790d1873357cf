"""Cards on stored turns: the reply as shipped, the plan made for it, the stronger model's reply; and people on the same."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.domain.record import Handoff
from pointsman.errors import UsageError
from pointsman.evaluation.judges.seam import Finding
from pointsman.evaluation.labels_saying import Said, label_of, say
from pointsman.evaluation.labels_shown import shown_of
from pointsman.evaluation.labels_sources import TurnTerms, shadow_items, turn_items
from pointsman.evaluation.scorecard_marks import turn_grades
from pointsman.evaluation.scorecard_turns import Chosen, ScoredTurn, score_turns, turns_to_score
from pointsman.evaluation.scorecards import Card, card_from
from pointsman.store import Store, open_store
from pointsman.store.grades import grades_of, put_grades
from pointsman.store.labels import Labels
from pointsman.store.outcomes import Outcomes
from support.judged import ListedJudge
from support.shadows import AT_US, OPUS, make, reply

CARD = """
name: care
categories:
  - name: Words
    criteria:
      - {name: when, says: {any_of: [monday]}}
plan:
  categories:
    - name: Plan
      criteria:
        - {name: sure, field: {name: confidence, at_least: 0.5}}
"""
SHADOW = """
INSERT INTO shadow (turn_id, turn_seq, chosen_at_us, changed_at_us, why, probability, state, model, reply, verdict, material,
    flipped, judge, detail)
VALUES (?, ?, 1, 1, 'floor', 0.01, 'judged', ?, ?, 'tie', 0, 1, 'openai/gpt-5.4', '{}')
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Three turns: plain, with a plan, and with a stronger model's reply that a judge flipped on."""
    with open_store(f"sqlite:///{tmp_path}/p.db") as opened:
        opened.append_sync(make(0, confidence=0.2))
        plan = Handoff("plan", OPUS, OPUS, msgspec.Raw(b'{"confidence": 0.2, "intent": "x"}'))
        opened.append_sync(make(1, confidence=0.9, handoffs=(plan,), reply=reply("I do not know.")))
        opened.append_sync(make(2, confidence=0.5))
        opened.write_sync(_shadow)
        yield opened


def _shadow(connection: sqlite3.Connection) -> None:
    # First byte as in body: 0 is plain.
    connection.execute(SHADOW, ("turn00002", 3, OPUS, b"\x00" + reply("It ships some day.")))


def card(text: str = CARD) -> Card:
    return card_from(LocatedYaml("card.yaml", text, UsageError))


def scored(store: Store, found: Card, judge: ListedJudge | None = None) -> list[ScoredTurn]:
    async def go() -> list[ScoredTurn]:
        ids, _ = turns_to_score(store, found, judge, Chosen(last=10))
        return [one async for one in score_turns(store, found, ids, judge)]

    return asyncio.run(go())


def test_what_was_shipped_planned_and_shadowed_is_marked_apart_and_once(store: Store) -> None:
    first, second, third = scored(store, card())
    assert [one.reply.passed for one in (first, second, third) if one.reply] == [True, False, True]
    assert second.plan is not None
    assert (second.plan.passed, first.plan) == (False, None)
    assert third.shadow is not None
    assert (third.shadow.passed, first.shadow) == (False, None)
    for one in (first, second, third):
        rows = [grade for subject, marks in one.by_subject() for grade in turn_grades(marks, one.turn_id, subject, 5)]
        store.write_sync(lambda connection, rows=rows: put_grades(connection, rows))  # type: ignore[misc]
    assert {(grade.subject, grade.passed) for grade in grades_of(store, "turn00002")} == {
        ("shipped", True),
        ("shadow", False),
    }
    assert turns_to_score(store, card(), None, Chosen(last=10)) == (set(), 3)
    assert len(turns_to_score(store, card(CARD.replace("monday", "tuesday")), None, Chosen(last=10))[0]) == 3
    assert len(turns_to_score(store, card(), None, Chosen(last=2, again=True))[0]) == 2


def test_a_judge_does_not_mark_its_own_models_shadow(store: Store) -> None:
    asks = card(CARD.replace("says: {any_of: [monday]}", "ask: 'Is it polite?'"))
    judge = ListedJudge(findings=(Finding("yes"),) * 3)
    assert judge.model == OPUS
    assert [one.shadow for one in scored(store, asks, judge)] == [None, None, None]


def test_a_shadow_reply_that_a_judge_flipped_on_waits_for_a_person(store: Store) -> None:
    labels = Labels(store)
    found = shadow_items(store, AT_US)
    assert labels.add(found.items, found.judgements) == 1
    assert shadow_items(store, AT_US).items == ()
    (item,) = labels.queue("ada")
    shown = shown_of(store, item)
    assert shown.b is not None
    assert (shown.a.text, shown.b.text) == ("It ships on Monday.", "It ships some day.")
    said = Said("a", "vague", route="tools", intent="order status")
    asyncio.run(say(store, item, label_of(item, "ada", said, 7), said))
    (grade,) = grades_of(store, "turn00002")
    assert (grade.metric, grade.source, grade.passed) == ("preference", "human", True)
    (feedback,) = Outcomes(store).feedback("turn00002")
    assert (feedback.route, feedback.intent, feedback.source) == ("tools", "order status", "label")


def test_turns_to_pass_or_fail_begin_with_the_doubtful_unless_they_stand_for_a_judge(store: Store) -> None:
    free = turn_items(store, AT_US, TurnTerms("label:reply", "", "Good?"))
    assert free.items[0].turn_id == "turn00000"
    places = {
        item.turn_id: item.place for item in turn_items(store, AT_US, TurnTerms("scorecard:care", "v", "Good?")).items
    }
    assert sorted(places.values()) == [2.0, 5.0, 8.0]
