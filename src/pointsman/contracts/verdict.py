"""What a check of a reply says: released as it stood, released after recorded repairs, or rejected with its kinds."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

Kind = Literal[
    "invalid_json",
    "fenced",
    "wrapped_payload",
    "missing_field",
    "dropped_optional",
    "wrong_type",
    "bad_enum",
    "extra_field",
    "truncated",
    "refusal",
]
"""What was wrong with a reply. The words are stable: stored, reported and alerted on."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Outcome = Literal["ok", "repaired", "rejected"]

_TOLD = 20


class Failure(msgspec.Struct, frozen=True):
    """One thing wrong. ``pointer`` is a JSON pointer into the reply ("" is the whole of it); a missing field has its own."""

    kind: Kind
    pointer: str
    message: str


class Repair(msgspec.Struct, frozen=True):
    """One thing done to the reply's text, and where ("" is the whole of it). Values are never among them."""

    what: str
    pointer: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What became of one reply.

    ``text`` is what may be released: the reply's own text where it was valid as it stood, the mended text where it was
    repaired, and None where it was rejected. ``value`` is that text decoded (None for a rejected reply). ``failures`` holds
    what was wrong with the reply as it came, so a repaired one has some too.
    """

    outcome: Outcome
    contract: str
    version: str
    value: Any = None
    text: str | None = None
    failures: tuple[Failure, ...] = ()
    repairs: tuple[Repair, ...] = ()

    @property
    def ok(self) -> bool:
        """True where the reply may be released."""
        return self.outcome != "rejected"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of the failures, each once, in their order."""
        return tuple(dict.fromkeys(failure.kind for failure in self.failures))


def retry_message(verdict: Verdict) -> str:
    """Return what to tell the model about its rejected reply, for the one retry."""
    if "refusal" in verdict.kinds:
        return (
            "Your last message declined instead of answering in the required format. If the task can be done, answer with the "
            "JSON alone; if it cannot, use the field of the schema that says so."
        )
    lines = ["Your last reply does not satisfy the required JSON Schema. What is wrong:"]
    told = verdict.failures[:_TOLD]
    lines += [f"{number}. {_place(failure)}: {failure.message}" for number, failure in enumerate(told, 1)]
    if len(verdict.failures) > _TOLD:
        lines.append(f"... and {len(verdict.failures) - _TOLD} more of the same sort.")
    if "truncated" in verdict.kinds:
        lines.append("The reply was cut off: answer more briefly, so that the whole JSON fits.")
    lines.append(
        "Send the whole JSON again, corrected: one JSON value, nothing before or after it, no code fence.\n"
        "Keep what was right as it was, and do not invent values."
    )
    return "\n".join(lines)


def _place(failure: Failure) -> str:
    return f"at {failure.pointer}" if failure.pointer else "the reply as a whole"
