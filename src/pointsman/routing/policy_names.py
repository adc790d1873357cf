"""Checks that the parts of a policy fit each other: every name it uses is defined, every condition can be asked."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pointsman.catalog.located_yaml import Place
from pointsman.domain.decision import TIERS
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.routing import signals
from pointsman.routing.agent_policy import check_agent
from pointsman.routing.conditions import BadCondition, Condition, Vocabulary, near
from pointsman.routing.policy_errors import Problem
from pointsman.routing.route_parts import helper_places, idle_keys
from pointsman.routing.sections import BUILT_IN_RANKS, PINNED
from pointsman.routing.sections_signals import python_type

if TYPE_CHECKING:
    from pointsman.routing.policy import Policy

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")
_CEL_NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
_CEL_WORDS = re.compile(
    # What CEL keeps for itself, its macros, and ``size``, which is a function.
    "as|break|const|continue|else|false|for|function|if|import|in|let|loop|map|namespace|null|package|return|true|var|void|"
    "while|all|exists|exists_one|filter|has|size"
)


def vocabulary(policy: Policy | None = None) -> Vocabulary:
    """Return what conditions may speak of: the built-in signals, as measured on a neutral turn, and the policy's own."""
    declared = policy.signals if policy is not None else {}
    own = [
        (name, tuple((field, python_type(kind)) for field, kind in fields.items())) for name, fields in declared.items()
    ]
    return _vocabulary(tuple(own))


# Its samples take 20 ms to make, half of reading a policy, and are the same for every policy with these signals.
@lru_cache(maxsize=8)
def _vocabulary(own: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]) -> Vocabulary:
    neutral = Turn(messages=(Message("user", (Text("Hello"),)),))
    return Vocabulary(signals.measure_all(neutral, EMPTY_SESSION), {name: dict(fields) for name, fields in own})


def cross_check(policy: Policy) -> list[Problem]:
    """Return everything that does not fit."""
    if wrong := _signals(policy):
        return wrong  # what rules may speak of is not known then
    found = [*_tiers(policy), *_routes(policy), *_route_parts(policy), *_providers(policy), *_rules(policy)]
    return (
        found
        + _sticky(policy)
        + _allow(policy)
        + _agents(policy)
        + _hedge(policy)
        + _canaries(policy)
        + _shadow(policy)
    )


def _canaries(policy: Policy) -> list[Problem]:
    found: list[Problem] = []
    tried: dict[str, str] = {}
    for name, canary in policy.canaries.items():
        found += _name(("canaries", name), name)
        for field, model in (("replaces", canary.replaces), ("model", canary.model)):
            found += _model_id(("canaries", name, field), model)
        if canary.replaces not in policy.models():
            text = f"{canary.replaces} is named by no tier, route or rule: there is nothing to take the place of"
            found.append(Problem(("canaries", name, "replaces"), text))
        known = policy.monitors.names()
        found += [
            Problem(("canaries", name, "rollback_on", index), f"there is no monitor {one!r}{near(one, known)}")
            for index, one in enumerate(canary.rollback_on)
            if one not in known
        ]
        if canary.model == canary.replaces:
            found.append(Problem(("canaries", name, "model"), "is the model it would replace"))
        if canary.replaces in tried:
            text = f"{canary.replaces} has the trial {tried[canary.replaces]} already; one at a time"
            found.append(Problem(("canaries", name, "replaces"), text))
        tried[canary.replaces] = name
    return found


def _shadow(policy: Policy) -> list[Problem]:
    if policy.shadow is None:
        return []
    found: list[Problem] = []
    for field in ("against", "judge"):
        names: tuple[str, ...] = getattr(policy.shadow, field)
        for index, name in enumerate(names):
            if name in TIERS and not policy.tiers.models(name):
                text = f"tier {name} has no models; list some under tiers.{name}, or write models here"
                found.append(Problem(("shadow", field, index), text))
            elif name not in TIERS:
                found += _model_id(("shadow", field, index), name)
    return found


def _hedge(policy: Policy) -> list[Problem]:
    limit_s = policy.deadlines.first_token_s
    if policy.hedge is None or policy.hedge.after_ms < limit_s * 1000:
        return []
    said = f"no call is waited for that long: deadlines.first_token_s is {limit_s:g} s"
    return [Problem(("hedge", "after_ms"), said)]


def _signals(policy: Policy) -> list[Problem]:
    taken = {signal.NAME for signal in signals.SIGNALS} | {"turn"}
    found: list[Problem] = []
    for name, fields in policy.signals.items():
        if name in taken:
            found.append(Problem(("signals", name), "is a built-in signal; give yours another name"))
        found += [
            Problem(path, f"{word!r} cannot stand in a condition: lower-case letters, digits and _, not a word of CEL")
            for word, path in [(name, ("signals", name)), *((field, ("signals", name, field)) for field in fields)]
            if not _CEL_NAME.match(word) or _CEL_WORDS.fullmatch(word)
        ]
    return found


def _tiers(policy: Policy) -> list[Problem]:
    found: list[Problem] = []
    seen: dict[str, str] = {}
    for tier in TIERS:
        for index, model in enumerate(policy.tiers.models(tier)):
            path: Place = ("tiers", tier, index)
            found += _model_id(path, model)
            if model in seen:
                found.append(Problem(path, f"{model} stands under {seen[model]} too; a model has one tier"))
            seen[model] = tier
    return found


def _routes(policy: Policy) -> list[Problem]:
    found: list[Problem] = []
    for name, route in policy.routes.items():
        found += _name(("routes", name), name)
        if name == PINNED:
            found.append(Problem(("routes", name), "is what turns are called whose client named the model"))
        if name in TIERS:
            found.append(Problem(("routes", name), "is the name of a tier; give the route another name"))
        if name not in BUILT_IN_RANKS and route.rank is None:
            text = "needs rank: direct, tools or plan, so that floors and ceilings know where it stands"
            found.append(Problem(("routes", name), text))
        if name in BUILT_IN_RANKS and route.rank not in {None, BUILT_IN_RANKS[name]}:
            text = f"{name} always stands at {BUILT_IN_RANKS[name]}; leave rank out or name the route otherwise"
            found.append(Problem(("routes", name, "rank"), text))
        found += [
            Problem(("routes", name, "tiers", index), f"tier {tier} has no models; list some under tiers.{tier}")
            for index, tier in enumerate(route.tiers)
            if not policy.tiers.models(tier)
        ]
        for index, model in enumerate(route.models):
            found += _model_id(("routes", name, "models", index), model)
    if policy.default_route not in policy.routes:
        text = f"there is no route {policy.default_route!r}{near(policy.default_route, policy.routes)}"
        found.append(Problem(("default_route",), text))
    return found


def _route_parts(policy: Policy) -> list[Problem]:
    found = [Problem(path, text) for path, text in idle_keys(policy)]
    for path, target in helper_places(policy):
        if target in TIERS and not policy.tiers.models(target):
            found.append(Problem(path, f"tier {target} has no models; list some under tiers.{target}"))
        elif target not in TIERS and "/" not in target:
            found.append(Problem(path, f"there is no tier {target!r}{near(target, TIERS)}"))
        elif "/" in target:
            found += _model_id(path, target)
    return found


def _providers(policy: Policy) -> list[Problem]:
    return [problem for name in policy.providers for problem in _name(("providers", name), name)]


def _rules(policy: Policy) -> list[Problem]:
    words = vocabulary(policy)
    found: list[Problem] = []
    names: set[str] = set()
    for index, rule in enumerate(policy.rules):
        if rule.name in names:
            found.append(Problem(("rules", index, "name"), f"two rules are called {rule.name!r}"))
        names.add(rule.name)
        found += _target(policy, ("rules", index, rule.kind), rule.target, models=rule.kind in {"pin", "prefer"})
        try:
            words.check(Condition(rule.when))
        except BadCondition as error:
            found.append(Problem(("rules", index, "when"), f"{error} (rule {rule.name!r})"))
    return found


def _sticky(policy: Policy) -> list[Problem]:
    found: list[Problem] = []
    for field in ("steps", "synthesis"):
        target = getattr(policy.sticky, field)
        if target is not None:
            found += _target(policy, ("sticky", field), target, models=True)
    return found


def _target(policy: Policy, path: Place, target: str, *, models: bool) -> list[Problem]:
    if target in policy.routes:
        return []
    if not models:
        return [Problem(path, f"there is no route {target!r}{near(target, policy.routes)}")]
    if "/" in target:
        return _model_id(path, target)
    if target in TIERS:
        empty = not policy.tiers.models(target)
        return [Problem(path, f"tier {target} has no models; list some under tiers.{target}")] if empty else []
    return [Problem(path, f"there is no route or tier {target!r}{near(target, [*policy.routes, *TIERS])}")]


def _agents(policy: Policy) -> list[Problem]:
    found: list[Problem] = []
    for name, agent in policy.agents.items():
        found += [*_name(("agents", name), name), *check_agent(policy, name, agent)]
    return found


def _allow(policy: Policy) -> list[Problem]:
    allow = policy.limits.allow
    found: list[Problem] = []
    lists: list[tuple[Place, tuple[str, ...]]] = [(("limits", "allow", "default"), allow.default or ())]
    lists += [(("limits", "allow", "keys", name), entries) for name, entries in allow.keys.items()]
    lists += [(("limits", "allow", "tenants", name), entries) for name, entries in allow.tenants.items()]
    for path, entries in lists:
        for index, entry in enumerate(entries):
            if entry not in TIERS:
                found += _model_id((*path, index), entry)
    return found


def _model_id(path: Place, model: str) -> list[Problem]:
    provider, slash, name = model.partition("/")
    if provider and slash and name:
        return []
    return [Problem(path, f"{model!r} is not a model id; write provider/name, as `pointsman models` lists them")]


def _name(path: Place, name: str) -> list[Problem]:
    return [] if _NAME.match(name) else [Problem(path, "a name is letters, digits, - and _, and begins with a letter")]
