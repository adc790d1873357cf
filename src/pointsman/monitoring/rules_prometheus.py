"""The policy's monitors as a rule file for Prometheus, over the names of ``metric_names``.

PromQL has no binomial tail: the evidence is that of the normal approximation, and there is no widening. What cannot be asked of
``/metrics`` (outcomes, grades, shadow checks, money, weeks before) is left out, and named.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any, Final

import msgspec
import yaml

from pointsman.monitoring import metric_names as names
from pointsman.monitoring.monitors.burn_rule import BurnWatch
from pointsman.monitoring.monitors.finding import Rule, length, percent
from pointsman.monitoring.monitors.measures import WORDS, hits_are_good
from pointsman.monitoring.monitors.rate_rule import RateWatch
from pointsman.monitoring.monitors.tallies import Source

_LABELS: Final = frozenset({"model", "route", "tier", "tool"})


_COUNTED: Final = f'=~"{names.OK}|{names.FAILED}"'
_METRICS: Final[dict[str, tuple[names.Metric, str, names.Metric, str]]] = {
    "errors": (names.TURNS, names.FAILED, names.TURNS, _COUNTED),
    "model_calls": (names.MODEL_CALLS, names.FAILED, names.MODEL_CALLS, _COUNTED),
    "tool_calls": (names.TOOL_CALLS, names.FAILED, names.TOOL_CALLS, _COUNTED),
    "conformance": (names.CONTRACT_CHECKS, names.FAILED, names.CONTRACT_CHECKS, _COUNTED),
    "escalations": (names.ESCALATED, "", names.TURNS, _COUNTED),
    "unknown_prices": (names.UNPRICED, "", names.TURNS, names.OK),
}
"""What is bad of a measure, with its outcome, and what is counted, with its outcomes."""


class Exported(msgspec.Struct, frozen=True):
    """The rule file as data, and the monitors that could not be put into it, each with the reason."""

    file: dict[str, Any]
    left_out: tuple[tuple[str, str], ...]


class _Parts(msgspec.Struct, frozen=True):
    """What is bad of a measure and what is counted, as selectors without a range."""

    bad: str
    all: str
    labels: tuple[str, ...]
    rest: bool = False  # bad is what remains of all


def exported(rules: tuple[Rule, ...]) -> Exported:
    """Return the rule file for these rules."""
    groups: list[dict[str, Any]] = []
    left_out: list[tuple[str, str]] = []
    for rule in rules:
        if not isinstance(rule, RateWatch | BurnWatch):
            left_out.append((rule.name, "it looks at weeks, money or silence"))
            continue
        parts = _parts(rule.source)
        reason = _unfit(rule.source, parts)
        if parts is None or reason:
            left_out.append((rule.name, reason))
            continue
        alerts = list(_rate(rule, parts) if isinstance(rule, RateWatch) else _burn(rule, parts))
        groups.append({"name": f"pointsman-{rule.name}", "rules": alerts})
    return Exported({"groups": groups}, tuple(left_out))


def as_yaml(file: dict[str, Any]) -> str:
    """Return the rule file as text; expressions stand on lines of their own."""

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return str(yaml.dump(file, Dumper=Dumper, sort_keys=False, width=1000, allow_unicode=True))


def _unfit(source: Source, parts: _Parts | None) -> str:
    if parts is None:
        return f"{WORDS[source.measure]} are not in /metrics"
    wanted = [name for name, _ in source.only] + ([source.per] if source.per else [])
    missing = [name for name in wanted if name not in _LABELS or name not in parts.labels]
    return f"its metric has no label {missing[0]}" if missing else ""


def _parts(source: Source) -> _Parts | None:
    fixed = {name: value for name, value in source.only if name in _LABELS}

    def select(metric: names.Metric, suffix: str = "", **labels: str) -> str:
        pairs = {key: f"={_quoted(value)}" for key, value in {**fixed, "simulated": "false"}.items()}
        pairs |= {key: value if value.startswith("=~") else f"={_quoted(value)}" for key, value in labels.items()}
        return f"{metric.name}{suffix}{{{','.join(f'{key}{value}' for key, value in sorted(pairs.items()))}}}"

    if source.measure == "first_token":
        # Written 3 or 3.0, as the exposition's format has it.
        bound = '=~"' + f"{_nearest(float(source.detail) / 1000):g}".replace(".", "[.]") + '([.]0)?"'
        first = names.FIRST_TOKEN
        return _Parts(select(first, "_bucket", le=bound), select(first, "_count"), first.labels, rest=True)
    if source.measure not in _METRICS:
        return None
    bad, outcome, whole, counted = _METRICS[source.measure]
    return _Parts(select(bad, **({"outcome": outcome} if outcome else {})), select(whole, outcome=counted), bad.labels)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _nearest(seconds: float) -> float:
    return min(names.FIRST_TOKEN_BUCKETS_S, key=lambda bound: (abs(bound - seconds), bound))


def _sum(selector: str, window: int, per: str) -> str:
    by = f" by ({per})" if per else ""
    return f"sum{by} (increase({selector}[{window}m]))"


def _share(parts: _Parts, window: int, per: str) -> str:
    bad, whole = _sum(parts.bad, window, per), _sum(parts.all, window, per)
    return f"(1 - {bad} / {whole})" if parts.rest else f"({bad} / {whole})"


def _rate(rule: RateWatch, parts: _Parts) -> Iterator[dict[str, Any]]:
    spec, per = rule.spec, rule.source.per
    bound = float(spec.below if spec.below is not None else spec.above or 0)
    bad_bound = 1 - bound if hits_are_good(spec.of) else bound
    z = NormalDist().inv_cdf(1 - spec.p)
    share, n = _share(parts, spec.window, per), _sum(parts.all, spec.window, per)
    spread = math.sqrt(bad_bound * (1 - bad_bound))
    expression = (
        f"{n} >= {spec.min_n}\nand {share} > {_number(bad_bound)}\n"
        f"and ({share} - {_number(bad_bound)}) * sqrt({n}) > {_number(z * spread)}"
    )
    if (spec.below is None) == hits_are_good(spec.of):
        # It is the good side that is watched: too many successes, or too few failures.
        expression = (
            f"{n} >= {spec.min_n}\nand {share} < {_number(bad_bound)}\n"
            f"and ({_number(bad_bound)} - {share}) * sqrt({n}) > {_number(z * spread)}"
        )
    side = "below" if spec.below is not None else "above"
    text = f"{WORDS[spec.of]} {side} {percent(bound)} in {length(spec.window)}"
    yield _alert(rule.name, expression, spec.severity, text, spec.window)


def _burn(rule: BurnWatch, parts: _Parts) -> Iterator[dict[str, Any]]:
    spec, per = rule.spec, rule.source.per
    far = _number(NormalDist().inv_cdf(1 - spec.p) * math.sqrt(rule.budget * (1 - rule.budget)))
    for window in spec.windows:
        limit = _number(window.factor * rule.budget)
        long, short = _share(parts, window.long, per), _share(parts, window.short, per)
        n = _sum(parts.all, window.long, per)
        expression = f"{long} > {limit}\nand {short} > {limit}\nand {n} >= {spec.min_n}"
        expression += f"\nand ({long} - {_number(rule.budget)}) * sqrt({n}) > {far}"
        text = f"the budget of {percent(rule.budget)} burns {window.factor:g} times too fast in {length(window.long)}"
        yield _alert(rule.name, expression, window.severity, text, window.long)


def _alert(name: str, expression: str, severity: str, text: str, window: int) -> dict[str, Any]:
    words = "".join(part.capitalize() for part in name.replace("_", "-").split("-"))
    return {
        "alert": f"Pointsman{words}",
        "expr": expression,
        "labels": {"severity": severity, "monitor": name, "window": f"{window}m"},
        "annotations": {"summary": f"{name}: {text}"},
    }


def _number(value: float) -> str:
    return f"{value:.6g}"
