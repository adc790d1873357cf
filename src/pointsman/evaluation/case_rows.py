"""A case as people write it: messages in OpenAI roles, and what a good answer is in a few plain words.

::

    {"id": "refund-1", "conversation": "c-17", "messages": [...], "tools": [...], "channel": "chat",
     "gold": {"calls": [{"name": "refund_order", "arguments": {"order_id": "A-1"}, "writes": true}]},
     "tape": [{"name": "get_order", "arguments": {"id": "A-1"}, "result": "shipped"}], "tags": {"intent": "refund"},
     "world": {"sql": "CREATE TABLE ...", "checks": [{"sql": "SELECT ...", "rows": [["refunded"]]}], "ignore": ["log"]}}

Only ``messages`` must be there. ``gold`` is one of ``{"calls": [...]}``, ``{"no_call": true}`` and ``{"reply": "..."}``, with
``must_mention`` and ``forbidden`` beside it. A call may give several ``allowed`` values for an argument, and name ``optional``
ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from pointsman.domain.chat_json import messages_from_openai, tools_from_openai
from pointsman.domain.message import Message, Text, ToolResult
from pointsman.domain.turn import Channel, Turn
from pointsman.errors import RequestError
from pointsman.evaluation.cases import Case, Check, Gold, GoldCall, Taped, World


def case_of(row: Mapping[str, Any], source: str = "cases") -> Case:
    """Return the case of one row.

    Raises:
        RequestError: it is none; ``param`` names the field.
    """
    messages = messages_from_openai(row.get("messages"))
    if not messages:
        raise RequestError("messages is empty: there is nothing to answer", param="messages")
    given = row.get("source")
    case = Case(
        id=_word(row, "id"),
        conversation_id=_word(row, "conversation") or _word(row, "conversation_id"),
        source=given if isinstance(given, str) and given else source,
        turn=Turn(
            messages=messages,
            tools=tools_from_openai(row.get("tools") or []),
            channel=channel_of(row.get("channel")),
        ),
        gold=None if row.get("gold") is None else gold_of(row["gold"]),
        tape=tuple(_taped(one, f"tape[{n}]") for n, one in enumerate(_list(row, "tape"))),
        tags=tags_of(row.get("tags")),
        customer=_customer(_list(row, "customer")),
        world=None if row.get("world") is None else _world(row["world"]),
    )
    return with_ids(case)


def with_ids(case: Case) -> Case:
    """Return the case with an id and a conversation, made from its content where it brings none."""
    import msgspec

    key = case.id or f"sha-{case.content.hex()[:12]}"
    return msgspec.structs.replace(case, id=key, conversation_id=case.conversation_id or key)


def channel_of(value: Any) -> Channel:
    """Return a channel; None is chat.

    Raises:
        RequestError: it is none of ours.
    """
    if value is None:
        return "chat"
    if value not in get_args(Channel):
        raise RequestError(f"channel is {str(value)[:40]!r}; known are {', '.join(get_args(Channel))}", param="channel")
    return cast("Channel", value)


def gold_of(data: Any) -> Gold:
    """Return what a good answer is, as a row says it.

    Raises:
        RequestError: it says nothing that can be checked.
    """
    if not isinstance(data, Mapping):
        raise RequestError("gold must be an object with calls, no_call or reply", param="gold")
    mention, forbidden = (_strings(data.get(name), f"gold.{name}") for name in ("must_mention", "forbidden"))
    reply = data.get("reply")
    if "calls" in data and data.get("no_call") is True:
        raise RequestError("gold has both calls and no_call: keep the one that is right", param="gold")
    if "calls" in data:
        calls = tuple(_gold_call(one, f"gold.calls[{n}]") for n, one in enumerate(_list(data, "calls")))
        if not calls:
            raise RequestError('gold.calls is empty: write {"no_call": true} where none is right', param="gold.calls")
        return Gold("calls", calls=calls, must_mention=mention, forbidden=forbidden)
    if data.get("no_call") is True:
        return Gold("no_call", reply=reply if isinstance(reply, str) else "", must_mention=mention, forbidden=forbidden)
    if isinstance(reply, str) or mention or forbidden:
        return Gold("reply", reply=reply if isinstance(reply, str) else "", must_mention=mention, forbidden=forbidden)
    raise RequestError("gold says nothing: it needs calls, no_call or reply", param="gold")


def tags_of(value: Any) -> dict[str, str]:
    """Return tags: text by name; numbers and true/false are written out.

    Raises:
        RequestError: it is not an object of plain values.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RequestError("tags must be an object of names and values", param="tags")
    wrong = next((name for name, one in value.items() if not isinstance(one, str | int | float | bool)), None)
    if wrong is not None:
        raise RequestError(f"tags.{str(wrong)[:40]} must be text", param="tags")
    return {str(name): str(one).lower() if isinstance(one, bool) else str(one) for name, one in value.items()}


def _gold_call(data: Any, where: str) -> GoldCall:
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        raise RequestError(f"{where} must be an object with name and arguments", param=where)
    arguments, allowed = data.get("arguments") or {}, data.get("allowed") or {}
    if not isinstance(arguments, Mapping) or not isinstance(allowed, Mapping):
        raise RequestError(f"{where}.arguments and {where}.allowed must be objects", param=where)
    values = {str(name): (value,) for name, value in arguments.items()}
    for name, several in allowed.items():
        if not isinstance(several, list) or not several:
            raise RequestError(f"{where}.allowed.{name} must be a list of values", param=where)
        values[str(name)] = tuple(several)
    writes = data.get("writes")
    return GoldCall(
        data["name"],
        values,
        optional=frozenset(_strings(data.get("optional"), f"{where}.optional")),
        writes=writes if isinstance(writes, bool) else None,
    )


def _taped(data: Any, where: str) -> Taped:
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        raise RequestError(f"{where} must be an object with name, arguments and result", param=where)
    arguments = data.get("arguments") or {}
    if not isinstance(arguments, Mapping):
        raise RequestError(f"{where}.arguments must be an object", param=where)
    result = data.get("result")
    if not isinstance(result, str):
        import msgspec

        result = msgspec.json.encode(result).decode()
    failed = data.get("is_error") is True
    return Taped(data["name"], dict(arguments), ToolResult("", (Text(result),), data["name"], is_error=failed))


def _customer(said: list[Any]) -> tuple[Message, ...]:
    if not all(isinstance(one, str) for one in said):
        raise RequestError("customer must be a list of texts", param="customer")
    return tuple(Message("user", (Text(one),)) for one in said)


def _world(data: Any) -> World:
    if not isinstance(data, Mapping):
        raise RequestError("world must be an object with sql or file", param="world")
    unknown = next((str(name) for name in data if name not in ("sql", "file", "checks", "ignore")), None)
    if unknown is not None:
        raise RequestError(f"world.{unknown[:40]} is unknown; there are sql, file, checks, ignore", param="world")
    sql, file = data.get("sql", ""), data.get("file", "")
    lines = sql if isinstance(sql, list) else [sql]
    if not all(isinstance(one, str) for one in (*lines, file)) or not (sql or file):
        raise RequestError("world needs sql (text or a list of texts), or file (a name)", param="world")
    checks = tuple(_check(one, f"world.checks[{n}]") for n, one in enumerate(_list(data, "checks")))
    return World("\n".join(lines), file, checks, _strings(data.get("ignore"), "world.ignore"))


def _check(data: Any, where: str) -> Check:
    rows = data.get("rows") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(data.get("sql"), str) or not isinstance(rows, list):
        raise RequestError(f"{where} must be an object with sql and rows", param=where)
    if not all(isinstance(row, list) and all(_plain(value) for value in row) for row in rows):
        raise RequestError(f"{where}.rows must be a list of lists of plain values", param=where)
    return Check(data["sql"], tuple(tuple(row) for row in rows))


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _word(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RequestError(f"{name} must be a list", param=name)
    return value


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise RequestError(f"{where} must be a list of texts", param=where)
    return tuple(value)
