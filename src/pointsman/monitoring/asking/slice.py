"""Which turns a question is about: one filter for the command line, the HTTP API and every page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from pointsman.domain.captured import CAPTURED
from pointsman.errors import RequestError

UNKNOWN: Final = "unknown"
"""How the missing value of a field is written in a filter: ``intent=unknown``."""

Simulated = Literal["both", "yes", "no"]
_KINDS: Final = ("simulated", "captured")

FIELDS: Final = (
    "model",
    "route",
    "tier",
    "agent",
    "tenant",
    "policy",
    "prompt",
    "key",
    "channel",
    "intent",
    "status",
    "reason",
    "conversation",
)
"""Fields of a slice that name values; several of one field are one or the other."""

_DIMENSIONS: Final = {
    **{name: f"turn.{name}" for name in FIELDS},
    "dialect": "turn.dialect",
    "outcome": (
        "(SELECT CASE WHEN o.escalated THEN 'escalated' WHEN o.resolved THEN 'resolved' WHEN NOT o.resolved THEN 'unresolved' END"
        " FROM outcome AS o WHERE o.conv = turn.conv)"
    ),
    "simulated": "CASE WHEN turn.simulated THEN 'yes' ELSE 'no' END",
    "captured": f"CASE WHEN turn.dialect = '{CAPTURED}' THEN 'yes' ELSE 'no' END",
    "error": "turn.error_code",
    "tools": "CASE WHEN turn.tool_calls THEN 'tool calls' WHEN NOT turn.tool_calls THEN 'text' END",
    "retried": "CASE WHEN turn.retried > 0 THEN 'yes' ELSE 'no' END",
    "cache": "CASE WHEN turn.cache_read_tokens > 0 THEN 'hit' WHEN turn.cache_read_tokens = 0 THEN 'miss' END",
    "size": (
        "CASE WHEN turn.answer_prompt < 1000 THEN 'below 1k' WHEN turn.answer_prompt < 4000 THEN '1k to 4k'"
        " WHEN turn.answer_prompt < 16000 THEN '4k to 16k' WHEN turn.answer_prompt IS NOT NULL THEN '16k and more' END"
    ),
}
DIMENSIONS: Final = tuple(_DIMENSIONS)
"""What an answer can be split by. ``size`` is the prompt of the answering call, in tokens."""

By = tuple[str, ...]
Values = tuple[str, ...]


class Slice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which turns. Times are Unix microseconds, ``until_us`` not included; an empty field matches everything.

    ``prompt`` matches turns in which any call was given that version (``role@version``). ``key`` is a client key's id.
    ``captured`` turns did not pass Pointsman, which only read of them: questions about routing leave them out (``routed``).
    """

    since_us: int | None = None
    until_us: int | None = None
    model: Values = ()
    route: Values = ()
    tier: Values = ()
    agent: Values = ()
    tenant: Values = ()
    policy: Values = ()
    prompt: Values = ()
    key: Values = ()
    channel: Values = ()
    intent: Values = ()
    status: Values = ()
    reason: Values = ()
    conversation: Values = ()
    simulated: Simulated = "both"
    captured: Simulated = "both"

    def where(self, table: str = "turn") -> tuple[str, list[Any]]:
        """Return a condition for SQL over ``table`` and its values in order. Values are bound: nothing to inject."""
        clauses = [f"{table}.own IS NULL"]
        values: list[Any] = []
        if self.since_us is not None:
            clauses.append(f"{table}.at_us >= ?")
            values.append(self.since_us)
        if self.until_us is not None:
            clauses.append(f"{table}.at_us < ?")
            values.append(self.until_us)
        if self.simulated != "both":
            clauses.append(f"{table}.simulated" if self.simulated == "yes" else f"NOT {table}.simulated")
        if self.captured != "both":
            clauses.append(f"{table}.dialect {'=' if self.captured == 'yes' else '<>'} '{CAPTURED}'")
        for name in FIELDS:
            chosen: Values = getattr(self, name)
            if chosen:
                clause, bound = _one_of(f"{table}.{name}", chosen, words=name == "prompt")
                clauses.append(clause)
                values += bound
        return " AND ".join(clauses), values

    def before(self) -> Slice | None:
        """Return the same slice over the period of the same length just before; None where no period was chosen."""
        if self.since_us is None or self.until_us is None:
            return None
        return msgspec.structs.replace(self, since_us=2 * self.since_us - self.until_us, until_us=self.since_us)

    def routed(self) -> Slice:
        """Return the turns of this slice that Pointsman routed; captured ones stay where they were asked for by name."""
        return msgspec.structs.replace(self, captured="no") if self.captured == "both" else self

    def only(self, **chosen: str | None) -> Slice:
        """Return this slice narrowed to one value per named field; None is the unknown. For links from a row to its turns."""
        values = {name: (UNKNOWN if value is None else value,) for name, value in chosen.items()}
        return msgspec.structs.replace(self, **values)

    def query(self) -> list[tuple[str, str]]:
        """Return the slice as the pairs of a URL's query; ``from_query`` reads them."""
        pairs = [(name, str(value)) for name in ("since_us", "until_us") if (value := getattr(self, name)) is not None]
        pairs += [(name, value) for name in FIELDS for value in getattr(self, name)]
        return [*pairs, *((name, value) for name in _KINDS if (value := getattr(self, name)) != "both")]

    @classmethod
    def from_query(cls, pairs: Iterable[tuple[str, str]]) -> Slice:
        """Read what ``query`` wrote.

        Raises:
            RequestError: a name is not known, or a value does not fit.
        """
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in FIELDS:
                found[name] = (*found.get(name, ()), value)
            elif name in ("since_us", "until_us"):
                found[name] = _microseconds(name, value)
            elif name in _KINDS:
                if value not in ("both", "yes", "no"):
                    raise RequestError(f"{name}: write yes, no or both", param=name)
                found[name] = value
            else:
                known = ", ".join((*FIELDS, "since_us", "until_us", *_KINDS))
                raise RequestError(f"{name[:60]!r} is no filter; there are {known}", param=name[:60])
        return cls(**found)


EVERYTHING: Final = Slice()


def _microseconds(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):  # noqa: PLR2004 - more would not fit 64 bits
        raise RequestError(f"{name}: Unix time in microseconds is expected, not {value[:40]!r}", param=name)
    return int(value)


def _one_of(column: str, chosen: Values, *, words: bool) -> tuple[str, list[str]]:
    named = [value for value in chosen if value != UNKNOWN]
    clauses = [f"{column} IS NULL"] if UNKNOWN in chosen else []
    bound = list(named)
    if named and words:
        clauses += [f"list_contains(string_split({column}, ' '), ?)"] * len(named)
    elif named:
        clauses.append(f"{column} IN ({', '.join('?' * len(named))})")
    if UNKNOWN in chosen:
        clauses.append(f"{column} = ?")  # a value that is really called so
        bound.append(UNKNOWN)
    return f"({' OR '.join(clauses)})", bound


def dimensions(by: By) -> list[str]:
    """Return the SQL expressions of what an answer is split by.

    Raises:
        RequestError: it cannot be split by that.
    """
    for name in by:
        if name not in _DIMENSIONS:
            raise RequestError(
                f"an answer cannot be split by {name[:60]!r}; it can by {', '.join(DIMENSIONS)}", param="by"
            )
    return [_DIMENSIONS[name] for name in by]
