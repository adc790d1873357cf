"""One call that two packages watched, such as a provider's own library and an instrumentation around it, is one turn.

Told by one span lying in the other, or by the same id of the reply in the same trace. The span with the words is taken, and what
only the others know (cached tokens, the reason of the end) is added to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from pointsman.monitoring.otlp.wire import Received

_WORDS: Final = ("gen_ai.input.messages", "gen_ai.prompt.", "llm.input_messages.")
_REPLY: Final = "gen_ai.response.id"


def each_once(calls: Sequence[Received]) -> list[Received]:
    """Return the calls of one request, each once, in the order they came."""
    groups: dict[int, list[Received]] = {}
    for n, of in enumerate(_groups(calls)):
        groups.setdefault(of, []).append(calls[n])
    return [group[0] if len(group) == 1 else _merged(group) for group in groups.values()]


def _groups(calls: Sequence[Received]) -> list[int]:
    """Return for each call the place of the first one that is the same call."""
    first = list(range(len(calls)))

    def root(n: int) -> int:
        while first[n] != n:
            n = first[n]
        return n

    def join(a: int, b: int) -> None:
        low, high = sorted((root(a), root(b)))
        first[high] = low

    spans = {(span.trace_id, span.span_id): n for n, span in enumerate(calls)}
    replies: dict[tuple[str, str], int] = {}
    for n, span in enumerate(calls):
        around = spans.get((span.trace_id, span.parent_id or ""))
        if around is not None:
            join(n, around)
        reply = span.attributes.get(_REPLY)
        if isinstance(reply, str) and reply:
            join(n, replies.setdefault((span.trace_id, reply), n))
    return [root(n) for n in range(len(calls))]


def _merged(group: list[Received]) -> Received:
    """Return one call for several; of those with words, or without any, the inner one: it knows best how long it took."""
    parents = {span.parent_id for span in group}
    best = min(group, key=lambda span: (not _has_words(span), span.span_id in parents))
    attributes = dict(best.attributes)
    for span in group:
        attributes = {**span.attributes, **attributes}
    return msgspec.structs.replace(best, attributes=attributes, parent_id=_outside(group, best))


def _outside(group: list[Received], best: Received) -> str | None:
    """Return the span that is around all of the group."""
    own = {span.span_id for span in group}
    return next((span.parent_id for span in group if span.parent_id not in own), best.parent_id)


def _has_words(span: Received) -> bool:
    return bool(span.events) or any(name.startswith(_WORDS) for name in span.attributes)
