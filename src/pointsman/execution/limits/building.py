"""Puts the guard together from a policy: opens the budget accounts, and recovers what a crash left in them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from pointsman.catalog.book import Catalog
from pointsman.execution.limits.breakers import Breakers
from pointsman.execution.limits.budgets import Budgets, period_of, start_of
from pointsman.execution.limits.guard import Watch
from pointsman.execution.limits.rates import Rates
from pointsman.execution.limits.spread import Spread
from pointsman.providers.seam import Endpoint
from pointsman.routing.policy import Policy
from pointsman.store.spend import SpendBook
from pointsman.store.store import Store

_log = logging.getLogger(__name__)


def build_guard(
    policy: Policy,
    catalog: Catalog,
    endpoints: Mapping[str, Sequence[Endpoint]],
    store: Store,
    clean: Callable[[str], str] = str,
) -> Watch:
    """Return the guard for a policy. ``endpoints`` are the keys of each provider, as endpoints of their own.

    ``clean`` takes personal data out of the names under which spending is stored.

    Raises:
        StoreError: the policy has caps, and the store cannot be read or written.
    """
    limits = policy.budgets
    budgets = None
    if limits.caps:
        book = SpendBook(store, simulated=_all_simulated(endpoints.values()), clean=clean)
        _open(book, policy)
        budgets = Budgets(limits.caps, book)
    return Watch(
        policy=policy,
        catalog=catalog,
        breakers=Breakers(policy.breaker),
        spread=Spread(endpoints),
        budgets=budgets,
        rates=Rates(limits.rates) if limits.rates else None,
    )


def _open(book: SpendBook, policy: Policy) -> None:
    left = book.recover()
    if left:
        _log.warning(
            "%d calls were on their way when the last process ended: what they could cost counts as spent", left
        )
    now = datetime.now(UTC)
    since = {
        (cap.of, period_of(cap.per, now)): int(start_of(cap.per, now).timestamp() * 1e6)
        for cap in policy.budgets.caps
        if cap.per != "turn"
    }
    book.seed(since)


def _all_simulated(endpoints: Iterable[Sequence[Endpoint]]) -> bool:
    known = [one for several in endpoints for one in several]
    return bool(known) and all(one.simulated for one in known)
