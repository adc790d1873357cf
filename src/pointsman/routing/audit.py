"""What a policy does, seen over many turns: matches per rule, shadowed rules, routes reached, and what to worry about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec

from pointsman.catalog.book import Catalog, retired
from pointsman.domain.turn import Turn
from pointsman.errors import NoEligibleModel
from pointsman.routing.policy import Policy
from pointsman.routing.router import Routing
from pointsman.routing.sections import Rule

RETIRES_SOON_DAYS = 90


class RuleUse(msgspec.Struct, frozen=True):
    """One rule over the turns: how often its condition held, and how often it was the first of its kind to hold."""

    name: str
    kind: str
    target: str
    when: str
    matched: int
    applied: int


class RouteUse(msgspec.Struct, frozen=True):
    """One route over the turns. ``reached_by`` names the rules that lead to it (``default`` for the default route)."""

    name: str
    models: tuple[str, ...]
    turns: int
    reached_by: tuple[str, ...]


class Audit(msgspec.Struct, frozen=True):
    """The whole picture. ``refused`` counts turns that no model could serve."""

    policy: str
    source: str
    turns: int
    refused: int
    rules: tuple[RuleUse, ...]
    routes: tuple[RouteUse, ...]
    warnings: tuple[str, ...]


def audit(routing: Routing, turns: Iterable[Turn], missing: Mapping[str, str], now: datetime | None = None) -> Audit:
    """Route ``turns`` and sum up. ``missing`` says, by provider, why it cannot be called (no key)."""
    now = now or datetime.now(UTC)
    tally = _Tally(routing)
    for turn in turns:
        tally.take(turn)
    policy = routing.policy
    warnings = [
        *_shadowed(policy, tally),
        *_unreached(policy),
        *_providers(policy, routing.catalog, missing),
        *_models(policy, routing.catalog, now),
    ]
    stale = routing.catalog.staleness(now.date())
    return Audit(
        policy=policy.version,
        source=policy.source,
        turns=tally.turns,
        refused=tally.refused,
        rules=tuple(
            RuleUse(
                rule.name, rule.kind, rule.target, " ".join(rule.when.split()), tally.matched[rule.name],
                tally.applied[rule.name],
            )
            for rule in policy.rules
        ),
        routes=tuple(
            RouteUse(name, policy.route_models(name), tally.routes[name], _reached_by(policy, name))
            for name in policy.routes
        ),
        warnings=(*warnings, stale) if stale else tuple(warnings),
    )  # fmt: skip


class _Tally:
    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self.turns = 0
        self.refused = 0
        self.matched: Counter[str] = Counter()
        self.applied: Counter[str] = Counter()
        self.routes: Counter[str] = Counter()
        # For each rule, the rules of its kind before it that held on every turn on which it held.
        self.before: dict[str, set[str]] = {}

    def take(self, turn: Turn) -> None:
        self.turns += 1
        names = self._routing.matches(turn)
        self.matched.update(names)
        self._compare(set(names))
        try:
            decision = self._routing.decide(turn)
        except NoEligibleModel:
            self.refused += 1
            return
        self.routes[decision.route] += 1
        self.applied.update(reason.name for reason in decision.reasons if reason.kind == "rule")

    def _compare(self, names: set[str]) -> None:
        earlier: dict[str, set[str]] = {}
        for rule in self._routing.policy.rules:
            same = earlier.setdefault(rule.kind, set())
            if rule.name in names:
                always = self.before.get(rule.name)
                self.before[rule.name] = set(same) if always is None else always & same
                same.add(rule.name)


def _shadowed(policy: Policy, tally: _Tally) -> list[str]:
    found: list[str] = []
    seen: dict[tuple[str, str], Rule] = {}
    for rule in policy.rules:
        key = (rule.kind, "".join(rule.when.split()))
        first = seen.setdefault(key, rule)
        if first is not rule:
            found.append(f"rule {rule.name!r} can never apply: {first.name!r} before it has the same condition")
        elif ("".join(rule.when.split())) != "true" and (rule.kind, "true") in seen:
            found.append(f"rule {rule.name!r} can never apply: {seen[rule.kind, 'true'].name!r} before it always holds")
        elif always := tally.before.get(rule.name):
            other = next(rule.name for rule in policy.rules if rule.name in always)
            count = tally.matched[rule.name]
            held = "the one turn" if count == 1 else f"all {count} turns"
            found.append(
                f"rule {rule.name!r} never applied: on {held} on which it held, {other!r} before it held as well"
            )
    return found


def _reached_by(policy: Policy, route: str) -> tuple[str, ...]:
    names = [rule.name for rule in policy.rules if rule.target == route]
    if route == policy.default_route:
        names.insert(0, "default")
    if route in {policy.sticky.steps, policy.sticky.synthesis}:
        names.append("step prediction")
    return tuple(names)


def _unreached(policy: Policy) -> list[str]:
    return [
        f"route {name!r} is reached by no rule and is not the default"
        for name in policy.routes
        if not _reached_by(policy, name)
    ]


def _providers(policy: Policy, catalog: Catalog, missing: Mapping[str, str]) -> list[str]:
    used = {model.partition("/")[0] for model in policy.models()}
    found = [f"{why}; its models are left out until then" for name, why in missing.items() if name in used]
    known = {model.provider for model in catalog.models()}
    for name in policy.providers:
        if name not in known:
            found.append(f"provider {name!r} has no model in the catalogue; add its models in a file (catalogue: FILE)")
        elif name not in used:
            found.append(f"provider {name!r} is set up, but no tier, route or rule names a model of it")
    found += [
        f"models of {name!r} are named, but the provider is not set up under providers: they never serve"
        for name in sorted(used - set(policy.providers))
    ]
    return found


def _models(policy: Policy, catalog: Catalog, now: datetime) -> list[str]:
    found: list[str] = []
    soon = now.date() + timedelta(days=RETIRES_SOON_DAYS)
    for name in policy.models():
        model = catalog.get(name)
        if model.responses_only:
            found.append(
                f"{name} answers only on the Responses API, which this version does not speak: it never serves"
            )
        if retired(model, now.date()):
            found.append(f"{name} was retired by its provider on {model.retires}: it never serves")
        elif retired(model, soon):
            days = (date.fromisoformat(model.retires or "") - now.date()).days
            found.append(f"{name} will be retired by its provider on {model.retires} (in {days} days)")
        if catalog.rates(name, now) is None:
            found.append(
                f"the price of {name} is unknown: it is chosen only where listed first or nothing else is left"
            )
    slow = [name for name in ("chat", "voice", "email") if getattr(policy.limits, name) is not None]
    unknown = [name for name in policy.models() if catalog.get(name).ttft_p95_ms is None]
    if slow and unknown:
        found.append(
            f"limits for {', '.join(slow)} name a first-token time, but it is unknown for {len(unknown)} of "
            f"{len(policy.models())} models: those are not left out for slowness"
        )
    return found
