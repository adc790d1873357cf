"""What routing saves against one model for everything, with the cache that model would have kept warm.

The comparison is turn by turn on the tokens of the answering call (prompt and output counts are kept as they were: another
tokenizer would count a little differently). Two prices are given for the other model:

* ``warm``: each conversation is replayed against its cache. What the turn before left (its prompt and reply) is read from the
  cache where that turn is no older than the cache's life and no shorter than its minimum; what the real model read from its
  cache, the other one would have read too, since it would have had more traffic, not less. The rest of the prompt is written
  where the model bills writes, plain input where it does not. Only routing that is cheaper than this saves anything.
* ``cold``: no cache at all, the comparison that flatters routing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from pointsman.catalog.prices import Rates
from pointsman.domain.figures import Estimate
from pointsman.domain.intervals import Z_95
from pointsman.monitoring.asking.board import Board, usd
from pointsman.monitoring.asking.slice import By, Slice, dimensions

_DAY_US = 86_400_000_000
_NOON = datetime(1970, 1, 1, 12, tzinfo=UTC)


class Baseline(msgspec.Struct, frozen=True):
    """All turns on one model, which stands for ``tier``. ``n`` turns are compared: those whose cost and tokens are known.

    ``simulated`` of them cost no real money. Turns that were only captured are none of them.
    ``actual_usd`` is what they did cost, calls of routers and planners included. ``saved_usd`` is against ``warm_usd`` and may be
    negative. ``saved_per_turn`` has the interval. None everywhere: the model's price is unknown on some day, or no turn fits,
    and ``why`` says which.
    """

    by: dict[str, str | None]
    tier: str
    model: str
    n: int
    actual_usd: Decimal | None = None
    warm_usd: Decimal | None = None
    cold_usd: Decimal | None = None
    saved_usd: Decimal | None = None
    saved_per_turn: Estimate = Estimate(None, 0, "usd", why="no turn to compare")
    why: str = ""
    simulated: int = 0


class Savings(msgspec.Struct, frozen=True):
    """One entry per baseline over the whole slice, and per group where it was split."""

    total: tuple[Baseline, ...]
    rows: tuple[Baseline, ...]


class _Span(msgspec.Struct, frozen=True):
    """Days of equal price: from ``start_us`` on."""

    start_us: int
    rates: Rates


class _Sums(msgspec.Struct):
    n: int = 0
    simulated: int = 0
    actual: int = 0
    warm: Decimal = Decimal(0)
    cold: Decimal = Decimal(0)
    difference: float = 0.0
    squares: float = 0.0


def ask(board: Board, chosen: Slice, by: By = ()) -> Savings:
    """Return what was saved against every model of ``board.tiers``, whole and by ``by``."""
    chosen = chosen.routed()  # what was only captured was neither saved on nor lost
    where, values = chosen.where()
    [ends] = board.rows(f"SELECT min(at_us) AS first, max(at_us) AS last FROM turn WHERE {where}", values)
    if ends["first"] is None:
        return Savings((), ())
    total: list[Baseline] = []
    rows: list[Baseline] = []
    for tier, model in board.tiers.items():
        spans = _spans(board, model, ends["first"], ends["last"])
        if isinstance(spans, str):
            total.append(Baseline({}, tier, model, 0, why=spans))
            continue
        total += _compare(board, chosen, (), tier, spans)
        rows += _compare(board, chosen, by, tier, spans) if by else []
    return Savings(tuple(total), tuple(rows))


def against_flagship(board: Board, chosen: Slice) -> Baseline | None:
    """Return the comparison with the flagship that the turns of the slice name most often; None where they name none."""
    where, values = chosen.routed().where()
    named = board.rows(
        f"SELECT flagship_model AS model FROM turn WHERE {where} AND flagship_model IS NOT NULL"
        " GROUP BY ALL ORDER BY count(*) DESC, model LIMIT 1",
        values,
    )
    if not named:
        return None
    answer = ask(msgspec.structs.replace(board, tiers={"flagship": named[0]["model"]}), chosen)
    return answer.total[0] if answer.total else None


def _spans(board: Board, model: str, first_us: int, last_us: int) -> list[_Span] | str:
    """Return the prices of ``model`` over the days of the slice, or why they are not known."""
    if board.catalog.find(model) is None:
        return f"{model} is not in the catalogue"
    spans: list[_Span] = []
    for day in range(first_us // _DAY_US, last_us // _DAY_US + 1):
        at = _NOON + timedelta(days=day)
        rates = board.catalog.rates(model, at)
        if rates is None:
            return f"the price of {model} on {at.date()} is not known"
        if not spans or spans[-1].rates != rates:
            spans.append(_Span(day * _DAY_US, rates))
    return spans


def _compare(board: Board, chosen: Slice, by: By, tier: str, spans: list[_Span]) -> list[Baseline]:
    model = board.tiers[tier]
    mode = board.catalog.get(model).cache.mode
    found: dict[tuple[str | None, ...], _Sums] = {}
    for row in board.connection.execute(*_query(board, chosen, by, model, spans)).fetchall():
        key = tuple(row[: len(by)])
        _add(found.setdefault(key, _Sums()), row[len(by) :], spans, mode)
    ranked = sorted(found.items(), key=lambda item: -item[1].n)
    return [_baseline(dict(zip(by, key, strict=True)), tier, model, sums) for key, sums in ranked]


def _query(board: Board, chosen: Slice, by: By, model: str, spans: list[_Span]) -> tuple[str, list[Any]]:
    keys = dimensions(by)
    where, values = chosen.where()
    cache = board.catalog.get(model).cache
    ttl = cache.ttls_s[0] if cache.ttls_s else 0
    keeps = (
        f"CASE WHEN warm_gap_s <= {ttl} AND warm_prefix >= {cache.minimum or 0} THEN least(warm_prefix, answer_prompt) ELSE 0 END"
        if cache.mode != "none"
        else "0"
    )
    span = _case(spans, [str(n) for n in range(len(spans))])
    limits = [one.rates.long_above for one in spans]
    above = _case(spans, ["NULL" if limit is None else str(limit) for limit in limits])
    long = "false" if limits == [None] * len(limits) else f"coalesce(answer_prompt > {above}, false)"
    prices = _case(spans, [_price(one.rates, cache.mode) for one in spans])
    named = "".join(f"k{n}, " for n in range(len(by)))
    inner = "".join(f"{key} AS k{n}, " for n, key in enumerate(keys))
    return (
        f"""
        WITH t AS (
            SELECT {inner} at_us, simulated, cost, answer_prompt AS prompt, coalesce(answer_output, 0) AS output,
                {span} AS span, {long} AS long,
                least(answer_prompt, greatest({keeps}, {"coalesce(answer_cached, 0)" if cache.mode != "none" else "0"})) AS read
            FROM turn WHERE {where} AND cost IS NOT NULL AND answer_prompt IS NOT NULL
        ), d AS (SELECT *, {prices} - cost / 1e12 AS saved FROM t)
        SELECT {named} span, long, count(*), sum(cost), sum(prompt), sum(read), sum(output), sum(saved), sum(saved * saved),
            count(*) FILTER (simulated)
        FROM d GROUP BY ALL
        """,
        values,
    )


def _case(spans: list[_Span], values: list[str]) -> str:
    """Return SQL for the value of a turn's day; where prices never changed, that is the value itself, and quicker."""
    if len(set(values)) == 1:
        return values[0]
    cases = " ".join(
        f"WHEN at_us >= {one.start_us} THEN {value}" for one, value in reversed(list(zip(spans, values, strict=True)))
    )
    return f"(CASE {cases} ELSE {values[0]} END)"


def _price(rates: Rates, mode: str) -> str:
    """Return SQL for the dollars of a turn as floats: for the spread only, the sums are made exactly."""
    plain = _billed(rates, mode)
    if rates.long is None:
        return plain
    return f"CASE WHEN long THEN {_billed(rates.long, mode)} ELSE {plain} END"


def _billed(rates: Rates, mode: str) -> str:
    fresh = _fresh(rates, mode)
    read = rates.cache_read if rates.cache_read is not None else rates.input
    return f"(read * {float(read)!r} + (prompt - read) * {float(fresh)!r} + output * {float(rates.output)!r})"


def _fresh(rates: Rates, mode: str) -> Decimal:
    """Return what a prompt token costs that was in no cache: a write where the model bills writes."""
    return rates.cache_write if mode == "marked" and rates.cache_write is not None else rates.input


def _add(sums: _Sums, row: tuple[Any, ...], spans: list[_Span], mode: str) -> None:
    span, long, n, cost, prompt, read, output, saved, squares, simulated = row
    rates = spans[span].rates
    if long and rates.long is not None:
        rates = rates.long
    prompt, read, output = int(prompt), int(read), int(output)
    reads = rates.cache_read if rates.cache_read is not None else rates.input
    sums.n += n
    sums.simulated += simulated
    sums.actual += int(cost)
    sums.warm += reads * read + _fresh(rates, mode) * (prompt - read) + rates.output * output
    sums.cold += rates.input * prompt + rates.output * output
    sums.difference += saved
    sums.squares += squares


def _baseline(by: dict[str, str | None], tier: str, model: str, sums: _Sums) -> Baseline:
    actual = usd(sums.actual)
    if actual is None or not sums.n:
        return Baseline(by, tier, model, 0, why="no turn whose cost and tokens are known")
    mean = float(sums.warm - actual) / sums.n
    spread = max(0.0, sums.squares / sums.n - (sums.difference / sums.n) ** 2)
    half = Z_95 * (spread / sums.n) ** 0.5
    return Baseline(
        by,
        tier,
        model,
        sums.n,
        actual,
        sums.warm,
        sums.cold,
        sums.warm - actual,
        Estimate(mean, sums.n, "usd", mean - half, mean + half),
        simulated=sums.simulated,
    )
