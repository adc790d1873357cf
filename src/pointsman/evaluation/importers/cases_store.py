"""The turns of our own store as cases: each with the results its calls got later, tagged with what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from pointsman.domain.chat_json import messages_from_openai, tools_from_openai
from pointsman.domain.message import Message, Tool, ToolCall, ToolResult
from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, RequestError
from pointsman.evaluation.cases import Case, Taped
from pointsman.evaluation.importers.anthropic_rows import messages_from_anthropic, tools_from_anthropic
from pointsman.evaluation.importers.case_seam import Found
from pointsman.evaluation.importers.case_source import Read
from pointsman.evaluation.importers.cases_requests import request_wishes
from pointsman.evaluation.importers.turn_cases import answered_calls, arguments_of, gold_of_message, shipped_of
from pointsman.store import Store, TurnFilter
from pointsman.store.outcomes import Outcomes
from pointsman.store.rejections import RejectionFilter, list_rejections

_LOW_RATING = 2
_MOST = 1_000_000
Results = dict[tuple[str, str, str], ToolResult]
"""Results by id, name and arguments of their call."""

_REPLY = msgspec.json.Decoder(Reply)


def store_rows(store: Store, since_us: int | None, *, recorded_gold: bool = False) -> Iterator[Read]:
    """Yield a case for every answered turn of the store, oldest first.

    A conversation is read when its first turn comes up: what is held at a time is one conversation.
    """
    chosen = TurnFilter(since_us=since_us)
    rows = store.turns(chosen, _MOST)
    conversations: dict[tuple[str, str | None], list[str]] = {}
    for row in reversed(rows):
        if row.status in ("ok", "broken"):
            conversations.setdefault((row.conversation_id, row.key_id), []).append(row.id)
    for ids in conversations.values():
        yield from _conversation(store, ids, recorded_gold=recorded_gold)


def _conversation(store: Store, ids: list[str], *, recorded_gold: bool) -> Iterator[Read]:
    read: list[tuple[TurnRecord, Turn]] = []
    results: Results = {}
    for turn_id in ids:
        try:
            record = store.turn(turn_id)
            if record is None:
                continue
            turn = turn_of(record)
        except (PointsmanError, msgspec.DecodeError) as error:
            yield Read(f"turn {turn_id}", problem=str(error)[:200])
            continue
        read.append((record, turn))
        results |= {(call.id, call.name, call.arguments): result for call, result in answered_calls(turn.messages)}
    for record, turn in read:
        try:
            found = _found(store, record, turn, results, recorded_gold=recorded_gold)
        except (PointsmanError, msgspec.DecodeError) as error:
            yield Read(f"turn {record.id}", problem=str(error)[:200])
            continue
        yield Read(f"turn {record.id}", "store", (found,))


def _found(store: Store, record: TurnRecord, turn: Turn, results: Results, *, recorded_gold: bool) -> Found:
    reply = _REPLY.decode(record.reply) if record.reply else None
    message = None if reply is None else Message("assistant", reply.parts)
    calls = () if reply is None else reply.tool_calls
    case = Case(
        id=record.id,
        conversation_id=record.conversation_id,
        source="store",
        turn=turn,
        gold=gold_of_message(message) if message is not None and recorded_gold and record.status == "ok" else None,
        tape=tuple(_taped(calls, results)),
        tags=_tags(store, record),
    )
    if message is None:
        return Found(case)
    model = record.steps[-1].model if record.steps else record.decision.model
    shipped = shipped_of(
        case,
        message,
        model=model,
        usage=record.usage,
        cost_usd=record.cost_usd,
        ttft_ms=record.ttft_ms,
        latency_ms=record.duration_ms,
    )
    return Found(case, shipped)


def _taped(calls: tuple[ToolCall, ...], results: Results) -> Iterator[Taped]:
    for call in calls:
        arguments = arguments_of(call)
        result = results.get((call.id, call.name, call.arguments))
        if result is not None and arguments is not None:
            yield Taped(call.name, arguments, result)


def _tags(store: Store, record: TurnRecord) -> dict[str, str]:
    """Return what a case is chosen by: route, intent, tier, model, channel, and whether somebody or a contract complained."""
    decision = record.decision
    tags = {"route": decision.route, "tier": decision.tier, "model": decision.model, "channel": record.channel}
    if decision.intent:
        tags["intent"] = decision.intent
    rejected = list_rejections(store, RejectionFilter(turn_id=record.id), 1)
    if rejected:
        tags["rejected"] = ",".join(rejected[0].kinds) or "yes"
    bad = next(
        (
            one
            for one in Outcomes(store).feedback(record.id)
            if one.thumb == "down" or (one.rating is not None and one.rating <= _LOW_RATING)
        ),
        None,
    )
    if bad is not None:
        tags["feedback"] = bad.label or "bad"
    return tags


def turn_of(record: TurnRecord) -> Turn:
    """Return the turn as it was asked, read from the bodies that were kept, in whichever dialect.

    Raises:
        RequestError: the bodies were not kept, or cannot be read.
    """
    parts: dict[str, list[Any]] = {}
    for name, raw in record.request:
        parts.setdefault(name, []).append(msgspec.json.decode(raw))
    if "message" not in parts:
        raise RequestError("the messages of this turn were not kept (deleted, or bodies are not stored)")
    params = parts.get("params", [{}])[0]
    tools = parts.get("tools", [None])[0]
    wishes = request_wishes(params if isinstance(params, dict) else {}, record.dialect)
    neutral = all(isinstance(one, dict) and "parts" in one for one in parts["message"])
    if neutral:
        messages = tuple(msgspec.convert(one, Message) for one in parts["message"])
        known = tuple(msgspec.convert(one, Tool) for one in tools or ())
    elif record.dialect == "anthropic":
        messages = messages_from_anthropic(parts["message"], parts.get("system", [None])[0])
        known = tools_from_anthropic(tools)
    else:
        messages = messages_from_openai(parts["message"])
        known = tools_from_openai(tools or [])
    return msgspec.structs.replace(wishes, messages=messages, tools=known, channel=record.channel)
