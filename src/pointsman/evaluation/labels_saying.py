"""What follows from a label: it is kept, and what it says of a turn stands beside what graders and judges say of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from pointsman.domain.message import Text
from pointsman.errors import RequestError
from pointsman.store import Store
from pointsman.store.grades import TurnGrade, put_grades
from pointsman.store.labels import VALUES, Item, Label, Labels, put_label, shown_swapped
from pointsman.store.outcomes import Feedback, Outcomes, Sender

_LONGEST_NOTE = 2000
_LONGEST_NAME = 80


class Said(msgspec.Struct, frozen=True):
    """What a labeller says of an item. ``value`` is of a and b as they are, not as they were shown.

    ``route`` and ``intent``: what would have been right, for turns.
    """

    value: str
    note: str = ""
    route: str | None = None
    intent: str | None = None


def as_shown(item: Item, labeller: str, key: str) -> str:
    """Return the value of a choice by place ("first", "second", or any other value as it is), for this labeller's order."""
    swapped = item.kind == "pair" and shown_swapped(item.id, labeller)
    return {"first": "b" if swapped else "a", "second": "a" if swapped else "b", "tie": "same"}.get(key, key)


def label_of(item: Item, labeller: str, said: Said, at_us: int) -> Label:
    """Return the label.

    Raises:
        RequestError: nothing of the kind can be said of this item, or the labeller has no name.
    """
    if said.value not in VALUES[item.kind]:
        raise RequestError(
            f"{said.value[:40]!r} cannot be said of a {item.kind}: {', '.join(VALUES[item.kind])}", param="value"
        )
    name = labeller.strip()
    if not name or len(name) > _LONGEST_NAME:
        raise RequestError(f"a labeller needs a name of 1 to {_LONGEST_NAME} characters", param="labeller")
    swapped = item.kind == "pair" and shown_swapped(item.id, name)
    return Label(item.id, name, said.value, at_us, swapped, said.note[:_LONGEST_NOTE])


async def say(store: Store, item: Item, label: Label, said: Said) -> None:
    """Keep a label and what follows from it, in one transaction; a right route or intent goes to the turn's feedback.

    Raises:
        StoreError: it cannot be written.
    """
    await store.write(lambda connection: _keep(connection, item, label))
    if item.turn_id is not None and (said.route or said.intent):
        await Outcomes(store).give(item.turn_id, _feedback(item, label, said), Sender())


def _keep(connection: sqlite3.Connection, item: Item, label: Label) -> None:
    put_label(connection, label)
    put_grades(connection, _grades(item, label))


def _grades(item: Item, label: Label) -> Iterator[TurnGrade]:
    """Yield what a label says of a stored turn, as a row beside those of graders and judges."""
    if item.turn_id is None or label.value == "skip":
        return
    passed = {"pass": True, "fail": False, "a": True, "b": False, "same": True}[label.value]
    yield TurnGrade(
        turn_id=item.turn_id,
        subject="shipped",
        metric=item.metric,
        version=item.version,
        source="human",
        at_us=label.at_us,
        author=label.labeller,
        score=float(passed),
        passed=passed,
        detail={"value": label.value} | ({"note": label.note} if label.note else {}),
    )


def _feedback(item: Item, label: Label, said: Said) -> Feedback:
    return Feedback(
        id=f"label-{item.id}-{label.labeller}-{label.at_us}",
        at_us=label.at_us,
        source="label",
        label="route" if said.route else "intent",
        comment=said.note[:_LONGEST_NOTE] or None,
        route=said.route,
        intent=said.intent,
    )


def exported(labels: Labels) -> Iterator[dict[str, Any]]:
    """Yield every label with its item, for a file."""
    items = {item.id: item for item in labels.items()}
    for label in labels.labels():
        item = items.get(label.item_id)
        if item is not None:
            row = msgspec.to_builtins(item)
            row["content"] = None if item.content is None else msgspec.json.decode(item.content)
            yield {"item": row, "label": msgspec.to_builtins(label)}


def imported(rows: Iterable[tuple[int, dict[str, Any] | str]]) -> Iterator[tuple[int, Item, Label] | tuple[int, str]]:
    """Yield, for every line of an exported file, its item and label, or what is wrong with it; text among ``rows`` says that."""
    for number, row in rows:
        if isinstance(row, str):
            yield number, row
            continue
        try:
            found = msgspec.convert(row, _Line, strict=False)
            content = None if found.item.get("content") is None else msgspec.json.encode(found.item["content"])
            item = msgspec.convert(found.item | {"content": None}, Item)
            item = msgspec.structs.replace(item, content=content)
            if content is not None:
                _check(content)
            if found.label.value not in VALUES[item.kind] or found.label.item_id != item.id:
                raise ValueError(f"label {found.label.value[:40]!r} does not go with its item")
        except (ValueError, msgspec.MsgspecError) as error:
            yield number, str(error)[:200]
            continue
        yield number, item, found.label


class _Line(msgspec.Struct, frozen=True):
    item: dict[str, Any]
    label: Label


def _check(content: bytes) -> None:
    from pointsman.evaluation.labels_shown import decode_shown

    if not any(type(part) is Text for message in decode_shown(content).messages for part in message.parts):
        raise ValueError("the item shows no text")
