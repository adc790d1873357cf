"""What a report's plots need beyond the sums: how times are spread, and which tokens a model took."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from pointsman.evaluation.run_log import GradeRow

_STEPS = 200
"""Quantiles kept of a series: more than a picture can show."""


class Extent(msgspec.Struct, frozen=True):
    """One model's times as quantiles (share, milliseconds), and its tokens. Means are over answers that said theirs."""

    model: str
    ttft: tuple[tuple[float, float], ...]
    ttft_n: int
    latency: tuple[tuple[float, float], ...]
    latency_n: int
    tokens_in: float | None
    tokens_out: float | None
    usd_right: Decimal | None
    """Dollars for one right answer: what all priced answers cost, by those of them that were right; None: none was."""


class _Sum:
    def __init__(self) -> None:
        self.ttft, self.latency = array("d"), array("d")
        self.tokens_in = self.tokens_out = self.told_in = self.told_out = self.right = 0
        self.usd = Decimal(0)

    def add(self, row: GradeRow) -> None:
        if row.error is None:
            self.ttft.extend([row.ttft_ms] if row.ttft_ms is not None else [])
            self.latency.extend([row.latency_ms] if row.latency_ms is not None else [])
        if row.input_tokens is not None:
            self.tokens_in, self.told_in = self.tokens_in + row.input_tokens, self.told_in + 1
        if row.output_tokens is not None:
            self.tokens_out, self.told_out = self.tokens_out + row.output_tokens, self.told_out + 1
        if row.usd is not None:
            self.usd += row.usd
            self.right += row.passed is True

    def summed(self, model: str) -> Extent:
        return Extent(
            model,
            _quantiles(self.ttft),
            len(self.ttft),
            _quantiles(self.latency),
            len(self.latency),
            self.tokens_in / self.told_in if self.told_in else None,
            self.tokens_out / self.told_out if self.told_out else None,
            self.usd / self.right if self.right else None,
        )


def extents(rows: Iterable[GradeRow]) -> dict[str, Extent]:
    """Return what each model of a run took."""
    found: dict[str, _Sum] = {}
    for row in rows:
        found.setdefault(row.model, _Sum()).add(row)
    return {model: found[model].summed(model) for model in sorted(found)}


def _quantiles(values: array[float]) -> tuple[tuple[float, float], ...]:
    known = sorted(values)
    if len(known) <= _STEPS:
        return tuple(((place + 1) / len(known), value) for place, value in enumerate(known))
    places = sorted({round(step * (len(known) - 1) / (_STEPS - 1)) for step in range(_STEPS)})
    return tuple(((place + 1) / len(known), known[place]) for place in places)
