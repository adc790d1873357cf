"""``/v1/questions``: everything that ``pointsman report`` and the pages ask, as JSON."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from pointsman.app import Router
from pointsman.errors import Forbidden, RequestError
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.asking.slice import DIMENSIONS, FIELDS, Slice
from pointsman.monitoring.questions.registry import QUESTIONS
from pointsman.server.admin.routes import AdminAnswer, AdminCall
from pointsman.store.keys import at_least

_OF_SLICE: Final = frozenset({*FIELDS, "since_us", "until_us", "simulated", "captured"})
_MOST_PAIRS: Final = 200
_MOST_DIMENSIONS: Final = 4


def asker_of(router: Router) -> Asker:
    """Return who answers questions about a router's store; "all on one tier" means the first model of each tier."""
    tiers = {tier: models[0] for tier in ("flagship", "mid") if (models := router.policy.tiers.models(tier))}
    return Asker(router.store, router.catalog, tiers)


async def list_questions(call: AdminCall, /) -> AdminAnswer:
    """Return every question with what it asks, the filters, and what answers can be split by."""
    _readers_only(call)
    data = [{"name": name, "asks": asks} for name, asks in QUESTIONS.items()]
    return AdminAnswer(msgspec.json.encode({"data": data, "filters": sorted(_OF_SLICE), "by": DIMENSIONS}))


async def ask_question(call: AdminCall, /) -> AdminAnswer:
    """Answer one question: filters and options from the query, ``by`` as names with commas."""
    _readers_only(call)
    chosen, by, options = read_query(call.query)
    asker = asker_of(call.router)
    answer = await asyncio.to_thread(asker.ask, call.args["question"], chosen, by, options)
    return AdminAnswer(msgspec.json.encode({"question": call.args["question"], "by": by, "answer": _plain(answer)}))


def read_query(query: str) -> tuple[Slice, tuple[str, ...], dict[str, str]]:
    """Return slice, dimensions and options of a raw query string.

    Raises:
        RequestError: it cannot be read, or a filter does not fit.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PAIRS, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise RequestError(f"the query cannot be read: at most {_MOST_PAIRS} fields in UTF-8 are expected") from None
    by = tuple(dict.fromkeys(name for key, value in pairs if key == "by" for name in value.split(",") if name))
    if len(by) > _MOST_DIMENSIONS:
        raise RequestError(f"by: at most {_MOST_DIMENSIONS} dimensions at once", param="by")
    chosen = Slice.from_query(pair for pair in pairs if pair[0] in _OF_SLICE)
    options = {key: value for key, value in pairs if key != "by" and key not in _OF_SLICE}
    return chosen, by, options


def _readers_only(call: AdminCall) -> None:
    if call.key is not None and not at_least(call.key.role, "viewer"):
        raise Forbidden("this key only runs turns; a key with the role viewer or more may ask questions")


def _plain(value: Any) -> Any:
    """Return plain data. A rate gets its value and interval, which are worked out and not kept; money is text, exact."""
    if isinstance(value, msgspec.Struct):
        made = {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        for name in ("value", "interval", "few"):
            if name not in made and hasattr(value, name):
                made[name] = _plain(getattr(value, name))
        return made
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
