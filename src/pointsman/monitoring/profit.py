"""The router's profit and loss: what it saved, less what it cost to watch it and what went wrong. It may be negative.

    saved    what the same turns would have cost on the flagship, its cache kept warm, less what they did cost
           - shadow replies and their judges, and calls that may be billed and were not heard of
           - questions that customers had to repeat, and cases handed to people, at the policy's prices
           - harm: misroute rate x turns x the price of a misroute, by intent
    = net

What the turns cost has the calls of routers, planners and retries in it; they are shown, and not taken off again. Rework is all
that came after turns of other tiers than the flagship: how much of it the flagship would have had as well is not known, so net
errs against the router. Only harm is an estimate with an
interval, and the net has that interval. Unknown stays unknown: without prices or checks there is no net, and it says why.
"""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from pointsman.domain.figures import Estimate

_NO_RATE = "the misroute rate is not known yet: no turn has been checked"
_NO_PRICE = "the policy names no price of a misroute (economics.prices.harm_usd)"


class Line(msgspec.Struct, frozen=True):
    """Profit and loss of some turns, in US dollars. None is unknown.

    ``cost_usd`` is what the turns cost as far as it is known, ``unpriced`` how many have no known cost; ``router_usd``,
    ``planner_usd`` and ``retries_usd`` are parts of it. ``compared`` turns are those that ``saved_usd`` is about.
    ``lost_usd`` are shadow calls under way or not heard of. ``unharmed``: turns whose intent has no price of harm.
    ``simulated`` of the turns cost no real money. Turns that were only captured are in no line.
    """

    name: str
    turns: int
    cost_usd: Decimal
    unpriced: int
    router_usd: Decimal
    planner_usd: Decimal
    retries_usd: Decimal
    compared: int
    flagship_usd: Decimal | None
    saved_usd: Decimal | None
    shadow_usd: Decimal
    judge_usd: Decimal
    lost_usd: Decimal
    reasks: int | None
    reask_usd: Decimal | None
    handoffs: int
    handoff_usd: Decimal | None
    harm: Estimate
    unharmed: int
    why_not_saved: str = ""
    simulated: int = 0

    @property
    def watching_usd(self) -> Decimal:
        """What it cost to check the router."""
        return self.shadow_usd + self.judge_usd + self.lost_usd

    @property
    def rework_usd(self) -> Decimal:
        """What re-asks and handoffs cost, as far as they have a price."""
        return (self.reask_usd or Decimal(0)) + (self.handoff_usd or Decimal(0))

    @property
    def before_harm_usd(self) -> Decimal | None:
        """What is left before harm; rework that has no price counts as nothing here. None: what was saved is unknown."""
        if self.saved_usd is None:
            return None
        return self.saved_usd - self.watching_usd - self.rework_usd

    @property
    def net(self) -> Estimate:
        """What is left, with its interval."""
        before = self.before_harm_usd
        if before is None:
            return Estimate(None, self.compared, "usd", why=self.why_not_saved or "what was saved is not known")
        if self.harm.value is None or self.harm.low is None or self.harm.high is None:
            return Estimate(None, self.harm.n, "usd", why=self.harm.why)
        whole = float(before)
        return Estimate(whole - self.harm.value, self.harm.n, "usd", whole - self.harm.high, whole - self.harm.low)


class Harmed(msgspec.Struct, frozen=True):
    """What goes into the harm of some turns: the rate with its interval, over how many checks, and priced turns x price."""

    rate: float | None
    low: float | None
    high: float | None
    n: int
    priced_usd: Decimal
    priced: int
    unpriced: int


def harm_of(one: Harmed) -> Estimate:
    """Return the harm of some turns in US dollars."""
    if not one.priced and one.unpriced:
        return Estimate(None, one.n, "usd", why=_NO_PRICE)
    if one.rate is None or one.low is None or one.high is None:
        return Estimate(None, one.n, "usd", why=_NO_RATE)
    price = float(one.priced_usd)
    why = f"{one.unpriced:,} turns have no price of harm" if one.unpriced else ""
    return Estimate(one.rate * price, one.n, "usd", one.low * price, one.high * price, why)


def total_of(name: str, lines: list[Line]) -> Line:
    """Return the sum of lines. What is unknown in one of them is unknown in the sum, harm and savings above all."""
    reasks = [line.reasks for line in lines]
    saved = [line.saved_usd for line in lines if line.turns]
    flagship = [line.flagship_usd for line in lines if line.turns]
    return Line(
        name=name,
        turns=sum(line.turns for line in lines),
        cost_usd=_sum([line.cost_usd for line in lines]),
        unpriced=sum(line.unpriced for line in lines),
        router_usd=_sum([line.router_usd for line in lines]),
        planner_usd=_sum([line.planner_usd for line in lines]),
        retries_usd=_sum([line.retries_usd for line in lines]),
        compared=sum(line.compared for line in lines),
        flagship_usd=_known(flagship),
        saved_usd=_known(saved),
        shadow_usd=_sum([line.shadow_usd for line in lines]),
        judge_usd=_sum([line.judge_usd for line in lines]),
        lost_usd=_sum([line.lost_usd for line in lines]),
        reasks=None if None in reasks else sum(one or 0 for one in reasks),
        reask_usd=_known([line.reask_usd for line in lines]),
        handoffs=sum(line.handoffs for line in lines),
        handoff_usd=_known([line.handoff_usd for line in lines]),
        harm=_harm_sum([line.harm for line in lines if line.turns]),
        unharmed=sum(line.unharmed for line in lines),
        simulated=sum(line.simulated for line in lines),
        why_not_saved=next((line.why_not_saved for line in lines if line.why_not_saved), ""),
    )


def in_words(line: Line) -> str:
    """Return the verdict of a line in one sentence."""
    net = line.net
    if net.value is None:
        before = line.before_harm_usd
        if before is None:
            return f"What the router saved is not known: {net.why}."
        kept = "saved" if before >= 0 else "lost"
        return f"Before harm the router {kept} ${abs(before):,.2f}; the rest is not known: {net.why}."
    low, high = net.low or 0.0, net.high or 0.0
    span = f"(95 %: {_dollars(low)} to {_dollars(high)})"
    if low > 0:
        return f"The router earned {_dollars(net.value)} {span}."
    if high < 0:
        rework = float(line.rework_usd)
        if high + rework < 0:
            return f"The router LOST {_dollars(-net.value)} {span}: all turns on the flagship would have been better."
        lost = f"The router LOST {_dollars(-net.value)} {span}, {_dollars(rework)} of it rework"
        return f"{lost}; how much of that the flagship would have had as well is not known."
    kept = "earned" if net.value >= 0 else "lost"
    return f"The router {kept} {_dollars(abs(net.value))} {span}: too few checks to say whether it pays."


def _dollars(value: float) -> str:
    return f"-${-value:,.2f}" if value < 0 else f"${value:,.2f}"


def _sum(values: list[Decimal]) -> Decimal:
    return sum(values, Decimal(0))


def _known(values: list[Decimal | None]) -> Decimal | None:
    """Return the sum, None where one of them is unknown (or there is none)."""
    if not values or None in values:
        return None
    return _sum([value for value in values if value is not None])


def _harm_sum(parts: list[Estimate]) -> Estimate:
    """Return the sum of harms that were estimated apart, each interval by its distance: G. Zou and A. Donner (2008)."""
    n = sum(part.n for part in parts)
    unknown = next((part for part in parts if part.value is None), None)
    if not parts or unknown is not None:
        return Estimate(None, n, "usd", why=unknown.why if unknown is not None else _NO_RATE)
    known = [(part.value or 0.0, part.low or 0.0, part.high or 0.0) for part in parts]
    value = math.fsum(one[0] for one in known)
    down = math.hypot(*(one[0] - one[1] for one in known))
    up = math.hypot(*(one[2] - one[0] for one in known))
    why = "; ".join(dict.fromkeys(part.why for part in parts if part.why))
    return Estimate(value, n, "usd", max(0.0, value - down), value + up, why)
