"""What people say of replies: items in a queue, labels on them, and what judges said of the same items."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from pointsman.store.bodies import Codec
from pointsman.store.money import from_pico, to_pico
from pointsman.store.reading import mappings
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

Kind = Literal["pair", "reply"]
PREFERENCE = "preference"
"""The metric of items that compare two replies."""

VALUES: dict[Kind, tuple[str, ...]] = {"pair": ("a", "b", "same", "skip"), "reply": ("pass", "fail", "skip")}
"""What can be said of an item. ``skip``: it cannot be said; it counts for nothing but that it was looked at."""


class Item(msgspec.Struct, frozen=True):
    """What a person is shown. ``content`` is None where it is read from the turn. ``place``: smaller comes first."""

    id: str
    kind: Kind
    origin: Literal["run", "shadow", "turn", "import"]
    metric: str
    version: str
    question: str
    added_at_us: int
    turn_id: str | None = None
    conversation_id: str | None = None
    content: bytes | None = None
    place: float = 0.0


class Label(msgspec.Struct, frozen=True):
    """What one person said of one item. ``swapped``: reply b was shown first."""

    item_id: str
    labeller: str
    value: str
    at_us: int
    swapped: bool = False
    note: str = ""


class Judgement(msgspec.Struct, frozen=True):
    """What one judge said of one item; ``flipped`` None: not a pair, or unknown."""

    item_id: str
    judge: str
    version: str
    metric: str
    verdict: str
    at_us: int
    flipped: bool | None = None
    reason: str = ""
    cost_usd: Decimal | None = None


class JudgeKey(msgspec.Struct, frozen=True):
    """A judge in one version on one metric, with how much it judged."""

    judge: str
    version: str
    metric: str
    n: int


class Waiting(msgspec.Struct, frozen=True):
    """A turn whose shadow reply a person should look at."""

    turn_id: str
    conversation_id: str
    verdict: str | None
    flipped: bool | None
    judge: str | None


def item_id(*shown: bytes | str) -> str:
    """Return the id of what is shown."""
    digest = hashlib.blake2b(digest_size=12)
    for part in shown:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def shown_swapped(item: str, labeller: str) -> bool:
    """Return whether this labeller sees reply b first: by chance, and the same each time the item comes up."""
    return hashlib.blake2b(f"{item}\x00{labeller}".encode(), digest_size=1).digest()[0] % 2 == 1


class Labels:
    """Reads and writes the review queue of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queries = load_queries("labels")

    def add(self, items: Iterable[Item], judgements: Iterable[Judgement] = ()) -> int:
        """Put items into the queue, those that stand there already left as they are; return how many are new."""
        kept, said = list(items), list(judgements)
        return self._store.write_sync(lambda connection: self._add(connection, kept, said))

    async def add_soon(self, items: Iterable[Item], judgements: Iterable[Judgement] = ()) -> int:
        """As ``add``, from an event loop."""
        kept, said = list(items), list(judgements)
        return await self._store.write(lambda connection: self._add(connection, kept, said))

    def _add(self, connection: sqlite3.Connection, items: Sequence[Item], said: Sequence[Judgement]) -> int:
        codec = Codec()
        new = 0
        for one in items:
            content = None if one.content is None else codec.pack(one.content)
            row = (
                *(one.id, one.kind, one.origin, one.metric, one.version, one.question, one.turn_id),
                *(one.conversation_id, content, one.place, one.added_at_us),
            )
            new += connection.execute(self._queries["add_item"], row).rowcount
        connection.executemany(self._queries["put_judgement"], [_judgement_row(one) for one in said])
        return new

    def say(self, label: Label) -> None:
        """Keep a label; a later one of the same labeller takes its place."""
        self._store.write_sync(lambda connection: put_label(connection, label))

    def queue(
        self, labeller: str, *, kind: Kind | None = None, metric: str | None = None, limit: int = 20
    ) -> list[Item]:
        """Return what this labeller should look at next, the most telling first."""
        values = {"labeller": labeller, "kind": kind, "metric": metric, "limit": limit}
        with self._store.reading() as connection:
            rows = mappings(connection.execute(self._queries["queue"], values))
        return [_item(row) for row in rows]

    def waiting(self) -> int:
        """Return how many items nobody has labelled."""
        with self._store.reading() as connection:
            return int(connection.execute(self._queries["waiting"]).fetchone()[0])

    def item(self, item: str) -> Item | None:
        """Return an item by its id."""
        with self._store.reading() as connection:
            rows = mappings(connection.execute(self._queries["item"], (item,)))
        return _item(rows[0]) if rows else None

    def items(self) -> list[Item]:
        """Return all items, in the order of the queue."""
        with self._store.reading() as connection:
            return [_item(row) for row in mappings(connection.execute(self._queries["all_items"]))]

    def labels(self, metric: str | None = None) -> list[Label]:
        """Return all labels, oldest first."""
        with self._store.reading() as connection:
            rows = mappings(connection.execute(self._queries["labels"], {"metric": metric}))
        names = Label.__struct_fields__
        return [
            Label(**{name: row[name] for name in names if name != "swapped"}, swapped=bool(row["swapped"]))
            for row in rows
        ]

    def labellers(self) -> list[tuple[str, int, int]]:
        """Return who labelled: name, items looked at, items not skipped."""
        with self._store.reading() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(self._queries["labellers"])]

    def judges(self) -> list[JudgeKey]:
        """Return the judges that have judged, the one that did last first."""
        with self._store.reading() as connection:
            return [JudgeKey(*row) for row in connection.execute(self._queries["judges"])]

    def judgements(self, judge: str, version: str, metric: str = PREFERENCE) -> list[Judgement]:
        """Return everything one judge said of one metric."""
        with self._store.reading() as connection:
            rows = mappings(connection.execute(self._queries["judgements"], (judge, version, metric)))
        return [_judgement(row) for row in rows]

    def judgements_of(self, item: str) -> list[Judgement]:
        """Return what judges said of an item, the newest first."""
        with self._store.reading() as connection:
            return [_judgement(row) for row in mappings(connection.execute(self._queries["judgements_of"], (item,)))]

    def shadows_waiting(self, limit: int = 200) -> list[Waiting]:
        """Return turns whose shadow reply differs in a way that matters or could not be decided, and is not in the queue."""
        with self._store.reading() as connection:
            rows = mappings(connection.execute(self._queries["review_turns"], (limit,)))
        return [
            Waiting(
                row["turn_id"],
                row["conversation_id"],
                row["verdict"],
                None if row["flipped"] is None else bool(row["flipped"]),
                row["judge"],
            )
            for row in rows
        ]

    def shadow_reply(self, turn_id: str) -> tuple[str | None, bytes] | None:
        """Return the stronger model's id and its reply to a turn, as JSON; None where there is none."""
        with self._store.reading() as connection:
            row = connection.execute(self._queries["shadow_reply"], (turn_id,)).fetchone()
        return None if row is None or row[1] is None else (row[0], Codec().unpack(row[1]))


def put_label(connection: sqlite3.Connection, label: Label) -> None:
    """Keep a label; for use inside a ``Store.write`` job."""
    row = (label.item_id, label.labeller, label.value, int(label.swapped), label.note, label.at_us)
    connection.execute(load_queries("labels")["put_label"], row)


def forget_conversation(connection: sqlite3.Connection, conversation_id: str) -> None:
    """Remove what labels, judgements and grades hold of a conversation; for use inside a ``Store.write`` job."""
    queries = load_queries("labels")
    for part in ("labels", "judgements", "items"):
        connection.execute(queries[f"forget_conversation_{part}"], {"conversation": conversation_id})
    connection.execute(load_queries("grades")["forget_grades"], (conversation_id,))


def _item(row: dict[str, Any]) -> Item:
    content = None if row["content"] is None else Codec().unpack(row["content"])
    return Item(**(row | {"content": content}))


def _judgement_row(one: Judgement) -> tuple[Any, ...]:
    flipped = None if one.flipped is None else int(one.flipped)
    return (
        *(one.item_id, one.judge, one.version, one.metric, one.verdict, flipped),
        *(one.reason, to_pico(one.cost_usd), one.at_us),
    )


def _judgement(row: dict[str, Any]) -> Judgement:
    return Judgement(
        item_id=row["item_id"],
        judge=row["judge"],
        version=row["version"],
        metric=row["metric"],
        verdict=row["verdict"],
        at_us=row["at_us"],
        flipped=None if row["flipped"] is None else bool(row["flipped"]),
        reason=row["reason"],
        cost_usd=from_pico(row["cost_pico"]),
    )
