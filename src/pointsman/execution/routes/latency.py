"""How long models take, learned from finished calls: first-token times and whole replies, as quantiles.

A sketch is a histogram with buckets that grow by a tenth, so a quantile is right to within 5 %; old observations fade, so that it
follows a provider that grows slower. Below ``LEAST`` observations nothing is said: unknown is not fast. What was not seen for ten
minutes is forgotten, or a model left out for an hour of slowness would never be tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from math import exp, log
from typing import Final

import msgspec

from pointsman.domain.record import StepRecord

LEAST: Final = 20
"""Observations from which on a 95 % quantile is worth anything: fewer have none above it."""
_FORGET_S: Final = 600.0
_GROWTH: Final = log(1.1)
_MOST: Final = 1000.0
_SIZES: Final = (1_000, 4_000, 16_000, 64_000)
"""Borders between prompt sizes, in tokens."""
_WARM: Final = 0.5
"""From this share of the prompt read from cache a call counts as warm."""

Predict = Callable[[str, int], float | None]
"""The predicted 95 % quantile of a model's first-token time at a prompt size, in ms; None where it is not known."""


class Sketch:
    """A distribution of times in milliseconds."""

    def __init__(self) -> None:
        self._counts: dict[int, float] = {}
        self.n = 0.0

    def add(self, value: float) -> None:
        """Take an observation."""
        place = round(log(max(value, 0.1)) / _GROWTH)
        self._counts[place] = self._counts.get(place, 0.0) + 1
        self.n += 1
        if self.n >= _MOST:
            self._counts = {place: count / 2 for place, count in self._counts.items()}
            self.n /= 2

    def quantile(self, share: float) -> float | None:
        """Return a quantile; None below ``LEAST`` observations."""
        if self.n < LEAST:
            return None
        rest = share * self.n
        for place in sorted(self._counts):
            rest -= self._counts[place]
            if rest <= 0:
                return exp(place * _GROWTH)
        return exp(max(self._counts) * _GROWTH)


class _Place(msgspec.Struct, frozen=True):
    model: str
    size: int
    warm: bool


class LatencyBook:
    """What has been seen of each model, by prompt size and cache state, and of each kind of extra call."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[_Place | tuple[str, str], tuple[float, Sketch]] = {}

    def learn(self, steps: Iterable[StepRecord]) -> None:
        """Take the calls of a finished turn. One that ran into its time limit took at least that long."""
        for step in steps:
            timed_out = step.status == "error" and step.error_code == "timeout"
            if step.status == "ok" or timed_out:
                self._add((step.model, step.purpose), step.duration_ms)
            usage = step.usage
            if step.status == "ok" and step.ttft_ms is not None and usage is not None and usage.prompt:
                warm = (usage.cache_read or 0) >= _WARM * usage.prompt
                self._add(_Place(step.model, _size(usage.prompt), warm), step.ttft_ms)

    def first_ms(self, model: str, prompt_tokens: int, *, warm: bool = False, share: float = 0.95) -> float | None:
        """Return the first-token time that is not exceeded in ``share`` of calls; a cold one where warm is not known."""
        for state in (True, False) if warm else (False,):
            found = self._quantile(_Place(model, _size(prompt_tokens), state), share)
            if found is not None:
                return found
        return None

    def whole_ms(self, model: str, purpose: str, share: float = 0.95) -> float | None:
        """Return the time in which ``share`` of a model's calls of a kind are done."""
        return self._quantile((model, purpose), share)

    def predict(self, warm_model: str | None) -> Predict:
        """Return the prediction for a turn in whose conversation ``warm_model`` answered last."""
        return lambda model, tokens: self.first_ms(model, tokens, warm=model == warm_model)

    def _add(self, place: _Place | tuple[str, str], value: float) -> None:
        sketch = self._fresh(place) or Sketch()
        sketch.add(value)
        self._seen[place] = (self._clock(), sketch)

    def _fresh(self, place: _Place | tuple[str, str]) -> Sketch | None:
        at, sketch = self._seen.get(place, (0.0, None))
        return sketch if self._clock() - at <= _FORGET_S else None

    def _quantile(self, place: _Place | tuple[str, str], share: float) -> float | None:
        sketch = self._fresh(place)
        return None if sketch is None else sketch.quantile(share)


def _size(tokens: int) -> int:
    return sum(tokens >= border for border in _SIZES)
