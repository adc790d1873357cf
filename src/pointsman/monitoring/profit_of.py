"""The profit and loss of a store: read from the columns, the shadow checks and the policy's prices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

import msgspec

from pointsman.domain.figures import Estimate
from pointsman.monitoring.asking.board import Board, Row, usd
from pointsman.monitoring.asking.slice import Simulated, Slice
from pointsman.monitoring.misroutes import Misroutes
from pointsman.monitoring.misroutes_of import Rates, misroute_rates
from pointsman.monitoring.profit import Harmed, Line, harm_of, total_of
from pointsman.monitoring.questions.savings import Baseline
from pointsman.monitoring.questions.savings import ask as ask_savings
from pointsman.routing.sections_shadow import Prices
from pointsman.store.money import from_pico
from pointsman.store.shadow import Shadows
from pointsman.store.store import Store

By = Literal["route", "intent"]
_DAY_US = 86_400_000_000
_FLAG: dict[Simulated, bool | None] = {"both": None, "yes": True, "no": False}


class Profit(msgspec.Struct, frozen=True):
    """Profit and loss of whole days of UTC (Unix microseconds, the end not included), by route or intent, and in all."""

    since_us: int
    until_us: int
    by: By
    total: Line
    lines: tuple[Line, ...]
    rates: Rates


_COLUMNS = """
    sum(turn.cost) AS cost, count(*) - count(turn.cost) AS unpriced, sum(cost_router) AS router,
    sum(cost_planner) AS planner, sum(cost_retries) AS retries, count(*) FILTER (turn.simulated) AS simulated
"""
_HANDOFFS = """
    WITH handed AS (SELECT conv, handoff_cost FROM outcome WHERE escalated), last AS (
        SELECT turn.route, coalesce(turn.intent, '') AS intent, turn.tier, handed.handoff_cost, turn.at_us,
            row_number() OVER (PARTITION BY turn.conv ORDER BY turn.at_us DESC, turn.seq DESC) AS place
        FROM turn JOIN handed ON handed.conv = turn.conv WHERE {where}
    )
    SELECT {by} AS name, count(*) AS n, sum(handoff_cost) AS pico, count(handoff_cost) AS known
    FROM last WHERE place = 1 AND tier <> 'flagship' GROUP BY 1
"""


def profit(  # noqa: PLR0913 - what it is about, by name
    store: Store,
    board: Board,
    prices: Prices,
    since_us: int,
    until_us: int,
    *,
    by: By = "route",
    simulated: Simulated = "both",
) -> Profit:
    """Return the profit and loss of the days that hold the period.

    Raises:
        StoreError: the store or its columns cannot be read.
    """
    since_us, until_us = since_us // _DAY_US * _DAY_US, -(-until_us // _DAY_US) * _DAY_US
    chosen = Slice(since_us=since_us, until_us=until_us, simulated=simulated, captured="no")
    read = _Read(store, board, prices, chosen, by)
    lines = [read.line(row) for row in board.groups(_COLUMNS, chosen, (by,))]
    total = total_of("all", lines)
    if total.harm.value is None:
        total = msgspec.structs.replace(total, harm=read.overall_harm())
    return Profit(since_us, until_us, by, total, tuple(lines), read.rates)


class _Read:
    """Everything that a line is put together from, by its name."""

    def __init__(self, store: Store, board: Board, prices: Prices, chosen: Slice, by: By) -> None:
        self._by = by
        self._prices = prices
        since_us, until_us, flag = chosen.since_us or 0, chosen.until_us or 0, _FLAG[chosen.simulated]
        shadows = Shadows(store)
        self.rates = misroute_rates(store, since_us, until_us, simulated=flag)
        self._rates = self.rates.by_route if by == "route" else self.rates.by_intent
        self._saved = {
            _name(row.by[by]): row for row in ask_savings(board, chosen, (by,)).rows if row.tier == "flagship"
        }
        self._why = "" if "flagship" in board.tiers else "the policy has no flagship to compare with"
        self._intents: dict[str, dict[str, int]] = defaultdict(dict)
        for row in board.groups("0 AS nothing", chosen, ("route", "intent")):
            counts, intent = self._intents[_name(row["by"][by])], _name(row["by"]["intent"])
            counts[intent] = counts.get(intent, 0) + row["turns"]
        self._spent: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for one in shadows.spent_by(since_us, until_us, simulated=flag):
            for place, pico in enumerate((one.shadow, one.judge, one.lost)):
                self._spent[getattr(one, by)][place] += pico
        seen = [one for one in shadows.seen(since_us, until_us) if flag is None or one.simulated == flag]
        self._counts_reasks = bool(seen)
        self._reasks: dict[str, int] = defaultdict(int)
        for day in seen:
            self._reasks[getattr(day, by)] += day.reasked
        where, values = chosen.where()
        self._handoffs: dict[str, Row] = {
            _name(row["name"]): row for row in board.rows(_HANDOFFS.format(where=where, by=by), values)
        }

    def line(self, row: Row) -> Line:
        """Return the line of one group."""
        name = _name(row["by"][self._by])
        saved = self._saved.get(name)
        spent = self._spent[name]
        reasks = self._reasks[name] if self._counts_reasks else None
        handed = self._handoffs.get(name)
        harmed = self._harmed(name)
        return Line(
            name=name,
            turns=row["turns"],
            cost_usd=_usd(row["cost"]),
            unpriced=row["unpriced"],
            router_usd=_usd(row["router"]),
            planner_usd=_usd(row["planner"]),
            retries_usd=_usd(row["retries"]),
            compared=0 if saved is None else saved.n,
            flagship_usd=None if saved is None else saved.warm_usd,
            saved_usd=None if saved is None else saved.saved_usd,
            shadow_usd=_usd(spent[0]),
            judge_usd=_usd(spent[1]),
            lost_usd=_usd(spent[2]),
            reasks=reasks,
            reask_usd=_times(reasks, self._prices.reask_usd),
            handoffs=0 if handed is None else handed["n"],
            handoff_usd=self._handoff_usd(handed),
            harm=harm_of(harmed),
            unharmed=harmed.unpriced,
            why_not_saved=self._why_not(saved),
            simulated=row["simulated"],
        )

    def _why_not(self, saved: Baseline | None) -> str:
        return self._why or ("no turn whose cost and tokens are known" if saved is None else saved.why)

    def _handoff_usd(self, handed: Row | None) -> Decimal | None:
        """Return what handing over cost: as reported, else at the policy's price; None: neither says."""
        if handed is None:
            return Decimal(0)
        rest = _times(handed["n"] - handed["known"], self._prices.handoff_usd)
        return None if rest is None else _usd(handed["pico"]) + rest

    def overall_harm(self) -> Estimate:
        """Return the harm of all turns by their common rate: for when one group was not checked and has none of its own."""
        harm = harm_of(
            self._priced([one for name in self._intents for one in self._intents[name].items()], self.rates.overall)
        )
        note = "some groups were not checked: all turns are taken at their common rate"
        return (
            harm
            if harm.value is None
            else msgspec.structs.replace(harm, why=f"{note}; {harm.why}" if harm.why else note)
        )

    def _harmed(self, name: str) -> Harmed:
        return self._priced(self._intents[name].items(), self._rates.get(name))

    def _priced(self, counts: Iterable[tuple[str, int]], rate: Misroutes | None) -> Harmed:
        usual, own = self._prices.harm_usd, self._prices.harm_by_intent
        priced, unpriced, dollars = 0, 0, Decimal(0)
        for intent, turns in counts:
            price = own.get(intent, usual)
            if price is None:
                unpriced += turns
            else:
                priced += turns
                dollars += turns * price
        if rate is None:
            return Harmed(None, None, None, 0, dollars, priced, unpriced)
        return Harmed(rate.value, rate.low, rate.high, rate.n, dollars, priced, unpriced)


def _name(value: Any) -> str:
    return "" if value is None else str(value)


def _usd(pico: int | None) -> Decimal:
    return usd(pico) or from_pico(0) or Decimal(0)


def _times(n: int | None, price: Decimal | None) -> Decimal | None:
    if n == 0:
        return Decimal(0)
    return None if n is None or price is None else n * price
