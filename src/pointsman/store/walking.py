"""Goes through the turns of a store in the order they were written, however many there are."""

from __future__ import annotations

from collections.abc import Iterator

from pointsman.store.reading import EVERYTHING, TurnFilter, where
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

_PAGE = 500


def walk_turns(store: Store, chosen: TurnFilter = EVERYTHING) -> Iterator[str]:
    """Yield the ids of the turns that match, oldest write first. What is held at a time is one page of ids.

    Turns written meanwhile are not seen: the walk ends at what was the newest when it began.

    Raises:
        StoreError: the store cannot be read.
    """
    query = load_queries("walking")
    condition, values = where(chosen)
    with store.reading() as connection:
        last = int(connection.execute(query["last_seq"]).fetchone()[0])
    after = 0
    while True:
        bound = {**values, "after": after, "last": last, "page": _PAGE}
        with store.reading() as connection:
            rows = connection.execute(query["page"].format(where=condition), bound).fetchall()
        if not rows:
            return
        yield from (row[1] for row in rows)
        after = int(rows[-1][0])
