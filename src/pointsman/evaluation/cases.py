"""A case: a captured situation, and what a good answer to it would be."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from pointsman.domain.message import JsonObject, Message, ToolResult
from pointsman.domain.turn import Turn

GoldKind = Literal["calls", "no_call", "reply"]


class GoldCall(msgspec.Struct, frozen=True):
    """A tool call that is right. ``arguments`` gives the allowed values of each argument; ``optional`` may be left out.

    ``writes`` tells whether the tool changes something; None: not known.
    """

    name: str
    arguments: dict[str, tuple[Any, ...]]
    optional: frozenset[str] = frozenset()
    writes: bool | None = None


class Gold(msgspec.Struct, frozen=True):
    """What a good answer is: the calls to make (in any order), none at all, or a reference reply.

    ``must_mention`` and ``forbidden`` are phrases for the text. ``oracle`` keeps what a benchmark's own checker wants.
    """

    kind: GoldKind
    calls: tuple[GoldCall, ...] = ()
    reply: str = ""
    must_mention: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    oracle: JsonObject | None = None


class Taped(msgspec.Struct, frozen=True):
    """A tool call that was made in the captured conversation, and what the tool returned."""

    name: str
    arguments: JsonObject
    result: ToolResult


class Check(msgspec.Struct, frozen=True):
    """SQL to ask a world after the run, and the rows it must return, in order."""

    sql: str
    rows: tuple[tuple[Any, ...], ...]


class World(msgspec.Struct, frozen=True):
    """What tools act on: an SQLite database, from ``file`` (in the case file's folder), ``sql``, or both in this order.

    The state after the run is right when every one of ``checks`` holds; without checks, when it is what the gold calls leave
    behind. ``ignore`` names tables and columns (``table.column``) that do not count: times of changes, logs.
    """

    sql: str = ""
    file: str = ""
    checks: tuple[Check, ...] = ()
    ignore: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True):
    """One situation: the turn up to where an answer was due, what a good one is (None: not known), and the tool results.

    ``conversation_id`` groups cases that are not independent of each other. ``tags`` are for filters and slices. ``customer``
    is what the customer said later in the conversation, for a replay that runs freely to its end, ``world`` what it acts on.
    """

    id: str
    conversation_id: str
    source: str
    turn: Turn
    gold: Gold | None = None
    tape: tuple[Taped, ...] = ()
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    customer: tuple[Message, ...] = ()
    world: World | None = None

    @property
    def content(self) -> bytes:
        """The hash of what a model is shown (the turn, and the tape that answers its calls): 16 bytes."""
        shown = msgspec.json.encode((self.turn, self.tape, self.customer), order="deterministic")
        if self.world is not None:
            shown += msgspec.json.encode((self.world.sql, self.world.file))
        return hashlib.blake2b(shown, digest_size=16).digest()


class CaseVersion:
    """The version of a set of cases, taken one at a time: a hash of what they hold, whatever their order.

    Sums of hashes instead of a hash of sorted hashes: a million cases need no memory. (A sum can be forged by who sets out to;
    this tells sets apart, it guards nothing.)
    """

    def __init__(self) -> None:
        self._sum = 0
        self.cases = 0

    def add(self, case: Case) -> None:
        """Take one case."""
        encoded = msgspec.json.encode(case, order="deterministic")
        # Sets that were made before cases had worlds keep their versions.
        encoded = encoded.replace(b',"world":null}', b"}") if case.world is None else encoded
        self._sum += int.from_bytes(hashlib.sha256(encoded).digest(), "big")
        self.cases += 1

    @property
    def text(self) -> str:
        """12 hex digits of the content."""
        total = self._sum.to_bytes(48, "big") + self.cases.to_bytes(8, "big")
        return hashlib.sha256(total).hexdigest()[:12]
