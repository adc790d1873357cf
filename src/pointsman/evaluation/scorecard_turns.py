"""Scorecards applied to shipped turns: the reply as the customer got it, and the plan that was made for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Reply
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case
from pointsman.evaluation.importers.cases_store import store_rows
from pointsman.evaluation.judges.same_model import plain_name
from pointsman.evaluation.judges.seam import Judge
from pointsman.evaluation.scorecard_marks import Scored
from pointsman.evaluation.scorecard_scoring import score_plan, score_reply, version_with
from pointsman.evaluation.scorecards import Card
from pointsman.store import Store, TurnFilter
from pointsman.store.grades import Subject, graded_turns
from pointsman.store.labels import Labels

_MOST = 1_000_000


class Chosen(msgspec.Struct, frozen=True):
    """Which turns: those since then, or the newest so many. ``again``: also those that this version of the card has marked."""

    since_us: int | None = None
    last: int | None = None
    again: bool = False


class ScoredTurn(msgspec.Struct, frozen=True):
    """A turn's marks. ``plan`` is None where there was no plan, or the card says nothing of plans.

    ``shadow`` is None where no stronger model answered it too, or the judge is that model.
    """

    turn_id: str
    model: str
    reply: Scored | None
    plan: Scored | None
    problem: str = ""
    shadow: Scored | None = None

    def by_subject(self) -> Iterator[tuple[Subject, Scored]]:
        """Yield the marks with whose they are."""
        marks: tuple[tuple[Subject, Scored | None], ...] = (
            ("shipped", self.reply),
            ("plan", self.plan),
            ("shadow", self.shadow),
        )
        for subject, scored in marks:
            if scored is not None:
                yield subject, scored


def turns_to_score(store: Store, card: Card, judge: Judge | None, chosen: Chosen) -> tuple[set[str], int]:
    """Return the ids of the turns to mark, and how many are left out since they are marked already."""
    rows = store.turns(TurnFilter(since_us=chosen.since_us, status="ok"), chosen.last or _MOST)
    ids = {row.id for row in rows}
    if chosen.again:
        return ids, 0
    asks = judge is not None and card.asks
    known = graded_turns(
        store,
        subject="shipped",
        metric=f"scorecard:{card.name}",
        version=version_with(card, judge),
        source="judge" if asks else "rule",
        author=judge.model if judge is not None and asks else "",
    )
    return ids - known, len(ids & known)


async def score_turns(
    store: Store, card: Card, ids: set[str], judge: Judge | None = None, since_us: int | None = None
) -> AsyncIterator[ScoredTurn]:
    """Yield the marks of turns, oldest first; a turn whose bodies are gone comes with its problem."""
    for read in store_rows(store, since_us):
        turn_id = read.place.removeprefix("turn ")
        if read.problem is not None:
            if turn_id in ids:
                yield ScoredTurn(turn_id, "", None, None, read.problem)
            continue
        for found in read.found:
            if found.case.id not in ids or found.shipped is None:
                continue
            yield await score_shipped(store, card, found.case, found.shipped, judge)


async def score_shipped(store: Store, card: Card, case: Case, shipped: Answer, judge: Judge | None) -> ScoredTurn:
    """Return the marks of one shipped turn."""
    reply = await score_reply(card, case, shipped, judge)
    plan = None
    if card.plan is not None:
        record = store.turn(case.id)
        artifact = None if record is None else plan_of(record)
        if artifact is not None:
            plan = await score_plan(card, case.turn, artifact, judge)
    return ScoredTurn(case.id, shipped.model, reply, plan, shadow=await _shadow(store, card, case, judge))


async def _shadow(store: Store, card: Card, case: Case, judge: Judge | None) -> Scored | None:
    """Return the marks of the stronger model's reply to a turn, where there is one that this judge may judge."""
    found = Labels(store).shadow_reply(case.id)
    if found is None:
        return None
    model = found[0] or ""
    if judge is not None and card.asks and plain_name(judge.model) == plain_name(model):
        return None
    try:
        reply = msgspec.json.decode(found[1], type=Reply)
    except msgspec.DecodeError:
        return None
    return await score_reply(card, case, Answer(case.id, model, 1, "live", reply), judge)


def plan_of(record: TurnRecord) -> dict[str, Any] | None:
    """Return the plan that was passed on in a turn, the last one where there were several; None where there was none."""
    for handoff in reversed(record.handoffs):
        if handoff.kind == "plan":
            value = msgspec.json.decode(handoff.artifact)
            return value if isinstance(value, dict) else None
    return None
