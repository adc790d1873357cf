"""What shadow checks may cost: a share of what the period's routed turns cost, and never more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from pointsman.routing.sections_shadow import ShadowBudget
from pointsman.store.money import to_pico
from pointsman.store.shadow import Shadows
from pointsman.store.shadow_rows import Money, Routed


class Period(msgspec.Struct, frozen=True):
    """A day or month of UTC, in Unix microseconds; the end is not included."""

    since_us: int
    until_us: int


class Purse(msgspec.Struct, frozen=True):
    """How the money of a period stands, in pico-dollars. ``limit`` is what the policy allows so far: it grows with traffic."""

    period: Period
    limit: int
    money: Money
    routed: Routed

    @property
    def left(self) -> int:
        """What may still be set aside; never below 0."""
        return max(0, self.limit - self.money.total)


def period_of(per: str, now: datetime) -> Period:
    """Return the day or month of UTC that holds ``now``."""
    start = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=1)
    if per == "month":
        start = start.replace(day=1)
        end = (start + timedelta(days=32)).replace(day=1)
    return Period(_us(start), _us(end))


def purse_of(shadows: Shadows, budget: ShadowBudget, now: datetime, *, simulated: bool | None) -> Purse:
    """Return how the money stands. ``simulated``: of checks that an emulator answers; None: of all.

    Real money is a share of what real turns cost; play money may be a share of both. Turns of unknown cost
    count as nothing here: that errs on the side of spending less.
    """
    period = period_of(budget.per, now)
    routed = shadows.routed(period.since_us, period.until_us, simulated=None if simulated else simulated)
    money = shadows.money(period.since_us, period.until_us, simulated=simulated)
    numerator, denominator = budget.share.as_integer_ratio()
    limit = routed.pico * numerator // denominator
    most = to_pico(budget.usd)
    return Purse(period, limit if most is None else min(limit, most), money, routed)


def _us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000
