"""A row of a file of recorded answers.

``case_id`` and ``model`` name the place; ``repeat`` counts from 1. The answer is one of: ``text`` and ``tool_calls`` (each with
``name`` and ``arguments``); ``reply`` in our own neutral words; or ``raw`` as BFCL's result files write it, with ``native_call``.
Beside it ``error``, ``input_tokens``, ``output_tokens``, ``cost_usd``, ``latency_ms`` (or ``latency_s``) and ``ttft_ms``
may stand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from pointsman.domain.message import Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.usage import Usage
from pointsman.errors import RequestError
from pointsman.evaluation.answers import Answer


def case_of_row(row: Mapping[str, Any]) -> str:
    """Return the case a row answers, "" for none."""
    value = row.get("case_id")
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def model_of_row(row: Mapping[str, Any], usual: str) -> str:
    """Return the model that answered."""
    value = row.get("model")
    return value if isinstance(value, str) and value else usual


def repeat_of_row(row: Mapping[str, Any]) -> int:
    """Return which repeat it is, from 1."""
    value = row.get("repeat")
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else 1


def answer_of(row: Mapping[str, Any]) -> Answer:
    """Return the answer of a row.

    Raises:
        RequestError: it holds none.
        msgspec.ValidationError: a neutral answer that is not one.
    """
    if isinstance(row.get("reply"), dict) or row.get("origin") is not None:
        return msgspec.convert({"origin": "recorded", "model": "", "repeat": 1, **row}, Answer, strict=False)
    base = Answer(
        case_of_row(row),
        model_of_row(row, ""),
        repeat_of_row(row),
        "recorded",
        usage=_usage(row),
        cost_usd=_money(row.get("cost_usd")),
        ttft_ms=_number(row.get("ttft_ms")),
        latency_ms=_latency(row),
    )
    error = row.get("error")
    if row.get("provider_error") is True or (isinstance(error, str) and error):
        said = error if isinstance(error, str) and error else str(row.get("raw") or "provider error")
        return msgspec.structs.replace(base, error=said[:200], usage=None)
    if isinstance(row.get("raw"), str):
        return _raw(base, row["raw"], native=bool(row.get("native_call")))
    if "text" not in row and "tool_calls" not in row:
        raise RequestError("the row holds no answer: it needs text, tool_calls, reply, raw or error")
    parts: list[Text | ToolCall] = [Text(row["text"])] if isinstance(row.get("text"), str) and row["text"] else []
    parts += [_call(one, n) for n, one in enumerate(row.get("tool_calls") or ())]
    return _with(base, parts)


def _raw(base: Answer, raw: str, *, native: bool) -> Answer:
    """Read BFCL's output: native calls as a JSON list of ``{name: arguments}``, anything else as the text it is."""
    if not native:
        return msgspec.structs.replace(base, text_calls=raw)
    try:
        items = json.loads(raw)
    except (ValueError, RecursionError):
        return msgspec.structs.replace(base, text_calls=raw)
    parts: list[Text | ToolCall] = []
    for n, item in enumerate(items if isinstance(items, list) else [items]):
        if isinstance(item, dict):
            parts += [
                ToolCall(f"call_{n}", str(name), value if isinstance(value, str) else json.dumps(value))
                for name, value in item.items()
            ]
        else:
            parts.append(Text(str(item)))
    return _with(base, parts)


def _call(data: Any, place: int) -> ToolCall:
    inner = data.get("function", data) if isinstance(data, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        raise RequestError(f"tool_calls[{place}] must have a name")
    arguments = inner.get("arguments", {})
    return ToolCall(f"call_{place}", inner["name"], arguments if isinstance(arguments, str) else json.dumps(arguments))


def _with(base: Answer, parts: list[Text | ToolCall]) -> Answer:
    called = any(type(part) is ToolCall for part in parts)
    return msgspec.structs.replace(
        base, reply=Reply("", base.model, tuple(parts), "tool_use" if called else "end_turn")
    )


def _usage(row: Mapping[str, Any]) -> Usage | None:
    counts = [row.get(name) for name in ("input_tokens", "output_tokens")]
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts):
        return None
    return Usage(counts[0] or 0, counts[1] or 0)


def _money(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def _latency(row: Mapping[str, Any]) -> float | None:
    found = _number(row.get("latency_ms"))
    if found is None and (seconds := _number(row.get("latency_s"))) is not None:
        return seconds * 1000
    return found


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
