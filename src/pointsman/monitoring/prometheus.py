"""What Prometheus scrapes: counters and histograms of the turns since this process began, and gauges read when asked.

Turns are read from the store by their place in the order of commits, so a turn pays nothing for being counted. Counters start
at zero with the process, as Prometheus expects. Labels are bounded: a value beyond the bound is counted as ``other``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from pointsman.domain.captured import CAPTURED
from pointsman.domain.record import CheckRecord, StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.monitoring import metric_names as names
from pointsman.monitoring.metric_names import Metric
from pointsman.monitoring.prometheus_gauges import Gauges
from pointsman.routing.policy import Policy
from pointsman.store import Store
from pointsman.store.following import last_seq
from pointsman.store.outlines import outlines_after

_PAGE: Final = 500
_MOST_VALUES: Final = 200
"""Different values of one label that are kept apart: a catalogue has fewer models, an agent fewer tools."""
_FAULT: Final = 500
_TOOL, _CONTRACT = "arguments ", "contract "
"""How the checks of tool calls and of replies are named, before the tool's or the contract's own name."""


class TurnMetrics:
    """Counts turns. ``tier_of`` gives a model's tier. For use from any thread."""

    def __init__(self, store: Store, policy: Policy, tier_of: Callable[[str], str]) -> None:
        self._store = store
        self._tier_of = tier_of
        self._door = threading.Lock()
        self._values: dict[str, set[str]] = {}
        self._children: dict[tuple[str, ...], Counter | Histogram] = {}
        self._seq = self._first = last_seq(store)
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        self.registry.register(Gauges(store, policy, time.time_ns() // 1000, lambda: self._seq))
        self._counters = {metric.name: self._counter(metric) for metric in _COUNTERS}
        self._histograms = {metric.name: self._histogram(metric, bounds) for metric, bounds in _HISTOGRAMS}

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, metric: Metric, bounds: tuple[float, ...]) -> Histogram:
        return Histogram(metric.name, metric.help, metric.labels, buckets=bounds, registry=self.registry)

    def begin_at(self, seq: int) -> None:
        """Count from the turn after ``seq``, where none was counted yet."""
        with self._door:
            if self._seq == self._first:
                self._seq = self._first = min(self._seq, seq)

    def catch_up(self) -> int:
        """Count the turns committed since the last time; return how many.

        Raises:
            StoreError: the store cannot be read; what was not read is counted the next time.
        """
        counted = 0
        with self._door:
            while found := outlines_after(self._store, self._seq, _PAGE):
                for seq, record in found:
                    self._count(record)
                    self._seq = seq
                counted += len(found)
                if len(found) < _PAGE:
                    break
        return counted

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return what a scrape gets, and its content type: OpenMetrics where ``accept`` asks for it, else Prometheus text."""
        self.catch_up()
        encode, content_type = choose_encoder(accept)
        body: bytes = encode(self.registry)
        return body, content_type

    def _count(self, record: TurnRecord) -> None:
        if record.dialect == CAPTURED:
            self._captured(record)
            return
        simulated = "true" if record.simulated else "false"
        decision = record.decision
        model = self._bound("model", record.steps[-1].model if record.steps else decision.model)
        route, outcome = self._bound("route", decision.route), turn_outcome(record)
        self._add(names.TURNS, 1, model, route, decision.tier, outcome, simulated)
        self._observe(names.TURN_DURATION, record.duration_ms / 1000, model, decision.tier, simulated)
        if record.ttft_ms is not None:
            self._observe(names.FIRST_TOKEN, record.ttft_ms / 1000, model, decision.tier, simulated)
        if decision.decided_us:
            self._observe(names.DECISION, decision.decided_us / 1e6)
        if record.gateway_us is not None:
            self._observe(names.OVERHEAD, record.gateway_us / 1e6)
        if record.cost_usd is not None:
            self._add(names.COST, float(record.cost_usd), model, route, simulated)
        elif outcome == names.OK:
            self._add(names.UNPRICED, 1, model, simulated)
        if record.steps and "flagship" in (decision.tier, self._tier_of(record.steps[-1].model)):
            self._add(names.ESCALATED, 1, route, simulated)
        for step in record.steps:
            self._step(step, simulated)
        for check in record.checks:
            self._check(check, simulated)

    def _step(self, step: StepRecord, simulated: str) -> None:
        model = self._bound("model", step.model)
        if step.status != "cancelled":
            outcome = names.OK if step.status == "ok" else names.FAILED
            self._add(names.MODEL_CALLS, 1, model, self._bound("purpose", step.purpose), outcome, simulated)
        if step.usage is not None:
            for kind, tokens in token_kinds(step.usage):
                self._add(names.TOKENS, tokens, model, kind, simulated)

    def _check(self, check: CheckRecord, simulated: str) -> None:
        model = self._bound("model", check.model)
        outcome = names.OK if check.passed else names.FAILED
        if check.name.startswith(_TOOL):
            tool = self._bound("tool", check.name.removeprefix(_TOOL).rpartition("@")[0])
            self._add(names.TOOL_CALLS, 1, tool, model, outcome, simulated)
        elif check.name.startswith(_CONTRACT):
            self._add(names.CONTRACT_CHECKS, 1, model, outcome, simulated)

    def _captured(self, record: TurnRecord) -> None:
        provider, _, _ = record.decision.model.rpartition("/")
        labels = (self._bound("provider", provider or "unknown"), self._bound("captured", record.decision.model))
        self._add(names.CAPTURED_TURNS, 1, *labels, turn_outcome(record))
        if record.cost_usd is not None:
            self._add(names.CAPTURED_COST, float(record.cost_usd), *labels)

    def _bound(self, label: str, value: str) -> str:
        known = self._values.setdefault(label, set())
        if value in known:
            return value
        if len(known) >= _MOST_VALUES or len(value) > _MOST_VALUES or not value.isprintable():
            return names.OTHER
        known.add(value)
        return value

    def _add(self, metric: Metric, amount: float, *labels: str) -> None:
        child = self._children.get((metric.name, *labels))
        if not isinstance(child, Counter):
            whole = self._counters[metric.name]
            child = self._children[metric.name, *labels] = whole.labels(*labels) if labels else whole
        child.inc(amount)

    def _observe(self, metric: Metric, value: float, *labels: str) -> None:
        child = self._children.get((metric.name, *labels))
        if not isinstance(child, Histogram):
            whole = self._histograms[metric.name]
            child = self._children[metric.name, *labels] = whole.labels(*labels) if labels else whole
        child.observe(value)


_COUNTERS: Final = (
    names.TURNS,
    names.MODEL_CALLS,
    names.TOOL_CALLS,
    names.CONTRACT_CHECKS,
    names.ESCALATED,
    names.COST,
    names.UNPRICED,
    names.TOKENS,
    names.CAPTURED_TURNS,
    names.CAPTURED_COST,
)
_HISTOGRAMS: Final = (
    (names.FIRST_TOKEN, names.FIRST_TOKEN_BUCKETS_S),
    (names.TURN_DURATION, names.DURATION_BUCKETS_S),
    (names.DECISION, names.OVERHEAD_BUCKETS_S),
    (names.OVERHEAD, names.OVERHEAD_BUCKETS_S),
)


def turn_outcome(record: TurnRecord) -> str:
    """Return a turn's outcome in the words of ``metric_names``."""
    if record.status == "ok":
        return names.OK
    if record.status == "cancelled":
        return names.CANCELLED
    return names.FAILED if record.status == "broken" or record.http_status >= _FAULT else names.REFUSED


def token_kinds(usage: Usage) -> Iterable[tuple[str, int]]:
    """Return the counts of a usage by kind; what the provider did not say is left out."""
    kinds = ("uncached", usage.input_uncached), ("cache_read", usage.cache_read), ("cache_write", usage.cache_write)
    return [(kind, count) for kind, count in (*kinds, ("output", usage.output)) if count]
