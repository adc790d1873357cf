"""Finds what was answered worse: replies that broke their contract, and other answers to the very same request."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from pointsman.domain.message import Message, Text
from pointsman.learning.distill_sample import Sample
from pointsman.store.rejections import RejectionFilter, list_rejections
from pointsman.store.store import Store

_ANSWERS = ("reply", "answer")
_MOST = 8
"""Worse answers to one request: more of them would only teach the same."""


class Worse(msgspec.Struct, frozen=True):
    """An answer to the same request that was worse: the message, whose it was, and the word that says why."""

    message: Message
    model: str
    why: str


class Worsts:
    """What was answered to each request, in a temporary file. Fill it with every turn, then ask for one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = tempfile.TemporaryDirectory(prefix="pointsman-pairs-")
        self._db = sqlite3.connect(Path(self._folder.name) / "pairs.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE answer (asked BLOB, n INTEGER, turn TEXT, model TEXT, why TEXT, said BLOB, PRIMARY KEY (asked, n))",
        ):
            self._db.execute(statement)
        self._n = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def take(self, sample: Sample, why: str) -> None:
        """Keep an answer that is worse than a strong model's good one; ``why`` says in which way."""
        self._n += 1
        row = (_asked(sample), self._n, sample.record.id, sample.model, why, msgspec.json.encode(sample.said))
        self._db.execute("INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)", row)

    def than(self, sample: Sample) -> Iterator[Worse]:
        """Yield what was answered worse than ``sample``, rejected replies of its own turn first."""
        good = sample.said
        found = RejectionFilter(turn_id=sample.record.id, outcome="rejected")
        for one in reversed(list_rejections(self._store, found, _MOST)):
            if one.raw.strip() and one.raw != good.text and one.purpose in _ANSWERS:
                yield Worse(Message("assistant", (Text(one.raw),)), one.model, f"contract:{','.join(one.kinds)}")
        query = "SELECT said, model, why FROM answer WHERE asked = ? AND turn != ? ORDER BY n LIMIT ?"
        for said, model, why in self._db.execute(query, (_asked(sample), sample.record.id, _MOST)).fetchall():
            message = msgspec.json.decode(said, type=Message)
            if message.parts and message != good:
                yield Worse(message, model, why)


def _asked(sample: Sample) -> bytes:
    turn = sample.turn
    asked = msgspec.json.encode((turn.messages, turn.tools, turn.output_format), order="deterministic")
    return hashlib.blake2b(asked, digest_size=16).digest()
