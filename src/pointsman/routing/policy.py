"""The policy file, ``pointsman.yaml``: what it holds, and how it is loaded with errors that name line and field."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, PrivateAttr, ValidationError

from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.domain.decision import TIERS, Tier
from pointsman.domain.message import JsonObject
from pointsman.domain.plan import extended
from pointsman.errors import PolicyError, UsageError
from pointsman.routing.agent_policy import check_agent
from pointsman.routing.policy_errors import Problem, from_validation, raise_problems, spell
from pointsman.routing.policy_names import cross_check
from pointsman.routing.route_parts import helper_places, worker
from pointsman.routing.sections import (
    BUILT_IN_RANKS,
    RANK_ORDER,
    Context,
    Deadlines,
    Fallback,
    Limits,
    Parameters,
    Privacy,
    Provider,
    Route,
    Rule,
    Safety,
    Section,
    Sticky,
    Tiers,
)
from pointsman.routing.sections_agents import Agent
from pointsman.routing.sections_budgets import Breaker, Budgets
from pointsman.routing.sections_canary import Canary
from pointsman.routing.sections_hedge import HedgeSection
from pointsman.routing.sections_llm_router import LlmRouter
from pointsman.routing.sections_memory import MemorySection
from pointsman.routing.sections_monitors import Monitors
from pointsman.routing.sections_replay import ReplaySection
from pointsman.routing.sections_retention import Retention
from pointsman.routing.sections_shadow import DistillSection, Economics, ShadowSection
from pointsman.routing.sections_signals import OwnFields
from pointsman.routing.sections_telemetry import TelemetrySection
from pointsman.routing.sections_voice import Voice


class Policy(Section):
    """A policy file. Frozen; ``version`` is the hash of its content, ``source`` the name of the file."""

    file_version: Annotated[Literal[1], Field(alias="version", description="Version of this file format: 1.")]
    providers: dict[str, Provider] = Field(min_length=1, description="The providers you have, by catalogue name.")
    catalogue: str | None = Field(default=None, description="Your own models file, relative to this file.")
    tiers: Tiers = Tiers()
    routes: dict[str, Route] = Field(min_length=1, description="How turns are handled.")
    default_route: str = Field(description="The route of a turn in which nothing was recognised.")
    rules: tuple[Rule, ...] = Field(default=(), max_length=500, description="First match per kind decides.")
    signals: dict[str, OwnFields] = Field(default={}, max_length=30, description="Signals of your own, for rules.")
    limits: Limits = Limits()
    privacy: Privacy = Privacy()
    parameters: Parameters = Parameters()
    deadlines: Deadlines = Deadlines()
    fallback: Fallback = Fallback()
    sticky: Sticky = Sticky()
    context: Context = Context()
    safety: Safety = Safety()
    memory: MemorySection = MemorySection()
    retention: Retention = Retention()
    llm_router: LlmRouter | None = Field(
        default=None, description="A model that sorts the turns nothing else is sure of."
    )
    voice: Voice = Voice()
    agents: dict[str, Agent] = Field(default_factory=dict, description="Agents that Pointsman runs, by name.")
    budgets: Budgets = Budgets()
    breaker: Breaker = Breaker()
    shadow: ShadowSection | None = Field(
        default=None, description="Turns that a stronger model answers again; absent: none."
    )
    economics: Economics = Economics()
    distill: DistillSection = DistillSection()
    monitors: Monitors = Monitors()
    hedge: HedgeSection | None = Field(default=None, description="A second call beside a slow one; absent: never.")
    telemetry: TelemetrySection | None = Field(
        default=None, description="What OpenTelemetry receivers are sent; absent: what OTEL_* variables ask for."
    )
    replay: ReplaySection = ReplaySection()
    canaries: dict[str, Canary] = Field(default={}, max_length=20, description="Models on trial, by the trial's name.")

    _version: str = PrivateAttr("")
    _source: str = PrivateAttr("")
    _lines: LocatedYaml | None = PrivateAttr(None)

    @property
    def version(self) -> str:
        """First 12 hex digits of the SHA-256 of the content; comments and layout do not count."""
        return self._version

    @property
    def source(self) -> str:
        """The file this policy was read from, as it is named in messages."""
        return self._source

    @property
    def catalogue_path(self) -> Path | None:
        """Where the user's own models file is; a relative path starts at the policy file's folder."""
        return None if self.catalogue is None else Path(self._source).parent / self.catalogue

    @property
    def runs_path(self) -> Path | None:
        """Where replay runs are kept; a relative path starts at the policy file's folder. None: the policy does not say."""
        return None if self.replay.runs is None else Path(self._source).parent / self.replay.runs

    def where(self, *path: str | int) -> str:
        """Return ``file:line`` of a field, for messages."""
        line = self._lines.line(path) if self._lines else 1
        return f"{self._source}:{line}"

    def route_models(self, route: str) -> tuple[str, ...]:
        """Return the candidates of a route in the order the policy lists them: its own models, then its tiers'."""
        spec = self.routes[route]
        listed = [*spec.models, *(model for tier in spec.tiers for model in self.tiers.models(tier))]
        return tuple(dict.fromkeys(listed))

    def models(self) -> tuple[str, ...]:
        """Return every model id the policy names, in its order: tiers, routes, then rules."""
        listed = [model for tier in TIERS for model in self.tiers.models(tier)]
        listed += [model for route in self.routes.values() for model in route.models]
        listed += [rule.target for rule in self.rules]
        listed += [self.sticky.steps or "", self.sticky.synthesis or ""]
        listed += [target for _, target in helper_places(self)]
        return tuple(name for name in dict.fromkeys(listed) if "/" in name)

    def model_places(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Return every place where the policy names a model, with the name."""
        places: list[tuple[tuple[str | int, ...], str]] = [
            (("tiers", tier, index), name) for tier in TIERS for index, name in enumerate(self.tiers.models(tier))
        ]
        for route, spec in self.routes.items():
            places += [(("routes", route, "models", index), name) for index, name in enumerate(spec.models)]
        places += [(("rules", n, rule.kind), rule.target) for n, rule in enumerate(self.rules) if "/" in rule.target]
        allow = self.limits.allow
        places += [(("limits", "allow", "default", n), name) for n, name in enumerate(allow.default or ())]
        for kind, lists in (("keys", allow.keys), ("tenants", allow.tenants)):
            for who, names in lists.items():
                places += [(("limits", "allow", kind, who, n), name) for n, name in enumerate(names)]
        for field in ("steps", "synthesis"):
            places.append((("sticky", field), getattr(self.sticky, field) or ""))
        for name, canary in self.canaries.items():
            places += [(("canaries", name, "replaces"), canary.replaces), (("canaries", name, "model"), canary.model)]
        places += helper_places(self)
        for field in ("against", "judge"):
            listed: tuple[str, ...] = getattr(self.shadow, field, ())
            places += [(("shadow", field, index), name) for index, name in enumerate(listed)]
        return [(path, name) for path, name in places if "/" in name]

    def with_plan_schema(self, schema: JsonObject, agent: str | None = None) -> Policy:
        """Return the policy with further fields in the plans of an agent's turns; None: of every route that plans.

        Raises:
            UsageError: there is no such agent, nothing plans, or the schema does not extend a plan.
        """
        try:
            if not extended(schema):
                raise UsageError("a plan schema must be the JSON Schema of an object with properties")
        except ValueError as error:
            raise UsageError(f"a plan schema {error}") from None
        own = {"plan_schema": schema}
        planning = {name: one.model_copy(update=own) for name, one in self.routes.items() if worker(self, name)}
        if agent is not None and agent not in self.agents:
            known = ", ".join(sorted(self.agents)) or "none"
            raise UsageError(f"the policy has no agent {agent!r}; there are: {known}")
        if agent is None and not planning:
            raise UsageError("no route of the policy plans: write worker: small at one")
        agents = {} if agent is None else {agent: self.agents[agent].model_copy(update=own)}
        changes = {"routes": {**self.routes, **planning}} if agent is None else {"agents": {**self.agents, **agents}}
        changed = self.model_copy(update=changes)
        for name, one in agents.items():
            for problem in check_agent(changed, name, one):
                raise UsageError(f"{spell(problem.path)}{problem.text}")
        changed._version = _hash([self._version, agent, schema])  # noqa: SLF001 - a private attribute of this very class
        return changed

    def rank(self, route: str) -> int:
        """Return the place of a route in direct (0) < tools (1) < plan (2)."""
        spec = self.routes[route]
        return RANK_ORDER[spec.rank or BUILT_IN_RANKS[route]]

    def tier_of_listing(self, model: str) -> Tier | None:
        """Return the tier under which the policy lists a model; None where it stands under no tier."""
        return next((tier for tier in TIERS if model in self.tiers.models(tier)), None)


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        PolicyError: the file cannot be read or is wrong; names line and field, up to ten errors at once.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PolicyError(f"{path}: no such file; `pointsman init` writes a starter policy") from None
    except UnicodeDecodeError:
        raise PolicyError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror or error}") from None
    return parse_policy(text, str(path))


def parse_policy(text: str, source: str) -> Policy:
    """Read a policy from its text; ``source`` is the name used in messages and for relative paths.

    Raises:
        PolicyError: as ``load_policy``.
    """
    document = LocatedYaml(source, text, PolicyError)
    if document.data is None:
        raise PolicyError(f"{source}: the file is empty; `pointsman init` writes a starter policy")
    if not isinstance(document.data, dict):
        raise PolicyError(f"{source}:1: must be a mapping that begins with version: 1")
    try:
        policy = Policy.model_validate(document.data)
    except ValidationError as error:
        raise_problems(source, document, from_validation(error, Policy))
    policy._version = _hash(document.data)  # noqa: SLF001 - private attributes of the model this module owns
    policy._source = source  # noqa: SLF001
    policy._lines = document  # noqa: SLF001
    problems: list[Problem] = cross_check(policy)
    if problems:
        raise_problems(source, document, problems)
    return policy


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the file, for editors."""
    found = Policy.model_json_schema(by_alias=True)
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "Pointsman policy (pointsman.yaml)"
    return found


def _hash(data: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(data, order="sorted")).hexdigest()[:12]
