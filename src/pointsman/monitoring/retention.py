"""Keeping the policy's word on how long turns are kept."""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.forgetting import erase_columns
from pointsman.routing.sections_retention import Retention
from pointsman.store import Store
from pointsman.store.erasing import Doomed, erase, scrub, with_bodies
from pointsman.store.retaining import count_old, drop_words, old_turns

_DAY_US: Final = 86_400_000_000


class Retained(msgspec.Struct, frozen=True):
    """What left, or would leave: turns whose words went (with how many message bodies), and turns that went altogether."""

    silenced: int = 0
    bodies: int = 0
    removed: int = 0


def retain(store: Store, asker: Asker, kept: Retention, *, now_us: int, dry_run: bool = False) -> Retained:
    """Let what is older than the policy says leave the store and the columns.

    Raises:
        StoreError: a file cannot be read or written; the next run goes on.
    """
    words = None if kept.bodies_days is None else now_us - int(kept.bodies_days * _DAY_US)
    all_of_it = None if kept.metrics_days is None else now_us - int(kept.metrics_days * _DAY_US)
    if dry_run:
        removed = 0 if all_of_it is None else count_old(store, all_of_it, spoken=False)
        return Retained(0 if words is None else count_old(store, words, spoken=True), 0, removed)
    removed = 0 if all_of_it is None else _remove(store, asker, all_of_it)
    silenced, bodies = (0, 0) if words is None else drop_words(store, words)
    if silenced or removed:
        scrub(store)
    return Retained(silenced, bodies, removed)


def _remove(store: Store, asker: Asker, before_us: int) -> int:
    removed = 0
    while some := old_turns(store, before_us, spoken=False):
        asker.fold()  # a turn must be in the columns before it leaves the store, or it would stay out of step
        doomed = with_bodies(store, Doomed(tuple(some), _ended(store, some)))
        store.write_sync(lambda connection, doomed=doomed: erase(connection, doomed))  # type: ignore[misc]
        erase_columns(store, asker, doomed)
        removed += len(some)
    return removed


def _ended(store: Store, turns: list[tuple[int, str]]) -> tuple[tuple[str, str], ...]:
    """Return the conversations that have no turn beside these."""
    leaving = {seq for seq, _ in turns}
    found: dict[tuple[str, str], bool] = {}
    with store.reading() as connection:
        for seq, _ in turns:
            row = connection.execute(
                "SELECT conversation_id, coalesce(key_id, '') FROM turn WHERE seq = ?", (seq,)
            ).fetchone()
            if row is None or (row[0], row[1]) in found:
                continue
            others = connection.execute(
                "SELECT seq FROM turn WHERE conversation_id = ? AND coalesce(key_id, '') = ?", (row[0], row[1])
            )
            found[row[0], row[1]] = all(other[0] in leaving for other in others)
    return tuple(place for place, whole in found.items() if whole)
