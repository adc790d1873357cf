"""The rules of a policy: the shipped ones and its own, ready to be judged."""

from __future__ import annotations

from typing import Final

from pointsman.monitoring.monitors.burn_rule import BurnWatch
from pointsman.monitoring.monitors.change_rule import ChangeWatch, CostWatch
from pointsman.monitoring.monitors.finding import Rule, length, percent
from pointsman.monitoring.monitors.measures import WORDS
from pointsman.monitoring.monitors.rate_rule import RateWatch
from pointsman.monitoring.monitors.silence_rule import SilenceWatch
from pointsman.monitoring.monitors.spend_rule import SpendWatch
from pointsman.routing.sections_monitors import Monitors

SHIPPED: Final[dict[str, dict[str, dict[str, object]]]] = {
    "rates": {
        "tool-call-success": {"of": "tool_calls", "below": 0.95, "per": "model"},
        "conformance": {"of": "conformance", "below": 0.95, "per": "model"},
        # p95 over three seconds and more than 5 % over three seconds are the same thing; the second can be counted.
        "first-token": {"of": "first_token", "above": 0.05, "over_ms": 3000, "per": "model", "severity": "ticket"},
        "error-rate": {"of": "errors", "above": 0.05},
        "model-errors": {"of": "model_calls", "above": 0.1, "per": "model", "severity": "ticket"},
        "misroutes": {"of": "misroutes", "above": 0.05, "window": "1d", "widen_to": "7d", "severity": "ticket"},
        "unknown-prices": {"of": "unknown_prices", "above": 0.01, "window": "1h", "severity": "ticket"},
    },
    "burns": {"error-budget": {"of": "errors", "objective": 0.99}},
    "changes": {
        "escalations": {"of": "escalations", "by": 0.05, "severity": "ticket"},
        "cost-per-resolution": {
            "of": "cost_per_resolution",
            "by": 0.25,
            "window": "1d",
            "widen_to": "7d",
            "severity": "ticket",
        },
    },
    "silence": {"silence": {}},
}
"""The shipped rules, as they would be written in a policy."""


def shipped() -> Monitors:
    """Return the shipped rules."""
    return Monitors.model_validate(SHIPPED)


def in_force(own: Monitors) -> Monitors:
    """Return a policy's rules together with the shipped ones that it neither replaces by name nor switches off."""
    if not own.defaults:
        return own
    taken = {name for kind in _KINDS for name in getattr(own, kind)} | set(own.off)
    base = shipped()
    merged = {
        kind: {**{name: spec for name, spec in getattr(base, kind).items() if name not in taken}, **getattr(own, kind)}
        for kind in _KINDS
    }
    return own.model_copy(update=merged)


def rules_of(own: Monitors) -> tuple[Rule, ...]:
    """Return every rule that is in force, in the order they are listed."""
    found = in_force(own)
    rules: list[Rule] = [RateWatch(name, spec) for name, spec in found.rates.items()]
    rules += [BurnWatch(name, spec) for name, spec in found.burns.items()]
    rules += [
        CostWatch(name, spec) if spec.of == "cost_per_resolution" else ChangeWatch(name, spec)
        for name, spec in found.changes.items()
    ]
    rules += [SpendWatch(name, spec) for name, spec in found.spend.items()]
    rules += [SilenceWatch(name, spec) for name, spec in found.silence.items()]
    return tuple(rules)


def described(rule: Rule) -> dict[str, str]:
    """Return a rule in words, for lists: its name, kind, what it counts, severity, and when it fires."""
    match rule:
        case RateWatch(spec=spec):
            side = f"below {percent(spec.below)}" if spec.below is not None else f"above {percent(spec.above or 0)}"
            wide = f"{length(spec.window)}, up to {length(spec.widen_to)} at low traffic"
            fires = f"{side} in {wide}; p < {spec.p:g}, n >= {spec.min_n}"
            return _described(rule, "rate", WORDS[spec.of], spec.severity, fires)
        case BurnWatch(spec=spec):
            speeds = ", ".join(f"{w.factor:g}x in {length(w.long)} and {length(w.short)}" for w in spec.windows)
            return _described(
                rule, "burn", WORDS[spec.of], spec.windows[0].severity, f"{percent(spec.objective)}: {speeds}"
            )
        case ChangeWatch(spec=spec) | CostWatch(spec=spec):
            by = f"{spec.by:.0%}" if spec.of == "cost_per_resolution" else f"{spec.by * 100:g} points"
            fires = f"{by} {spec.direction} against the same hours of {spec.weeks} weeks; p < {spec.p:g}"
            return _described(rule, "change", WORDS[spec.of], spec.severity, fires)
        case SpendWatch(spec=spec):
            return _described(
                rule, "spend", WORDS["spend"], spec.severity, f"on its way over ${spec.usd:,} a {spec.per}"
            )
        case SilenceWatch(spec=spec):
            fires = f"nearly none in {length(spec.window)} where there usually are; p < {spec.p:g}"
            return _described(rule, "silence", WORDS["turns"], spec.severity, fires)
    return _described(rule, "", "", "", "")


def _described(rule: Rule, kind: str, of: str, severity: str, fires: str) -> dict[str, str]:
    source = rule.sources[0]
    which = "".join(f", {name} {value}" for name, value in source.only)
    each = f", per {source.per}" if source.per else ""
    return {"rule": rule.name, "kind": kind, "of": of + which + each, "severity": severity, "fires": fires}


_KINDS: Final = ("rates", "burns", "changes", "spend", "silence")
