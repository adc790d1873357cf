"""What if turns on one side of a threshold had gone to another tier: the mix, and the bill, of the stored turns.

The answering call is priced anew on the other tier's model: the same prompt and output tokens, no cache (a model that was not
used has nothing cached), its rates of today. What routers, planners and other calls cost stays. Another tokenizer would count a
little differently, and what it does to quality only a replay or shadow checks tell.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal, get_args

import msgspec

from pointsman.catalog.prices import Rates
from pointsman.domain.decision import TIERS, Tier
from pointsman.domain.usage import Usage
from pointsman.errors import RequestError
from pointsman.monitoring.asking.board import Board, Row, usd
from pointsman.monitoring.asking.slice import Slice

Signal = Literal["confidence-below", "confidence-above", "prompt-above", "prompt-below"]
SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)
_CONDITIONS: Final[dict[str, str]] = {
    "confidence-below": "confidence < ?",
    "confidence-above": "confidence >= ?",
    "prompt-above": "answer_prompt >= ?",
    "prompt-below": "answer_prompt < ?",
}
_OWN_COST: Final = "cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning"
_PRICED: Final = "cost IS NOT NULL AND answer_prompt IS NOT NULL"
_MOST_TOKENS: Final = 10_000_000


class Wish(msgspec.Struct, frozen=True):
    """Turns whose ``signal`` is on that side of ``threshold`` go to ``tier``. A confidence from 0 to 1, a prompt in tokens."""

    signal: Signal
    threshold: float
    tier: Tier


class Outcome(msgspec.Struct, frozen=True):
    """``tiers`` -> turns as they were and as they would have been. ``moved`` turns change; ``unknown`` have no such signal.

    Costs are of the turns whose cost and tokens are known, ``priced`` of ``n``; None: the other model's price is unknown.
    """

    n: int
    moved: int
    unknown: int
    priced: int
    model: str | None
    was: dict[str, int]
    would: dict[str, int]
    cost_usd: Decimal | None
    would_usd: Decimal | None


def read_wish(query: dict[str, str]) -> Wish:
    """Return what the form asks.

    Raises:
        RequestError: no such signal, tier or threshold.
    """
    signal = next((one for one in SIGNALS if one == query.get("if", SIGNALS[0])), None)
    tier = next((one for one in TIERS if one == query.get("then", "flagship")), None)
    if signal is None or tier is None:
        raise RequestError(f"what if: choose one of {', '.join(SIGNALS)} and a tier of {', '.join(TIERS)}")
    by_confidence = signal.startswith("confidence")
    text = query.get("at", "") or ("0.7" if by_confidence else "2000")
    try:
        threshold = float(text)
    except ValueError:
        threshold = -1.0
    if not 0 <= threshold <= (1 if by_confidence else _MOST_TOKENS):
        raise RequestError(f"at: {text[:40]!r} is no threshold: a confidence is 0 to 1, a prompt in tokens", param="at")
    return Wish(signal, threshold, tier)


def ask(board: Board, chosen: Slice, wish: Wish) -> Outcome:
    """Return what would have been."""
    where, values = chosen.routed().where()
    condition = _CONDITIONS[wish.signal]
    rows = board.rows(
        f"SELECT tier, coalesce({condition}, false) AND tier <> ? AS moves, count(*) AS n,"  # noqa: S608 - own words
        f" count(*) FILTER (({condition}) IS NULL) AS unknown,"
        f" count(*) FILTER ({_PRICED}) AS priced,"
        f" sum(cost) FILTER ({_PRICED}) AS cost, sum({_OWN_COST}) FILTER ({_PRICED}) AS own,"
        f" sum(answer_prompt) FILTER ({_PRICED}) AS prompt, sum(answer_output) FILTER ({_PRICED}) AS output"
        f" FROM turn WHERE {where} GROUP BY ALL",
        [wish.threshold, wish.tier, wish.threshold, *values],
    )
    model = board.tiers.get(wish.tier)
    rates = None if model is None else board.catalog.rates(model, datetime.fromtimestamp(board.now_us / 1e6, UTC))
    return _outcome(rows, wish, model, rates)


def _outcome(rows: list[Row], wish: Wish, model: str | None, rates: Rates | None) -> Outcome:
    was: dict[str, int] = {}
    would: dict[str, int] = {}
    cost = other = Decimal(0)
    priced = 0
    for row in rows:
        was[row["tier"]] = was.get(row["tier"], 0) + row["n"]
        tier = wish.tier if row["moves"] else row["tier"]
        would[tier] = would.get(tier, 0) + row["n"]
        priced += row["priced"]
        stored = usd(row["cost"]) or Decimal(0)
        cost += stored
        other += stored
        if row["moves"] and rates is not None and row["priced"]:
            other += _priced(rates, row) - (usd(row["own"]) or Decimal(0))
    return Outcome(
        n=sum(row["n"] for row in rows),
        moved=sum(row["n"] for row in rows if row["moves"]),
        unknown=sum(row["unknown"] for row in rows),
        priced=priced,
        model=model,
        was=was,
        would=would,
        cost_usd=cost if priced else None,
        would_usd=other if priced and rates is not None else None,
    )


def _priced(rates: Rates, row: Row) -> Decimal:
    """Return what the moved turns' tokens cost; by the average prompt where a model has a long-context price."""
    prompt, output, n = int(row["prompt"] or 0), int(row["output"] or 0), max(1, int(row["priced"]))
    fitting = rates.for_prompt(prompt // n)
    return msgspec.structs.replace(fitting, long=None).cost(Usage(prompt, output)) or Decimal(0)
