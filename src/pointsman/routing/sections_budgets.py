"""The policy's sections on money, rates and health: ``budgets`` and ``breaker``."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from pointsman.routing.sections import Section

Of = Literal["all", "key", "user", "conversation", "agent"]
Per = Literal["turn", "day", "month", "total"]
AtCap = Literal["refuse", "cheaper", "queue"]

WAIT_S = 5.0
"""How long a call waits at the cap where the policy says queue and no time."""


class _Scoped(Section):
    of: Of = Field(description="Whose it is: all together, or each key, user, conversation or agent for itself.")
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Only this one; its entry replaces the one without name.",
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.of == "all" and self.name is not None:
            raise ValueError("of: all has no name; write of: key, user, conversation or agent, or leave name out")
        return self


class Cap(_Scoped):
    """An amount of money that is never exceeded."""

    per: Per = Field(description="turn, day or month (UTC), or total: for good.")
    usd: Decimal = Field(gt=0, le=1_000_000, description="US dollars.")
    at_cap: AtCap = Field(
        default="refuse",
        description="A call that might exceed it: refuse it, take a cheaper model, or wait for other calls to settle.",
    )
    wait_s: float | None = Field(default=None, gt=0, le=600, description="With queue: the longest wait, in seconds.")
    fit: bool = Field(
        default=True, description="Ask for a shorter reply that fits, where the client named no limit of its own."
    )
    unknown_price: Literal["refuse", "allow"] = Field(
        default="refuse", description="Models whose worst case is unknown: refuse them, or let them through uncounted."
    )
    warn_at: float = Field(default=0.8, gt=0, le=1, description="Share of the cap at which a warning is logged, once.")

    @model_validator(mode="after")
    def _waits_only_in_a_queue(self) -> Self:
        if self.wait_s is not None and self.at_cap != "queue":
            raise ValueError("wait_s goes with at_cap: queue")
        return self


class Rate(_Scoped):
    """How much may come in any 60 seconds."""

    requests_per_minute: int | None = Field(default=None, ge=1, description="Turns.")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="Tokens in and out, of all model calls.")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.requests_per_minute is None and self.tokens_per_minute is None:
            raise ValueError("limits nothing: write requests_per_minute, tokens_per_minute, or both")
        return self


class Budgets(Section):
    """Caps on money and rates, and how the worst case of a call is worked out."""

    caps: tuple[Cap, ...] = Field(default=(), max_length=200, description="Every one that applies must hold.")
    rates: tuple[Rate, ...] = Field(default=(), max_length=200, description="Every one that applies must hold.")
    bytes_per_token: float = Field(
        default=1.0,
        ge=1,
        le=4,
        description="Bytes of a prompt that may be one token: 1 is an upper bound, more reserves less and is a guess.",
    )
    max_output_tokens: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Asked of the model where the client named no limit."
    )
    min_output_tokens: int = Field(
        default=256, ge=1, le=100_000, description="The shortest reply worth asking for when a reply is made to fit."
    )

    @model_validator(mode="after")
    def _says_each_once(self) -> Self:
        seen: set[tuple[object, ...]] = set()
        for mark in [("cap", cap.of, cap.name, cap.per) for cap in self.caps] + [
            ("rate", rate.of, rate.name) for rate in self.rates
        ]:
            if mark in seen:
                raise ValueError(f"two {mark[0]}s for {' '.join(str(word) for word in mark[1:] if word)}; keep one")
            seen.add(mark)
        if self.max_output_tokens is not None and not self.caps and not self.rates:
            raise ValueError("max_output_tokens goes with caps or rates; write some")
        return self

    @property
    def some(self) -> bool:
        """Whether anything is limited."""
        return bool(self.caps or self.rates)


class Breaker(Section):
    """When an endpoint (one model of one provider) is left alone for a while after failures."""

    enabled: bool = Field(default=True, description="false: every call is tried.")
    consecutive: int = Field(default=5, ge=1, le=1000, description="Failures in a row that open it.")
    share: float = Field(default=0.5, gt=0, le=1, description="Share of failures in the window that opens it.")
    window_s: float = Field(default=60.0, gt=0, le=3600, description="Length of the sliding window.")
    min_calls: int = Field(default=10, ge=1, le=10_000, description="Calls the window needs before its share counts.")
    open_s: float = Field(default=10.0, gt=0, le=3600, description="How long it stays open before one call probes it.")
    when_all_open: Literal["try", "refuse"] = Field(
        default="try", description="Every model that could answer is set aside: try the one due first, or refuse."
    )
