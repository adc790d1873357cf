"""Load spread over the keys of a provider, and rest for a key that was refused.

A key is taken by least in flight, then in turn. A key that met a rate limit rests for that model as long as the provider asked
(``_COOL_S`` where it named no time, never more than ``_LONGEST_S``); one whose account was refused rests for all models. When
every key of a model rests, routing is told so and takes other models; a call that comes all the same gets the key that is
due first. Keys are told apart by where they came from (the name of an environment variable), never by what they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from pointsman.providers.seam import Endpoint

_COOL_S = 1.0
_REFUSED_S = 60.0
_LONGEST_S = 300.0
_LIMITED = frozenset({"rate_limit"})
_REFUSED = frozenset({"authentication", "permission", "billing", "quota"})


class Lease:
    """A key lent to one call. ``endpoint`` is where to call with it."""

    def __init__(self, spread: Spread, model: str, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._spread = spread
        self._model = model
        self._open = True

    def give_back(self, kind: str | None, retry_after: float | None) -> None:
        """Say how the call ended: the neutral kind of its failure (None: none), and how long the provider asked to wait."""
        if self._open:
            self._open = False
            self._spread.take_back(self._model, self.endpoint, kind, retry_after)


class Spread:
    """The keys of all providers. ``clock`` gives monotonic seconds. Used by one event loop."""

    def __init__(
        self, endpoints: Mapping[str, Sequence[Endpoint]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoints = {provider: tuple(known) for provider, known in endpoints.items()}
        self._clock = clock
        # By provider and number of the key; with a model: for that model alone.
        self._busy: dict[tuple[str, int], int] = {}
        self._rests: dict[tuple[str, int, str | None], float] = {}
        self._next: dict[str, int] = {}

    def take(self, provider: str, model: str) -> Lease:
        """Lend the best key for a call.

        Raises:
            KeyError: no such provider.
        """
        known = self._endpoints[provider]
        if len(known) == 1:
            return Lease(self, model, known[0])
        first = self._next.get(provider, 0)
        now = self._clock()

        def order(number: int) -> tuple[float, int, int]:
            resting = max(0.0, self._rest_of(provider, number, model) - now)
            return resting, self._busy.get((provider, number), 0), (number - first) % len(known)

        number = min(range(len(known)), key=order)
        self._next[provider] = (number + 1) % len(known)
        self._busy[provider, number] = self._busy.get((provider, number), 0) + 1
        return Lease(self, model, known[number])

    def take_back(self, model: str, endpoint: Endpoint, kind: str | None, retry_after: float | None) -> None:
        """See ``Lease.give_back``."""
        provider = endpoint.provider
        known = self._endpoints.get(provider, ())
        number = next((n for n, one in enumerate(known) if one is endpoint), None)
        if number is None:
            return
        if (provider, number) in self._busy:
            self._busy[provider, number] -= 1
        if kind in _LIMITED:
            wait = _COOL_S if retry_after is None else min(retry_after, _LONGEST_S)
            self._rests[provider, number, model] = self._clock() + wait
        elif kind in _REFUSED:
            self._rests[provider, number, None] = self._clock() + _REFUSED_S

    def has_another(self, provider: str, model: str) -> bool:
        """Return whether the provider has several keys and one of them may be used for this model now."""
        known = self._endpoints.get(provider, ())
        now = self._clock()
        return len(known) > 1 and any(self._rest_of(provider, n, model) <= now for n in range(len(known)))

    def resting(self) -> dict[str, str]:
        """Return every model whose keys all rest, with the reason. Nearly always empty."""
        if not self._rests:
            return {}
        now = self._clock()
        for place in [place for place, until in self._rests.items() if until <= now]:
            del self._rests[place]
        models = {(provider, model) for provider, _, model in self._rests if model is not None}
        found: dict[str, str] = {}
        for provider, model in models:
            wait = min(self._rest_of(provider, n, model) for n in range(len(self._endpoints[provider]))) - now
            if wait > 0:
                found[model] = f"the provider asked to wait; it is asked again in {wait:.0f} s"
        return found

    def refused(self) -> dict[str, str]:
        """Return every provider whose keys were all refused lately, with the reason."""
        if not self._rests:
            return {}
        now = self._clock()
        found: dict[str, str] = {}
        for provider in {provider for provider, _, model in self._rests if model is None}:
            numbers = range(len(self._endpoints[provider]))
            wait = min(self._rests.get((provider, number, None), 0.0) for number in numbers) - now
            if wait > 0:
                found[provider] = f"provider {provider} refused its key; it is asked again in {wait:.0f} s"
        return found

    def _rest_of(self, provider: str, number: int, model: str) -> float:
        return max(self._rests.get((provider, number, model), 0.0), self._rests.get((provider, number, None), 0.0))
