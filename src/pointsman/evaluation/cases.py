"""A case: a captured situation, and what a good answer to it would be."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from pointsman.domain.message import JsonObject, ToolResult
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


class Case(msgspec.Struct, frozen=True):
    """One situation: the turn up to where an answer was due, what a good one is (None: not known), and the tool results.

    ``conversation_id`` groups cases that are not independent of each other. ``tags`` are for filters and slices.
    """

    id: str
    conversation_id: str
    source: str
    turn: Turn
    gold: Gold | None = None
    tape: tuple[Taped, ...] = ()
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class CaseSet(msgspec.Struct, frozen=True):
    """Cases under a name. The version is a hash of what they hold, whatever their order."""

    name: str
    cases: tuple[Case, ...]

    @property
    def version(self) -> str:
        """12 hex digits of the content."""
        digest = hashlib.sha256()
        for encoded in sorted(msgspec.json.encode(case, order="deterministic") for case in self.cases):
            digest.update(hashlib.sha256(encoded).digest())
        return digest.hexdigest()[:12]
