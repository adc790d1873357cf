"""The policy's section on watching: ``monitors``. Rules over rates, spend and silence; drift; where alerts go."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from pointsman.routing.sections import Names, Section
from pointsman.routing.sections_sinks import Sinks, Url

Measure = Literal[
    "tool_calls",
    "conformance",
    "first_token",
    "errors",
    "model_calls",
    "escalations",
    "misroutes",
    "unknown_prices",
    "resolutions",
    "handoffs",
    "grades",
]
Per = Literal["model", "route", "tier", "tool", "intent", "channel"]
Severity = Literal["page", "ticket"]

DAY: int = 1440
WEEK: int = 7 * DAY
"""Minutes."""

_LENGTH = re.compile(r"^(\d{1,5})(m|h|d|w)$")
_UNIT = {"m": 1, "h": 60, "d": DAY, "w": WEEK}


def _minutes(value: Any) -> Any:
    match = _LENGTH.match(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError("must be a length of time such as 15m, 6h, 3d or 2w")
    return int(match[1]) * _UNIT[match[2]]


Minutes = Annotated[
    int, BeforeValidator(_minutes), WithJsonSchema({"type": "string", "pattern": r"^[1-9]\d{0,4}(m|h|d|w)$"})
]
"""A length of time, in minutes; written 15m, 6h, 3d."""


SHIPPED_RULES: tuple[str, ...] = (
    "tool-call-success",
    "conformance",
    "first-token",
    "error-rate",
    "model-errors",
    "misroutes",
    "unknown-prices",
    "error-budget",
    "escalations",
    "cost-per-resolution",
    "silence",
)
"""Names of the rules that are in force unless ``off`` names them."""


class Only(Section):
    """Which turns count; every field that is written must match."""

    model: str | None = Field(default=None, description="The model that answered, or was called.")
    route: str | None = Field(default=None, description="The route.")
    tier: Literal["small", "mid", "flagship"] | None = Field(default=None, description="The tier.")
    intent: str | None = Field(default=None, description="The intent.")
    channel: str | None = Field(default=None, description="chat or voice.")
    tool: str | None = Field(default=None, description="The tool; with of: tool_calls.")

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The fields that are written, with their values."""
        return tuple((name, value) for name, value in self.model_dump().items() if value is not None)


class _Rule(Section):
    only: Only = Field(default=Only(), description="Only these turns.")
    severity: Severity = Field(default="page", description="page wakes somebody; ticket can wait for the morning.")
    p: float = Field(
        default=2e-5, gt=0, le=0.01, description="How unlikely it must be by chance: 2e-5 is one false page in months."
    )
    min_n: int = Field(default=20, ge=5, le=100_000, description="Fewer than these are never enough.")

    def _fits(self, of: str, *, per: str | None, over_ms: int | None, metric: str | None) -> None:
        if of != "tool_calls" and (per == "tool" or self.only.tool is not None):
            raise ValueError("tool goes with of: tool_calls")
        if (of == "first_token") != (over_ms is not None):
            raise ValueError("over_ms goes with of: first_token, which needs it")
        if (of == "grades") != (metric is not None):
            raise ValueError("metric goes with of: grades, which needs it")


class RateRule(_Rule):
    """A share of the last minutes on the wrong side of a bound, with evidence that it is no accident."""

    of: Measure = Field(description="What is counted.")
    below: float | None = Field(default=None, gt=0, lt=1, description="Fires below this share.")
    above: float | None = Field(default=None, gt=0, lt=1, description="Fires above this share.")
    per: Per | None = Field(default=None, description="One series for each; left out: all together.")
    window: Minutes = Field(default=15, description="How far back it looks.")
    widen_to: Minutes = Field(default=DAY, description="Looks back as far as this where traffic is low, and says so.")
    enough: int = Field(default=200, ge=20, le=1_000_000, description="With so many in a window it looks no further.")
    over_ms: int | None = Field(default=None, ge=1, le=600_000, description="first_token: slower than this counts.")
    metric: str | None = Field(default=None, min_length=1, max_length=200, description="grades: the grader's name.")

    @model_validator(mode="after")
    def _is_one_rule(self) -> Self:
        if (self.below is None) == (self.above is None):
            raise ValueError("write below or above, one of them")
        if self.widen_to < self.window:
            raise ValueError("widen_to must not be shorter than window")
        self._fits(self.of, per=self.per, over_ms=self.over_ms, metric=self.metric)
        return self


class BurnWindow(Section):
    """How fast an error budget may burn, in two windows that must agree."""

    factor: float = Field(gt=0, le=1000, description="Times the speed that would just use up the budget.")
    long: Minutes = Field(description="The window that shows it matters.")
    short: Minutes = Field(description="The window that shows it still goes on.")
    severity: Severity = "page"

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.short >= self.long:
            raise ValueError("short must be shorter than long")
        return self


BURN_WINDOWS = (
    BurnWindow(factor=14.4, long="1h", short="5m"),  # type: ignore[arg-type]  # written as in the file
    BurnWindow(factor=6, long="6h", short="30m"),  # type: ignore[arg-type]
    BurnWindow(factor=1, long="3d", short="6h", severity="ticket"),  # type: ignore[arg-type]
)
"""Google's SRE workbook, chapter 5: 2 %, 5 % and 10 % of a 30-day budget."""


class BurnRule(_Rule):
    """A service level: the share that must be good, and how fast its error budget burns."""

    of: Measure = Field(description="What is counted.")
    objective: float = Field(gt=0.5, lt=1, description="The share that must be good, for example 0.99.")
    per: Per | None = Field(default=None, description="One series for each; left out: all together.")
    windows: tuple[BurnWindow, ...] = Field(default=BURN_WINDOWS, min_length=1, max_length=6)
    over_ms: int | None = Field(default=None, ge=1, le=600_000, description="first_token: slower than this is bad.")
    metric: str | None = Field(default=None, min_length=1, max_length=200, description="grades: the grader's name.")

    @model_validator(mode="after")
    def _is_one_rule(self) -> Self:
        self._fits(self.of, per=self.per, over_ms=self.over_ms, metric=self.metric)
        return self


class ChangeRule(_Rule):
    """A figure against the same hours of earlier weeks."""

    of: Measure | Literal["cost_per_resolution"] = Field(description="What is counted.")
    direction: Literal["up", "down"] = Field(default="up", description="Which change matters.")
    by: float = Field(
        gt=0,
        le=10,
        description="The least change that matters: a share (0.05 is five points), or for cost a part of it.",
    )
    weeks: int = Field(default=4, ge=2, le=4, description="How many earlier weeks it is compared with.")
    per: Per | None = Field(default=None, description="One series for each; left out: all together.")
    window: Minutes = Field(default=60, ge=60, description="How far back it looks; an hour at least.")
    widen_to: Minutes = Field(default=DAY, le=WEEK, description="As far as this where traffic is low.")
    enough: int = Field(default=200, ge=20, le=1_000_000, description="With so many in a window it looks no further.")
    over_ms: int | None = Field(default=None, ge=1, le=600_000, description="first_token: slower than this counts.")
    metric: str | None = Field(default=None, min_length=1, max_length=200, description="grades: the grader's name.")

    @model_validator(mode="after")
    def _is_one_rule(self) -> Self:
        self._fits(self.of, per=self.per, over_ms=self.over_ms, metric=self.metric)
        if self.of == "cost_per_resolution" and self.per is not None:
            raise ValueError("per does not go with cost_per_resolution; write only")
        if self.widen_to < self.window:
            raise ValueError("widen_to must not be shorter than window")
        return self


class SpendRule(Section):
    """Money on its way over a budget before the day or month is over."""

    usd: Decimal = Field(gt=0, le=1_000_000, description="The budget in US dollars. Nothing is stopped: see budgets.")
    per: Literal["day", "month"] = Field(default="month", description="Of each day or month (UTC).")
    only: Only = Field(default=Only(), description="Only these turns.")
    severity: Severity = "ticket"
    p: float = Field(default=2e-5, gt=0, le=0.01, description="How unlikely it must be that the pace is an accident.")
    min_n: int = Field(default=20, ge=5, le=100_000, description="Fewer turns than these say nothing of the pace.")


class SilenceRule(Section):
    """No turns where there usually are some."""

    window: Minutes = Field(default=15, le=DAY, description="How long nothing came.")
    widen_to: Minutes = Field(default=360, le=DAY, description="As far as this where there usually are few.")
    only: Only = Field(default=Only(), description="Only these turns.")
    severity: Severity = "page"
    p: float = Field(default=2e-5, gt=0, le=0.01, description="How unlikely so few turns must be.")


class CanarySection(Section):
    """Pinned cases that a model answers every night: did the provider change it?"""

    cases: str = Field(min_length=1, description="A case file, relative to this file.")
    models: Names = Field(description="The models that answer.")
    at: str = Field(default="03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="When, in UTC.")
    floor: float = Field(default=0.03, gt=0, lt=1, description="The least fall in accuracy that is told.")
    max_usd: Decimal = Field(default=Decimal(1), gt=0, le=1000, description="What one night may cost.")


class DriftSection(Section):
    """What changes slowly: the provider's model, the customers' questions, the rates."""

    canary: CanarySection | None = Field(default=None, description="Pinned cases, nightly; absent: none.")
    window: Minutes = Field(default=WEEK, description="The recent turns whose mix is compared.")
    baseline: Minutes = Field(default=4 * WEEK, description="The turns before those.")
    psi: float = Field(default=0.2, gt=0, le=5, description="A mix has changed above this index.")
    served: bool = Field(default=True, description="An incident where a provider answers with another model id.")


class Monitors(Section):
    """What is watched, and who is told."""

    enabled: bool = Field(default=True, description="false: nothing is watched while the gateway runs.")
    defaults: bool = Field(default=True, description="The shipped rules, beside your own.")
    off: Names = Field(default=(), description="Shipped rules that are not wanted.")
    rates: dict[str, RateRule] = Field(default={}, max_length=100, description="Shares against a bound.")
    burns: dict[str, BurnRule] = Field(default={}, max_length=100, description="Service levels.")
    changes: dict[str, ChangeRule] = Field(default={}, max_length=100, description="Against the weeks before.")
    spend: dict[str, SpendRule] = Field(default={}, max_length=100, description="The pace of spending.")
    silence: dict[str, SilenceRule] = Field(default={}, max_length=100, description="Turns that do not come.")
    group: Minutes = Field(default=60, description="What fires within this time of the same cause is one incident.")
    link: Url | None = Field(default=None, description="Address of this dashboard, for links in alerts.")
    sinks: Sinks = Sinks()
    drift: DriftSection = DriftSection()

    def names(self) -> tuple[str, ...]:
        """Return the names of all rules that are in force: the shipped ones and one's own."""
        shipped = [name for name in SHIPPED_RULES if name not in self.off] if self.defaults else []
        own = [name for kind in (self.rates, self.burns, self.changes, self.spend, self.silence) for name in kind]
        return tuple(dict.fromkeys([*shipped, *own]))

    @field_validator("off")
    @classmethod
    def _are_shipped(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in SHIPPED_RULES:
                raise ValueError(f"there is no shipped rule {name!r}; there are {', '.join(SHIPPED_RULES)}")
        return value

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        seen: set[str] = set()
        for kind in (self.rates, self.burns, self.changes, self.spend, self.silence):
            for name in kind:
                if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name):
                    raise ValueError(f"the rule {name!r}: write lower-case letters, digits, - and _")
                if name in seen:
                    raise ValueError(f"two rules are called {name}; keep one")
                seen.add(name)
        return self
