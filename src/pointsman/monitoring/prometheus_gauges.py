"""What a scrape reads from the store at that moment: budgets, rejected replies, shadow spend, readers' lag, incidents."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pointsman.monitoring import metric_names as names
from pointsman.routing.policy import Policy
from pointsman.store import Store
from pointsman.store.money import from_pico
from pointsman.store.spend import list_spend
from pointsman.store.sql import load_queries

_NAMED = ("all", "key", "agent")
"""Scopes whose accounts may be named in a label: users and conversations are customers."""


class Gauges(Collector):
    """Reads the store when it is collected. ``since_us``: when the process began; ``place``: how far its turns are counted."""

    def __init__(self, store: Store, policy: Policy, since_us: int, place: Callable[[], int]) -> None:
        self._store = store
        self._policy = policy
        self._since_us = since_us
        self._place = place
        self._queries = load_queries("metrics")

    def collect(self) -> Iterator[Metric]:
        """Yield the families.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._store.reading() as connection:
            yield self._rejections(connection)
            yield self._shadow(connection)
            yield self._lag(connection)
            yield from self._incidents(connection)
        yield from self._budgets()
        size = GaugeMetricFamily(names.STORE_BYTES.name, names.STORE_BYTES.help)
        path = self._store.path
        size.add_metric((), path.stat().st_size if path.exists() else 0)
        yield size

    def _rejections(self, connection: sqlite3.Connection) -> Metric:
        family = CounterMetricFamily(names.REJECTIONS.name, names.REJECTIONS.help, labels=names.REJECTIONS.labels)
        for model, outcome, count in connection.execute(self._queries["rejections"], {"since_us": self._since_us}):
            family.add_metric((model, outcome), count)
        return family

    def _shadow(self, connection: sqlite3.Connection) -> Metric:
        family = CounterMetricFamily(names.SHADOW_COST.name, names.SHADOW_COST.help)
        pico = connection.execute(self._queries["shadow_cost"], {"since_us": self._since_us}).fetchone()[0]
        family.add_metric((), float(from_pico(pico) or 0))
        return family

    def _lag(self, connection: sqlite3.Connection) -> Metric:
        family = GaugeMetricFamily(names.READER_LAG.name, names.READER_LAG.help, labels=names.READER_LAG.labels)
        last = int(connection.execute(load_queries("turns")["last_seq"]).fetchone()[0])
        family.add_metric(("metrics",), max(0, last - self._place()))
        for reader, seq in connection.execute(self._queries["readers"]):
            family.add_metric((reader,), max(0, last - seq))
        return family

    def _incidents(self, connection: sqlite3.Connection) -> Iterator[Metric]:
        if connection.execute(self._queries["has_incidents"]).fetchone() is None:
            return
        family = GaugeMetricFamily(names.INCIDENTS.name, names.INCIDENTS.help, labels=names.INCIDENTS.labels)
        for severity, simulated, count in connection.execute(self._queries["open_incidents"]):
            family.add_metric((severity, "true" if simulated else "false"), count)
        yield family

    def _budgets(self) -> Iterator[Metric]:
        now = datetime.now(UTC)
        caps = self._policy.budgets.caps
        spent = GaugeMetricFamily(names.BUDGET_SPENT.name, names.BUDGET_SPENT.help, labels=names.BUDGET_SPENT.labels)
        wanted = {(cap.of, cap.name or "", cap.per) for cap in caps if cap.of in _NAMED}
        periods = {f"{now:%Y-%m-%d}": "day", f"{now:%Y-%m}": "month", "total": "total"}
        for line in list_spend(self._store, f"{now:%Y-%m-%d}", f"{now:%Y-%m}"):
            account = line.account
            if (account.scope, account.id, periods.get(account.period)) in wanted:
                labels = (account.scope, account.id, periods[account.period], "true" if line.simulated else "false")
                spent.add_metric(labels, float(from_pico(line.spend.spent) or 0))
        yield spent
        family = GaugeMetricFamily(names.BUDGET_CAP.name, names.BUDGET_CAP.help, labels=names.BUDGET_CAP.labels)
        for cap in caps:
            if cap.of in _NAMED and (cap.of == "all" or cap.name):
                family.add_metric((cap.of, cap.name or "", cap.per), float(cap.usd))
        yield family
