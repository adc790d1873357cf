"""BFCL: single turns with tools, and the calls that are right. Parquet or JSONL rows.

A row has ``case_id``, ``category``, ``messages`` and ``tools`` in OpenAI's words, ``tools_raw`` as the leaderboard's checker
wants them, ``gold_kind`` (ast, exec, no_call) and ``gold``; objects may stand as JSON text. Cases whose gold is a result of
running code (``exec``) are read without gold. Data: ShishirPatil/gorilla, Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pointsman.domain.chat_json import messages_from_openai, tools_from_openai
from pointsman.domain.message import JsonObject
from pointsman.domain.turn import Turn
from pointsman.errors import RequestError
from pointsman.evaluation.cases import Case, Gold
from pointsman.evaluation.grading_bfcl import gold_calls, oracle_of
from pointsman.evaluation.importers.case_seam import Found, Wanted
from pointsman.evaluation.importers.seam import Row


class BfclCases:
    """Reads rows with ``gold_kind`` and ``tools_raw``."""

    name = "bfcl"

    def recognises(self, row: Row) -> bool:
        """Tell by the fields no other format has."""
        return "case_id" in row and "gold_kind" in row

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - the same for every row
        """Name no other file."""
        return {}

    def read(self, row: Row, wanted: Wanted) -> list[Found]:  # noqa: ARG002 - the rows bring everything
        """Read one case."""
        key, category = row.get("case_id"), str(row.get("category", ""))
        if not isinstance(key, str) or not key:
            raise RequestError("case_id is missing", param="case_id")
        messages = messages_from_openai(_data(row, "messages"))
        if not messages:
            raise RequestError("messages is empty", param="messages")
        case = Case(
            id=key,
            conversation_id=key,
            source=self.name,
            turn=Turn(messages=messages, tools=tools_from_openai(_data(row, "tools") or [])),
            gold=_gold(row, category),
            tags={"category": category, "language": str(row.get("language", "python"))}
            | {name: str(row[name]).lower() for name in ("core", "tool_group") if row.get(name) is not None},
        )
        return [Found(case)]


def _gold(row: Row, category: str) -> Gold | None:
    kind = row.get("gold_kind")
    language = str(row.get("language", "python"))
    functions = _data(row, "tools_raw") or []
    if not isinstance(functions, list):
        raise RequestError("tools_raw must be a list", param="tools_raw")
    if kind == "no_call":
        return Gold("no_call", oracle=oracle_of(category, language, functions, None))
    if kind != "ast":
        return None
    gold = _data(row, "gold")
    if not isinstance(gold, dict | list):
        raise RequestError("gold must be an object of calls, or a list of them", param="gold")
    oracle = oracle_of(category, language, functions, gold)
    _check(oracle)
    # The data set holds a row in which an argument slipped out among the calls: the checker is told of it, we are not.
    calls = gold_calls(oracle)
    if not calls:
        raise RequestError("gold names no call", param="gold")
    return Gold("calls", calls=calls, oracle=oracle)


def _check(oracle: JsonObject) -> None:
    answers = oracle.get("answers")
    if not isinstance(answers, Sequence) or not all(isinstance(one, dict) and len(one) == 1 for one in answers):
        raise RequestError("gold must name one call each", param="gold")
    for answer in answers:
        allowed = next(iter(answer.values()))
        if isinstance(allowed, dict) and not all(isinstance(values, list) for values in allowed.values()):
            raise RequestError("gold must give a list of allowed values for each argument", param="gold")


def _data(row: Row, name: str) -> Any:
    value = row.get(name)
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError(f"{name} is not JSON: {error}"[:200], param=name) from None
