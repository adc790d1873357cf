"""The composition root: reads the configuration once and builds the objects.

``build_router`` is the only place that knows every room. The gateway and the Python door share the ``Router`` it returns.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Self, get_args

from pointsman.catalog.book import Catalog
from pointsman.catalog.models import Model
from pointsman.domain.captured import CAPTURED
from pointsman.domain.decision import TIERS, Decision
from pointsman.domain.turn import EMPTY_SESSION, Channel, Session, Turn
from pointsman.errors import (
    BudgetExceeded,
    NoEligibleModel,
    NotFound,
    PointsmanError,
    PolicyError,
    ProviderError,
    RateLimited,
    UsageError,
)
from pointsman.execution.agents.agents import PREFIX, Agents
from pointsman.execution.agents.loop import Told
from pointsman.execution.agents.managed import ManagedRun
from pointsman.execution.ask import Ask
from pointsman.execution.calls import Deadlines
from pointsman.execution.endpoints import Endpoints, resolve_endpoints
from pointsman.execution.engine import Attempts, Dispatch, Engine, Running
from pointsman.execution.hedging import Hedge
from pointsman.execution.held_replies import HeldReplies
from pointsman.execution.kept_rejections import KeptRejections
from pointsman.execution.limits.building import build_guard
from pointsman.execution.limits.guard import Watch
from pointsman.execution.memory import MemoryBook
from pointsman.execution.memory import render as recalled_text
from pointsman.execution.privacy.redaction import Redactor, guard_logs, redaction_key, redactor_for
from pointsman.execution.prompts import PromptBook
from pointsman.execution.python_tools import PythonTool
from pointsman.execution.routes.kit import Kit
from pointsman.execution.routes.latency import LatencyBook
from pointsman.execution.routes.line import route_stages
from pointsman.execution.routes.stages import TurnStages
from pointsman.execution.sessions import Sessions, recalled
from pointsman.execution.token_counts import estimated_tokens, provider_count
from pointsman.providers.grammar_tools import GrammarTools
from pointsman.providers.local_server import LocalServer, find_model
from pointsman.providers.registry import dialect, dialects
from pointsman.providers.seam import Dialect, Endpoint
from pointsman.routing.eligibility import Limits, first_token_limit
from pointsman.routing.policy import Policy, load_policy, parse_policy
from pointsman.routing.policy_change import restart_needed
from pointsman.routing.router import Routing, new_id
from pointsman.routing.templates import render
from pointsman.store import DEFAULT_URL, Store, TurnFilter, open_store
from pointsman.store.agent_runs import AgentRuns
from pointsman.store.following import last_seq
from pointsman.store.memory import Memories

if TYPE_CHECKING:
    from pointsman.monitoring.prometheus import TurnMetrics

_LEARNED_FROM = 300
"""Turns looked at when the gateway starts, to know first-token times."""
AUTO = frozenset({"auto", "pointsman/auto", ""})
LOCAL = "local"
_LOCAL_POLICY = """
version: 1
providers:
  local: {host: llamacpp}
tiers:
  small: [local/smollm2-135m]
routes:
  direct: {tiers: [small], output_tokens: 64}
default_route: direct
# One core reads 8,000 tokens in half a minute, a busy one in minutes.
deadlines: {first_token_s: 300, idle_s: 120}
"""


class Router:
    """Routes and runs turns. Build it with ``build_router``; call ``start`` inside the event loop before the first turn."""

    def __init__(self, policy: Policy, catalog: Catalog, endpoints: Endpoints, store: Store) -> None:
        self.policy = policy
        self.catalog = catalog
        self.store = store
        self.routing = Routing(policy, catalog)
        self._endpoints = endpoints.ready
        self._by_key = endpoints.by_key()
        self._unhealthy = {
            model.id: endpoints.missing[model.provider]
            for model in catalog.models()
            if model.provider in endpoints.missing
        }
        self.missing = endpoints.missing
        self._notes = endpoints.notes
        presidio = policy.privacy.presidio
        self._people = None if presidio is None else presidio.people
        self.redactor = redactor_for(policy.privacy.redacted, store.path, self._people)
        self._unguard_logs: Callable[[], None] | None = None
        self._engine: Engine | None = None
        self._watch: Watch | None = None
        self.policy_waits: str | None = None
        """Why the policy file as it stands on disk is not in force; None: it is, or nobody looks."""
        self.tools: dict[str, PythonTool] = {}
        self._agents: Agents | None = None
        self.began_at = 0
        """The place of the newest turn when this was started: what is counted or sent since then begins behind it."""
        self._metrics: TurnMetrics | None = None
        self._metrics_door = threading.Lock()
        self._rejections = KeptRejections(store, self.redactor)

    async def start(self) -> None:
        """Open what needs a running event loop."""
        from pointsman.providers.proxies import open_transport

        if self.redactor is not None and self._unguard_logs is None:
            self._unguard_logs = guard_logs(self.redactor)
        # Under its version a prompt must stay readable when an upgrade has shipped another.
        PromptBook(self.store).keep_shipped()
        self.began_at = last_seq(self.store)
        policy = self.policy
        flagships = policy.tiers.models("flagship")
        self._watch = build_guard(policy, self.catalog, self._by_key, self.store, self.stored_name)
        dispatch = Dispatch(
            self.catalog,
            self._endpoints,
            _dialects(),
            open_transport(self._endpoints.values()),
            Deadlines(
                policy.deadlines.connect_s,
                policy.deadlines.first_token_s,
                policy.deadlines.idle_s,
                policy.deadlines.total_s,
            ),
            Attempts(total=policy.fallback.max_attempts),
            self._watch,
            None if policy.hedge is None else Hedge(policy.hedge.after_ms / 1000, policy.hedge.max_share),
        )
        memory = MemoryBook(Memories(self.store), policy.memory, self._memory_redactor())
        latency = self._learned_latency()
        self._engine = Engine(
            routing=self.routing,
            dispatch=dispatch,
            keeper=self.store,
            sessions=Sessions(self._recall, memory=memory),
            flagship=flagships[0] if flagships else None,
            unhealthy=self._unhealthy,
            stages=self._stages(memory, latency),
            redact=None if self.redactor is None else self.redactor.record,
            memory=memory,
            latency=latency,
        )

    async def aclose(self) -> None:
        """Close connections and the store; records handed over before are durable afterwards."""
        if self._agents is not None:
            await self._agents.aclose()
            self._agents = None
        await self._rejections.drain()
        if self._engine is not None:
            await self._engine.dispatch.transport.aclose()
            if self._engine.dispatch.guard is not None:
                await self._engine.dispatch.guard.drain()
            self._engine = None
        if self._unguard_logs is not None:
            self._unguard_logs()
            self._unguard_logs = None
        self.store.close()

    @property
    def engine(self) -> Engine:
        """The engine; only after ``start``."""
        if self._engine is None:
            raise UsageError("the router is not started: await router.start() first, or use 'async with'")
        return self._engine

    @property
    def metrics(self) -> TurnMetrics:
        """What Prometheus is told of the turns since the start. From any thread."""
        with self._metrics_door:
            if self._metrics is None:
                from pointsman.monitoring.prometheus import TurnMetrics

                self._metrics = TurnMetrics(self.store, self.policy, self.routing.tier)
                self._metrics.begin_at(self.began_at)
            return self._metrics

    @property
    def agents(self) -> Agents:
        """The agents that Pointsman runs itself, with the Python tools registered in ``tools``."""
        if self._agents is None:
            from pointsman.execution.agents.mcp_servers import McpServers

            self._agents = Agents(
                routing=self.routing,
                begin=self.begin,
                runs=AgentRuns(self.store, self.redactor),
                registered=self.tools,
                mcp=McpServers(),
                prompts=PromptBook(self.store),
                recall=self._recalled,
            )
        return self._agents

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def decide(self, turn: Turn, session: Session = EMPTY_SESSION, limits: Limits | None = None) -> Decision:
        """Return how ``turn`` would be routed, without running it."""
        limits = limits or Limits(pin=self.pin_of(turn.model), unhealthy=self._unhealthy)
        return self.routing.decide(turn, session, limits)

    def adopt(self, policy: Policy) -> None:
        """Decide the next turns by another policy; turns on their way end as they began.

        Raises:
            PolicyError: it names models the catalogue does not have, or changes what only a restart can.
        """
        sections = restart_needed(self.policy, policy)
        if sections:
            raise PolicyError(
                f"{policy.source}: a changed {', '.join(sections)} needs a restart; the old policy goes on"
            )
        routing = Routing(policy, self.catalog)
        routing.own_signals = self.routing.own_signals
        routing.canaries.stop(self.routing.canaries.stopped)
        self.policy, self.routing = policy, routing
        engine = self.engine
        engine.routing, engine.flagship = routing, next(iter(policy.tiers.models("flagship")), None)
        if engine.memory is not None:
            engine.stages = self._stages(engine.memory, engine.latency)
        if self._watch is not None:
            self._watch.adopt(policy)
        if self._agents is not None:
            self._agents.adopt(routing)

    def pin_of(self, name: str) -> str | None:
        """Return the catalogue id that the client's ``model`` pins, or None when it leaves the choice to the policy.

        Raises:
            NotFound: no such model.
        """
        if name in AUTO:
            return None
        model = self.catalog.find(name)
        if model is None:
            raise NotFound(
                f"model {name!r} is not in the catalogue; use \"auto\" or an id that 'pointsman models' lists",
                param="model",
            )
        return model.id

    async def begin(self, ask: Ask) -> Running:
        """Decide, and return the turn ready to be opened.

        Raises:
            NotFound: the client pinned a model that is not in the catalogue.
            NoEligibleModel: every model is excluded.
            BudgetExceeded: every model that could answer might cost more than is left.
            RateLimited: the client sent too many turns.
            ProviderError: every model that could answer is set aside, and the policy tries none of them.

        In all cases the turn is recorded, and the error's ``turn_id`` names it.
        """
        try:
            return self.engine.start(ask, pin=self.pin_of(ask.turn.model))
        except (NotFound, NoEligibleModel, BudgetExceeded, RateLimited, ProviderError) as error:
            error.turn_id = new_id()
            await self.engine.refuse(ask, error, error.turn_id)
            raise

    async def answer(self, ask: Ask, *, retry: bool = False, told: Told | None = None) -> Running | ManagedRun:
        """Return the turn ready to be opened, or the managed run where ``model`` names an agent (``agent/NAME``).

        ``retry`` says that the client asks a second time; ``told`` hears of an agent's steps and tool calls.

        Raises:
            PointsmanError: as ``begin``, and as ``Agents.begin``.
        """
        if not ask.turn.model.startswith(PREFIX):
            return await self.begin(ask)
        return await self.agents.begin(ask.turn.model.removeprefix(PREFIX), ask, retry=retry, told=told)

    async def count_tokens(
        self, turn: Turn, body: bytes, key_name: str | None = None, allowed: frozenset[str] | None = None
    ) -> tuple[int, bool]:
        """Return the prompt tokens of an Anthropic-style request, and whether the count is our estimate.

        Where an Anthropic model would serve the turn, its own endpoint counts; elsewhere bytes / 4 is all there is offline.
        Only models that the client may use are asked: ``allowed`` by its key (None: any), and by the policy's lists.

        Raises:
            NoEligibleModel: the client named a model that it may not use.
        """
        try:
            limits = Limits(pin=self.pin_of(turn.model), unhealthy=self._unhealthy, allowed=allowed, key=key_name)
            model = self.catalog.get(self.decide(turn, limits=limits).model)
            counted = await provider_count(self.engine.dispatch, model, turn, body)
        except NoEligibleModel as error:
            if [item.constraint for item in error.excluded] == ["allow_list"]:
                raise
            counted = None
        except PointsmanError:
            counted = None
        return (estimated_tokens(turn), True) if counted is None else (counted, False)

    def offered_models(self) -> list[Model]:
        """Return the models a client may pin: their provider is configured, and a demo model only where the policy names it."""
        named = self.policy.models()
        return [
            model
            for model in self.catalog.models()
            if model.provider in self._endpoints and (model.id in named or not model.demo)
        ]

    def providers(self) -> str:
        """Return the names of the providers that can be called, for people."""
        return ", ".join(sorted(self._endpoints)) or "nobody"

    def warnings(self, today: date) -> list[str]:
        """Return what an operator should know before the first turn: missing keys, an old catalogue."""
        stale = self.catalog.staleness(today)
        return [*self.missing.values(), *self._notes, *([stale] if stale else [])]

    async def not_ready(self) -> str | None:
        """Return why no turn can be served now, or None."""
        if self._engine is None:
            return "starting"
        if not self._endpoints:
            return "no provider can be called: " + "; ".join(self.missing.values())
        return await self._engine.check_store()

    def _stronger(self, model: str, others: tuple[str, ...]) -> tuple[str, ...]:
        """Return ``others`` with those of a higher tier than ``model`` first, the nearest tier before the next."""
        own = TIERS.index(self.routing.tier(model))
        tiers = {name: TIERS.index(self.routing.tier(name)) for name in others}
        return tuple(
            sorted((name for name in others if tiers[name] >= own), key=lambda name: (tiers[name] <= own, tiers[name]))
        )

    def _stages(self, memory: MemoryBook, latency: LatencyBook) -> TurnStages:
        held = HeldReplies(self._stronger, self._rejections.keep)
        return TurnStages(held, route_stages(self._kit(memory, latency)))

    def _kit(self, memory: MemoryBook, latency: LatencyBook) -> Kit:
        """Return what the stages of routes work with."""
        return Kit(
            self.policy, self.catalog, PromptBook(self.store), lambda ask: recalled_text(memory.recall(ask)), latency
        )

    def _recalled(self, ask: Ask) -> str:
        """Return what is remembered of a conversation, as text for a prompt."""
        memory = self.engine.memory
        return "" if memory is None else recalled_text(memory.recall(ask))

    def _learned_latency(self) -> LatencyBook:
        """Return what the last turns in the store tell of first-token times; nothing where no channel has a limit."""
        book = LatencyBook()
        simulated = self.simulated
        if any(first_token_limit(self.policy, channel) is not None for channel in get_args(Channel)):
            for row in reversed(self.store.turns(limit=_LEARNED_FROM)):
                record = self.store.turn(row.id)
                if record is not None and record.simulated == simulated and record.dialect != CAPTURED:
                    book.learn(record.steps)
        return book

    @property
    def simulated(self) -> bool:
        """Whether simulated models answer."""
        return any(one.simulated for one in self._endpoints.values())

    def _memory_redactor(self) -> Redactor | None:
        """Memory goes with the next turn, which may go elsewhere: under a confinement it holds no personal data either."""
        privacy = self.policy.privacy
        if self.redactor is None and privacy.sensitive is None and privacy.personal is None:
            return None
        return Redactor(key=redaction_key(self.store.path), people=self._people)

    def stored_name(self, conversation_id: str) -> str:
        """Return the id under which a conversation is stored: without personal data, where the policy says so."""
        return conversation_id if self.redactor is None else self.redactor.name(conversation_id)

    def _recall(self, conversation_id: str, key_id: str | None) -> Session | None:
        # A turn that failed tells nothing of who goes on with an open tool loop.
        name = self.stored_name(conversation_id)
        found = self.store.turns(TurnFilter(conversation=name, key_id=key_id, status="ok"), limit=1)
        if not found or found[0].key_id != key_id or found[0].dialect == CAPTURED:
            return None
        record = self.store.turn(found[0].id)
        return None if record is None else recalled(record)


def build_router(
    policy: Policy | Path | str | None = None,
    *,
    store: str = DEFAULT_URL,
    environ: Mapping[str, str] | None = None,
    simulate_at: str | None = None,
    extra_endpoints: Mapping[str, Endpoint] | None = None,
) -> Router:
    """Build a ``Router`` from a policy (a file, a decoded policy, or None for the built-in rubric).

    ``environ`` is where provider keys are read from (default: the process's own). ``simulate_at`` is the base URL of an
    emulator that stands in for every provider; turns are then marked as simulated. ``extra_endpoints`` adds to or replaces
    the policy's providers.

    Raises:
        PolicyError, CatalogError, StoreError: what is wrong, where, and what to do.
    """
    decoded = _policy(policy)
    if decoded.privacy.presidio is not None:
        decoded.privacy.presidio.people.load()  # takes seconds, and fails here rather than in the first turn
    catalog = Catalog.load(decoded.catalogue_path)
    endpoints = resolve_endpoints(decoded, os.environ if environ is None else environ, simulate_at)
    endpoints.ready.update(extra_endpoints or {})
    for name in extra_endpoints or {}:
        endpoints.keys.pop(name, None)
    return Router(decoded, catalog, endpoints, open_store(store))


@contextlib.contextmanager
def build_local_router(*, store: str = DEFAULT_URL) -> Iterator[Router]:
    """Start the small local demo model and build a ``Router`` whose every route is answered by it.

    Raises:
        UsageError: the model or the package that runs it is not installed; says how to get it.
    """
    path = find_model()
    with LocalServer(path) as server:
        local = Endpoint(LOCAL, "llamacpp", GrammarTools.name, server.base_url, server.api_key)
        yield build_router(
            parse_policy(_LOCAL_POLICY, "built-in local policy"), store=store, extra_endpoints={LOCAL: local}
        )


def _dialects() -> dict[str, Dialect]:
    known = {name: dialect(name) for name in dialects()}
    return {**known, GrammarTools.name: GrammarTools(known["openai_chat"])}


def _policy(policy: Policy | Path | str | None) -> Policy:
    if policy is None:
        return parse_policy(render("rubric"), "built-in rubric")
    if isinstance(policy, Policy):
        return policy
    return load_policy(Path(policy))


__all__ = ["Router", "build_router"]
