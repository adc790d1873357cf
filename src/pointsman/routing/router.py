"""Routing: from a turn to one ``Decision``, in one place, without I/O."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.domain.decision import TIERS, Decision, Reason, Tier
from pointsman.domain.turn import EMPTY_SESSION, Session, Turn
from pointsman.errors import CatalogError, PolicyError
from pointsman.routing import signals
from pointsman.routing.canaries import Canaries
from pointsman.routing.choice import Bench, Slate
from pointsman.routing.course import Course, directed, plot
from pointsman.routing.eligibility import NO_LIMITS, Eligibility, Limits
from pointsman.routing.own_signals import OwnSignals
from pointsman.routing.pick import Pick, Picker
from pointsman.routing.policy import Policy
from pointsman.routing.rules import Question, RuleSet
from pointsman.routing.runner_up import RunnerUps
from pointsman.routing.scorer import Scorer
from pointsman.routing.sections import PINNED
from pointsman.routing.steps import predict
from pointsman.routing.texts import Texts

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(left + right for left in _ALPHABET for right in _ALPHABET)


class Routing:
    """Decides turns by one policy and one catalogue; safe to share between threads.

    Of a turn nothing is kept that could change a later decision; texts that come again are not read again.
    """

    def __init__(self, policy: Policy, catalog: Catalog, scorer: Scorer | None = None) -> None:
        """Join policy and catalogue.

        Raises:
            PolicyError: the policy names a model the catalogue does not have; says where and offers near names.
        """
        _check_models(policy, catalog)
        self.policy = policy
        self.catalog = catalog
        self._scorer = scorer
        self._version = policy.version
        self._texts = Texts()
        self._rules = RuleSet(policy)
        self._bench = Bench(policy, catalog)
        self._eligibility = Eligibility(policy)
        self._picker = Picker(policy, self._bench)
        self._runner_ups = RunnerUps(policy, self._rules, self._picker)
        self._allow = _AllowLists(self._bench)
        self.own_signals = OwnSignals(policy.signals)
        self.canaries = Canaries(policy)

    def decide(
        self,
        turn: Turn,
        session: Session = EMPTY_SESSION,
        limits: Limits = NO_LIMITS,
        *,
        decision_id: str | None = None,
    ) -> Decision:
        """Return the route and model for ``turn``, with everything that led to them.

        Raises:
            NoEligibleModel: every model was excluded; the message lists each with its reason.
            CatalogError: ``limits.pin`` is not in the catalogue.
        """
        started = time.perf_counter_ns()
        now = limits.now or datetime.now(UTC)
        if limits.pin is not None:
            limits = msgspec.structs.replace(limits, pin=self.catalog.get(limits.pin).id)
        plain = self._measure(turn, session)
        question = self._rules.question(turn, plain)
        outcome = self._rules.ask(question)
        course = plot(self.policy, outcome, plain["history"]["approval"])
        if limits.route is not None:
            course = directed(course, limits.route, self.policy)
        slate = self._slate(turn, plain, limits, now, course.route)
        pick = self._pick(turn, session, limits, plain, course, slate)
        runner_up = self._runner_ups.find(pick, course, outcome, question, slate, plain)
        pick, chances = self.canaries.turned(pick, limits.conversation, slate)
        chosen = pick.chosen
        return Decision(
            id=decision_id or new_id(),
            route=pick.route,
            model=chosen.model.id,
            tier=chosen.tier,
            policy=self._version,
            confidence=self._confidence(turn, plain, pick.route),
            reasons=pick.reasons,
            runner_up=runner_up,
            eligible=tuple([candidate.model.id for candidate in pick.eligible]),
            excluded=slate.excluded(),
            fallbacks=pick.fallbacks,
            propensities=chances,
            signals=plain,
            intent=plain["intent"]["name"] if plain["intent"]["recognised"] else None,
            expected_cost_usd=chosen.cost,
            decided_us=(time.perf_counter_ns() - started) / 1000,
        )

    def tier(self, model: str) -> Tier:
        """Return the tier of a model: the policy's own, else the catalogue's."""
        return self._bench.tier(model)

    def matches(self, turn: Turn, session: Session = EMPTY_SESSION) -> list[str]:
        """Return the names of all rules that hold for a turn, whatever their kind and order."""
        return self._rules.matches(self._question(turn, session))

    def _question(self, turn: Turn, session: Session) -> Question:
        return self._rules.question(turn, self._measure(turn, session))

    def _measure(self, turn: Turn, session: Session) -> dict[str, dict[str, Any]]:
        plain = signals.as_plain(signals.measure_all(turn, session, self._texts.words))
        if self.policy.signals:
            plain.update(self.own_signals.measure(turn, session))
        return plain

    def _slate(
        self, turn: Turn, plain: Mapping[str, Mapping[str, Any]], limits: Limits, now: datetime, route: str
    ) -> Slate:
        allowed = self._allow.permitted(limits.key, turn.metadata.get("tenant"), limits.allowed)
        if allowed is not limits.allowed:
            limits = msgspec.structs.replace(limits, allowed=allowed)
        need = self._eligibility.need(turn, plain, limits, now)
        return Slate(self._bench, self._eligibility, need, now, self.policy.routes[route].output_tokens)

    def _pick(  # noqa: PLR0913, PLR0917 - the parts of one decision
        self,
        turn: Turn,
        session: Session,
        limits: Limits,
        plain: Mapping[str, Mapping[str, Any]],
        course: Course,
        slate: Slate,
    ) -> Pick:
        """Take the model from the first that has a say: the client, the open tool loop, the predicted step, the route."""
        if limits.pin is not None:
            return self._picker.pinned(limits.pin, PINNED, slate)
        notes: tuple[Reason, ...] = ()
        sticky = self.policy.sticky
        if sticky.hold_in_tool_loop and turn.in_tool_loop and session.last_model is not None:
            held, notes = self._picker.held(session.last_model, session.last_route, course, slate)
            if held is not None:
                return held
        if sticky.steps is not None and turn.tools:
            course = self._picker.steer(course, predict(turn, plain, session))
        return self._picker.routed(course, slate, notes)

    def _confidence(self, turn: Turn, plain: Mapping[str, Mapping[str, Any]], route: str) -> float | None:
        if self._scorer is None:
            return None
        scores = self._scorer.score(turn, plain)
        return None if scores is None else scores.get(route)


class _AllowLists:
    """The policy's allow-lists, with tiers and provider/* spelled out as model ids."""

    def __init__(self, bench: Bench) -> None:
        allow = bench.policy.limits.allow
        known = {model.id: bench.tier(model.id) for model in bench.catalog.models()}

        def spell(entries: tuple[str, ...]) -> frozenset[str]:
            found: set[str] = set()
            for entry in entries:
                if entry in TIERS:
                    found.update(name for name, tier in known.items() if tier == entry)
                elif entry.endswith("/*"):
                    found.update(name for name in known if name.startswith(entry[:-1]))
                else:
                    found.add(bench.catalog.get(entry).id)
            return frozenset(found)

        self._default = None if allow.default is None else spell(allow.default)
        self._keys = {name: spell(entries) for name, entries in allow.keys.items()}
        self._tenants = {name: spell(entries) for name, entries in allow.tenants.items()}
        self._none = self._default is None and not self._keys and not self._tenants

    def permitted(self, key: str | None, tenant: str | None, given: frozenset[str] | None) -> frozenset[str] | None:
        """Return what all lists that apply have in common; None when none applies."""
        if self._none:
            return given
        found = [self._keys.get(key or ""), self._tenants.get(tenant or "")]
        lists = [entries for entries in found if entries is not None]
        if not lists and self._default is not None:
            lists = [self._default]
        if given is not None:
            lists.append(given)
        if len(lists) == 1 and lists[0] is given:
            return given
        return frozenset.intersection(*lists) if lists else None


def new_id() -> str:
    """Return a decision id: 16 characters that sort by time (45 bits of milliseconds, then 35 bits of chance)."""
    number = (time.time_ns() // 1_000_000) << 35 | random.getrandbits(35)
    return "".join([_PAIRS[number >> shift & 1023] for shift in (70, 60, 50, 40, 30, 20, 10, 0)])


def _check_models(policy: Policy, catalog: Catalog) -> None:
    problems = [
        f"{policy.where(*path)}: {_reason(catalog, name)}"
        for path, name in policy.model_places()
        if not name.endswith("/*") and _unknown(catalog, name)
    ]
    if problems:
        more = [f"... and {len(problems) - 10} more"] if len(problems) > 10 else []  # noqa: PLR2004 - as all policy errors
        raise PolicyError("\n".join([*problems[:10], *more]))


def _unknown(catalog: Catalog, name: str) -> bool:
    model = catalog.find(name)
    return model is None or model.id != name


def _reason(catalog: Catalog, name: str) -> str:
    try:
        return f"write {catalog.get(name).id} instead of {name}: policies name models by their catalogue id"
    except CatalogError as error:
        return str(error)
