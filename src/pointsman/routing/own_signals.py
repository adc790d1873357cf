"""Signals of your own: Python functions beside the built-in signals, held to what the policy says they measure.

The policy declares name and fields (``signals:``), so that rules over them are checked wherever the policy is read; the
function that measures is registered by the program that runs the turns. A signal that is not registered, that fails, or
that gives something else than declared is unknown: rules over it do not hold, and the decision says so.
"""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from pointsman.domain.turn import Session, Turn
from pointsman.errors import UsageError
from pointsman.routing.conditions import near
from pointsman.routing.sections_signals import FieldKind

_log = logging.getLogger(__name__)

Measure = Callable[[Turn, Session], Mapping[str, Any]]
"""Gives the fields of one signal of a turn: pure, no I/O, microseconds. A field may be None: it is unknown."""

SLOW_MS: Final = 5.0
"""Milliseconds after which a signal is called slow in the log: every turn waits for it."""
_TEXT_LIMIT: Final = 1_000
_LIST_LIMIT: Final = 100


class OwnSignals:
    """The declared signals and the functions registered for them. Register before the first turn."""

    def __init__(self, declared: Mapping[str, Mapping[str, FieldKind]]) -> None:
        self._declared = declared
        self._measures: dict[str, Measure] = {}
        self._said: set[tuple[str, str]] = set()

    def register(self, name: str, measure: Measure) -> None:
        """Let ``measure`` measure the declared signal ``name``.

        Raises:
            UsageError: the policy declares no such signal, it has a function already, or the function is async.
        """
        if name not in self._declared:
            raise UsageError(
                f"the policy declares no signal {name!r}{near(name, self._declared) if self._declared else ''}; "
                f"write what it measures under signals:, for example signals: {{{name}: {{level: text}}}}"
            )
        if name in self._measures:
            raise UsageError(f"signal {name!r} has a function already")
        if inspect.iscoroutinefunction(measure) or not callable(measure):
            raise UsageError(f"signal {name!r} needs a plain function (turn, session) -> fields, without await")
        self._measures[name] = measure

    def measure(self, turn: Turn, session: Session) -> dict[str, dict[str, Any]]:
        """Return the known fields of every declared signal; a signal that is unknown has none."""
        return {name: self._one(name, turn, session) for name in self._declared}

    def _one(self, name: str, turn: Turn, session: Session) -> dict[str, Any]:
        function = self._measures.get(name)
        if function is None:
            self._say(name, "no function is registered for it in this process")
            return {}
        started = time.perf_counter_ns()
        try:
            found = self._checked(name, function(turn, session))
        except Exception as error:  # noqa: BLE001 - a signal must never take a turn down
            self._say(name, f"it failed: {type(error).__name__}: {str(error)[:200]}")
            return {}
        took_ms = (time.perf_counter_ns() - started) / 1e6
        if took_ms > SLOW_MS:
            self._say(name, f"it took {took_ms:.0f} ms, and every turn waits for it", unknown=False)
        return found

    def _checked(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        declared = self._declared[name]
        if not isinstance(given, Mapping):
            raise TypeError(f"it gave {type(given).__name__}, not fields")
        strange = [str(field) for field in given if field not in declared]
        if strange:
            raise TypeError(f"the policy declares no field {strange[0]!r}")
        return {
            field: _value(field, kind, given[field]) for field, kind in declared.items() if given.get(field) is not None
        }

    def _say(self, name: str, what: str, *, unknown: bool = True) -> None:
        """Log it once per signal and kind of trouble: a turn a second would fill the log."""
        place = (name, what.partition(":")[0].partition(" took")[0])
        if place not in self._said:
            self._said.add(place)
            _log.warning("signal %s %s", name, f"is unknown: {what}" if unknown else f"is slow: {what}")


def _value(field: str, kind: FieldKind, value: Any) -> Any:
    """Return the value as plain data.

    Raises:
        TypeError: it is not of ``kind``.
    """
    if not isinstance(kind, str):
        if value in kind and isinstance(value, str):
            return str(value)
        raise TypeError(f"field {field} must be one of {', '.join(kind)}")
    if kind == "text" and isinstance(value, str) and len(value) <= _TEXT_LIMIT:
        return str(value)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "integer" and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return int(value)
    if kind == "number" and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if kind == "list" and isinstance(value, list | tuple) and len(value) <= _LIST_LIMIT:
        return [_value(field, "text", item) for item in value]
    raise TypeError(f"field {field} must be {kind}, not {type(value).__name__} of this size or kind")
