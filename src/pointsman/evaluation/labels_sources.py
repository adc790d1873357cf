"""Where items for labellers come from: pairs of a run, judged or not, shadow replies, and turns of the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from pointsman.evaluation.judging import BY_RULE, BothArms, Judged, JudgedRow, RunArm
from pointsman.evaluation.label_queue import places
from pointsman.evaluation.labels_shown import Shown, encode_shown
from pointsman.evaluation.run_log import read_grades
from pointsman.store import Store, TurnFilter
from pointsman.store.labels import PREFERENCE, Item, Judgement, Labels, item_id

WHICH = "Which reply serves this customer better at this point of the conversation?"
MOST = 200
"""Items that one source puts into the queue at once: a judge needs 100 labels."""


class Found(msgspec.Struct, frozen=True):
    """Items to put into the queue, and what a judge said of all that it judged."""

    items: tuple[Item, ...]
    judgements: tuple[Judgement, ...] = ()


async def pair_items(  # noqa: PLR0913 - two arms and what is known of them
    old: RunArm, new: RunArm, both: BothArms, judged: Judged | None, at_us: int, *, most: int = MOST
) -> Found:
    """Return pairs of two arms as items: those the judge flipped on and those graded otherwise first, two of three.

    Pairs whose replies are the same letter for letter teach nothing about a judge and are left out, as are cases that one of the
    arms did not answer.
    """
    if judged is None:
        unsure = _graded_otherwise(old, new)
    else:
        # By the judge alone: inside what it decided, and inside what it flipped on, the labelled ones must be a random sample.
        unsure = {row.case for row in judged.rows if row.flipped or row.verdict == "unknown"}
    question = WHICH if judged is None or not judged.head.rubric else judged.head.rubric
    ids: dict[str, tuple[str, bool]] = {}
    kept: dict[str, tuple[str, Shown]] = {}
    for case in both.index:
        pair = await both.answered(case)
        if pair.a is None or pair.b is None or pair.identical:
            continue
        ids[case.id] = (pair.item, case.id in unsure)
    order = places(ids.values())
    chosen = set(sorted(order, key=lambda item: (order[item], item))[:most])
    for case in both.index:
        if case.id in ids and ids[case.id][0] in chosen:
            pair = await both.answered(case)
            if pair.a is not None and pair.b is not None:
                shown = Shown(case.turn.messages, pair.a, pair.b, (old.model, new.model), case.id)
                kept[ids[case.id][0]] = (case.conversation_id, shown)
    items = tuple(
        Item(
            id=item,
            kind="pair",
            origin="run",
            metric=PREFERENCE,
            version="",
            question=question,
            added_at_us=at_us,
            conversation_id=conversation,
            content=encode_shown(shown),
            place=order[item],
        )
        for item, (conversation, shown) in kept.items()
    )
    rows = () if judged is None else judged.rows
    differ = [row for row in rows if row.reasons[0] not in BY_RULE]
    said = () if judged is None else tuple(_judgement(judged, row, at_us, whole=row.item in kept) for row in differ)
    return Found(items, said)


def _judgement(judged: Judged, row: JudgedRow, at_us: int, *, whole: bool) -> Judgement:
    """Return what the judge said; its words, which may quote a customer, only where the item itself is kept."""
    return Judgement(
        item_id=row.item,
        judge=judged.head.judge,
        version=judged.head.version,
        metric=PREFERENCE,
        verdict=row.verdict,
        at_us=at_us,
        flipped=row.flipped,
        reason="\n".join(row.reasons)[:1000] if whole else "",
        cost_usd=row.usd,
    )


def _graded_otherwise(old: RunArm, new: RunArm) -> set[str]:
    """Return the cases of which the grader passed one arm's first answer and not the other's."""
    marks: list[Mapping[str, bool]] = []
    for arm in (old, new):
        found = {}
        for row in read_grades(arm.folder):
            if row.model == arm.model and row.repeat == 1 and row.passed is not None:
                found[row.case] = row.passed
        marks.append(found)
    return {case for case, passed in marks[0].items() if marks[1].get(case, passed) != passed}


def shadow_items(store: Store, at_us: int, *, most: int = MOST) -> Found:
    """Return shadow replies that wait for a person: what differs in a way that matters, what a judge flipped on, the sample."""
    labels = Labels(store)
    waiting = {item_id("shadow", one.turn_id): one for one in labels.shadows_waiting(most)}
    order = places((name, bool(one.flipped) or one.verdict in (None, "tie")) for name, one in waiting.items())
    words = {"same": "same", "shipped_better": "a", "shadow_better": "b", "tie": "tie"}
    items = tuple(
        Item(
            id=name,
            kind="pair",
            origin="shadow",
            metric=PREFERENCE,
            version="",
            question=WHICH,
            added_at_us=at_us,
            turn_id=one.turn_id,
            conversation_id=one.conversation_id,
            place=order[name],
        )
        for name, one in waiting.items()
    )
    said = tuple(
        Judgement(name, one.judge, "shadow", PREFERENCE, words.get(one.verdict or "", "unknown"), at_us, one.flipped)
        for name, one in waiting.items()
        if one.judge
    )
    return Found(items, said)


def turn_items(store: Store, at_us: int, terms: TurnTerms) -> Found:
    """Return turns of the store, each with its shipped reply, as items to pass or fail; two of three unconfident ones."""
    rows = [
        row for row in store.turns(TurnFilter(since_us=terms.since_us, status="ok"), terms.last) if row.status == "ok"
    ]
    known = sorted(row.confidence for row in rows if row.confidence is not None)
    low = known[len(known) // 5] if known else None
    ids = {row.id: item_id("turn", row.id, terms.metric, terms.version) for row in rows}
    # What stands for a judge's metric must be a random sample; a question of its own may look at the doubtful ones first.
    if terms.metric.startswith(("scorecard:", "criterion:")):
        low = None
    unsure = {row.id: low is not None and row.confidence is not None and row.confidence <= low for row in rows}
    order = places((ids[row.id], unsure[row.id]) for row in rows)
    items = (
        Item(
            id=ids[row.id],
            kind="reply",
            origin="turn",
            metric=terms.metric,
            version=terms.version,
            question=terms.question,
            added_at_us=at_us,
            turn_id=row.id,
            conversation_id=row.conversation_id,
            place=order[ids[row.id]],
        )
        for row in rows
    )
    kept = sorted(items, key=lambda item: (item.place, item.id))[: terms.most]
    return Found(tuple(kept), tuple(graded_as_judgements(store, kept, at_us)))


class TurnTerms(msgspec.Struct, frozen=True):
    """Which turns are to be labelled, and for what."""

    metric: str
    version: str
    question: str
    since_us: int | None = None
    last: int = 1000
    most: int = MOST


def graded_as_judgements(store: Store, items: Iterable[Item], at_us: int) -> Iterator[Judgement]:
    """Yield what judges have said of the same turns by the same metric."""
    from pointsman.store.grades import grades_of

    for item in items:
        for grade in grades_of(store, item.turn_id or ""):
            if grade.source == "judge" and grade.subject == "shipped" and grade.metric == item.metric:
                verdict = "unknown" if grade.passed is None else "pass" if grade.passed else "fail"
                yield Judgement(item.id, grade.author, grade.version, item.metric, verdict, at_us)
