"""Circuit breakers: an endpoint (one model of one provider) that keeps failing is left alone for a while.

::

    closed --(failures in a row, or their share in the window)--> open --(its time is over)--> half-open
    half-open: one call at a time; it succeeds --> closed, it fails --> open again, twice as long (at most 4 times as long)

What counts is the provider's health: server errors, overload, timeouts, cut and unreadable streams. A request the provider
finds wrong (400), an account it refuses, a rate limit and a client that left say nothing of that (the last two are the business
of ``spread``), so they neither open nor close a breaker.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from pointsman.routing.sections_budgets import Breaker as Settings

State = Literal["closed", "open", "half_open"]
Outcome = Literal["ok", "failed", "nothing"]

_LONGER = 2
_LONGEST = 4
_MOST_CALLS = 1000
"""Calls a window remembers: at a higher rate the window is shorter, and its memory bounded."""
_ITS_HEALTH = frozenset(
    {
        "server_error",
        "overloaded",
        "timeout",
        "stalled",
        "malformed_reply",
        "oversized_frame",
        "not_found",
        "invalid_endpoint",
    }
)
"""Kinds of failure that tell of the endpoint; all others tell of the request, the account, the client or ourselves."""


def outcome_of_kind(kind: str | None) -> Outcome:
    """Return what a failure of this kind says of the endpoint's health."""
    return "failed" if kind in _ITS_HEALTH else "nothing"


class _Circuit:
    __slots__ = ("calls", "lasting", "opened_at", "probing", "row", "state")

    def __init__(self) -> None:
        self.state: State = "closed"
        self.calls: deque[tuple[float, bool]] = deque(maxlen=_MOST_CALLS)
        self.row = 0
        self.opened_at = 0.0
        self.lasting = 0.0
        self.probing = False


class Breakers:
    """The breakers of all endpoints. ``clock`` gives monotonic seconds."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}
        # Those not closed: nearly always none, and looked at for every turn.
        self._broken: set[str] = set()

    def state(self, endpoint: str) -> State:
        """Return the state of an endpoint now."""
        circuit = self._circuits.get(endpoint)
        if circuit is None:
            return "closed"
        if circuit.state == "open" and self._clock() - circuit.opened_at >= circuit.lasting:
            return "half_open"
        return circuit.state

    def refusal(self, endpoint: str) -> str | None:
        """Return why the endpoint should not be called now, None when it may be."""
        if endpoint not in self._broken:
            return None
        circuit = self._circuits[endpoint]
        state = self.state(endpoint)
        if state == "open":
            return f"it kept failing; it is tried again in {self.due_in(endpoint):.0f} s"
        if state == "half_open" and circuit.probing:
            return "it kept failing; one call is finding out whether it is back"
        return None

    def due_in(self, endpoint: str) -> float:
        """Return the seconds until the endpoint may be called; 0 when it may be now."""
        circuit = self._circuits.get(endpoint)
        if circuit is None or circuit.state != "open":
            return 0.0
        return max(0.0, circuit.lasting - (self._clock() - circuit.opened_at))

    def refused(self) -> dict[str, str]:
        """Return every endpoint that should not be called now, with the reason."""
        found = ((endpoint, self.refusal(endpoint)) for endpoint in self._broken)
        return {endpoint: reason for endpoint, reason in found if reason is not None}

    def enter(self, endpoint: str, *, force: bool = False) -> Callable[[Outcome], None] | None:
        """Return the function that reports how a call ended, to be called once; None when the call must not be made.

        ``force`` makes it in any case: where every endpoint is open, somebody has to try.
        """
        if not self._settings.enabled:
            return _ignore
        if not force and self.refusal(endpoint) is not None:
            return None
        circuit = self._circuits.setdefault(endpoint, _Circuit())
        probe = endpoint in self._broken and not circuit.probing
        if probe:
            circuit.state, circuit.probing = "half_open", True

        def report(outcome: Outcome) -> None:
            if probe:
                circuit.probing = False
            self._take(endpoint, circuit, outcome, probe=probe)

        return report

    def _take(self, endpoint: str, circuit: _Circuit, outcome: Outcome, *, probe: bool) -> None:
        if outcome == "nothing":
            return
        if outcome == "ok":
            if circuit.state != "open" or probe:
                self._close(endpoint, circuit)
            self._count(circuit, failed=False)
            return
        if probe:
            self._open(endpoint, circuit, min(circuit.lasting * _LONGER, self._settings.open_s * _LONGEST))
        elif circuit.state == "closed":
            self._count(circuit, failed=True)
            if self._is_too_much(circuit):
                self._open(endpoint, circuit, self._settings.open_s)

    def _count(self, circuit: _Circuit, *, failed: bool) -> None:
        now = self._clock()
        circuit.calls.append((now, failed))
        circuit.row = circuit.row + 1 if failed else 0
        while circuit.calls and circuit.calls[0][0] <= now - self._settings.window_s:
            circuit.calls.popleft()

    def _is_too_much(self, circuit: _Circuit) -> bool:
        settings = self._settings
        if circuit.row >= settings.consecutive:
            return True
        failures = sum(failed for _, failed in circuit.calls)
        return len(circuit.calls) >= settings.min_calls and failures >= settings.share * len(circuit.calls)

    def _open(self, endpoint: str, circuit: _Circuit, lasting: float) -> None:
        circuit.state, circuit.opened_at, circuit.lasting = "open", self._clock(), lasting
        circuit.calls.clear()
        circuit.row = 0
        self._broken.add(endpoint)

    def _close(self, endpoint: str, circuit: _Circuit) -> None:
        if endpoint in self._broken:
            self._broken.discard(endpoint)
            circuit.calls.clear()
            circuit.row = 0
        circuit.state = "closed"


def _ignore(outcome: Outcome) -> None:
    del outcome
