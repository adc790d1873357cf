"""Routes every turn of recorded conversations, and sums up what a policy would have done with them.

Nothing is answered: replies, tool calls and results are the recorded ones. A turn is one decision; the model calls inside
it (tool steps) go to the model decided on, as the gateway holds a model inside an open tool loop.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Protocol

from pointsman.catalog.prices import Rates
from pointsman.domain.decision import DecidedTier, Decision
from pointsman.domain.turn import Session, Turn
from pointsman.domain.usage import Usage
from pointsman.errors import NoEligibleModel
from pointsman.evaluation.conversation import Conversation, turns
from pointsman.evaluation.picks import Picks
from pointsman.evaluation.route_summary import NOT_A_REASON, Bill, ReasonCount, Refused, Summary, quantile, share
from pointsman.evaluation.tokens import answer_usages
from pointsman.execution.memory import escalated

RatesOf = Callable[[str], Rates | None]


class Decides(Protocol):
    """What routes a turn."""

    def decide(self, turn: Turn, session: Session) -> Decision:
        """Return the decision.

        Raises:
            NoEligibleModel: every model was excluded.
        """
        ...


class RouteReplay:
    """Takes conversations one by one; ``summary`` may be asked at any time. Memory does not grow with the turns kept."""

    def __init__(
        self, routing: Decides, rates_of: RatesOf, flagship: str | None, *, sample: int = 20, seed: int = 0
    ) -> None:
        self._routing = routing
        self._rates_of = rates_of
        self._flagship = flagship
        self._picks = Picks(sample, seed)
        self._conversations = 0
        self._policy: str | None = None
        self._routes: Counter[str] = Counter()
        self._models: Counter[tuple[str, DecidedTier]] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], str] = {}
        self._times = array("d")
        self._refused = 0
        self._refusals: list[Refused] = []
        self._money = _Money()

    @property
    def turns(self) -> int:
        """Turns routed so far, refused ones counted."""
        return len(self._times) + self._refused

    def take(self, conversation: Conversation) -> None:
        """Route every turn of ``conversation`` in order, each with what is remembered of those before it."""
        self._conversations += 1
        session = Session(conversation_id=conversation.id)
        pairs = zip(turns(conversation), answer_usages(conversation), strict=True)
        for number, (turn, usages) in enumerate(pairs, 1):
            try:
                decision = self._routing.decide(turn, session)
            except NoEligibleModel as error:
                self._refuse(Refused(conversation.id, number, str(error)))
                continue
            cost = self._count(decision, usages)
            self._picks.offer(conversation.id, number, turn, decision, cost)
            session = _after(session, decision)

    def _refuse(self, refused: Refused) -> None:
        self._refused += 1
        if len(self._refusals) < 5:  # noqa: PLR2004 - enough to see what is wrong; the count tells the rest
            self._refusals.append(refused)

    def _count(self, decision: Decision, usages: tuple[Usage, ...]) -> Decimal | None:
        self._policy = decision.policy
        self._routes[decision.route] += 1
        self._models[decision.model, decision.tier] += 1
        for reason in decision.reasons:
            if reason.kind not in NOT_A_REASON:
                key = (reason.kind, reason.name)
                self._reasons[key] += 1
                self._examples.setdefault(key, reason.text)
        self._times.append(decision.decided_us)
        instead = self._rates_of(self._flagship) if self._flagship else None
        return self._money.add(decision, usages, self._rates_of(decision.model), instead)

    def summary(self) -> Summary:
        """Return the sums, most frequent first."""
        routed = len(self._times)
        times = sorted(self._times)
        return Summary(
            policy=self._policy,
            conversations=self._conversations,
            turns=self.turns,
            routes=tuple(
                share(name, n, routed, cost=self._money.by_route.get(name)) for name, n in self._routes.most_common()
            ),
            models=tuple(
                share(name, n, routed, tier=tier, cost=self._money.by_model.get(name))
                for (name, tier), n in self._models.most_common()
            ),
            reasons=tuple(
                ReasonCount(kind, name, n, self._examples[kind, name])
                for (kind, name), n in self._reasons.most_common()
            ),
            bill=self._money.bill(self._flagship),
            refused=self._refused,
            refusals=tuple(self._refusals),
            decided_us_p50=quantile(times, 0.5),
            decided_us_p99=quantile(times, 0.99),
            sample=self._picks.chosen(),
        )


class _Money:
    """Adds up both bills over the turns that both know the price of."""

    def __init__(self) -> None:
        self.by_route: dict[str, Decimal] = {}
        self.by_model: dict[str, Decimal] = {}
        self._routed = self._flagship = Decimal(0)
        self._priced = self._unanswered = self._unpriced = self._input = self._output = 0

    def add(
        self, decision: Decision, usages: tuple[Usage, ...], rates: Rates | None, flagship: Rates | None
    ) -> Decimal | None:
        """Add one turn and return its estimated cost, or None where it is unknown."""
        if not usages:
            self._unanswered += 1
            return None
        routed, instead = _cost(usages, rates), _cost(usages, flagship)
        if routed is None or instead is None:
            self._unpriced += 1
            return routed
        self._priced += 1
        self._routed += routed
        self._flagship += instead
        self._input += sum(usage.prompt for usage in usages)
        self._output += sum(usage.output for usage in usages)
        self.by_route[decision.route] = self.by_route.get(decision.route, Decimal(0)) + routed
        self.by_model[decision.model] = self.by_model.get(decision.model, Decimal(0)) + routed
        return routed

    def bill(self, flagship: str | None) -> Bill:
        return Bill(
            flagship=flagship,
            priced=self._priced,
            unanswered=self._unanswered,
            unpriced=self._unpriced,
            input_tokens=self._input,
            output_tokens=self._output,
            routed_usd=self._routed,
            flagship_usd=self._flagship,
        )


def _after(session: Session, decision: Decision) -> Session:
    """Return what is remembered after a turn, as the gateway remembers it; recordings have no clock."""
    return Session(
        conversation_id=session.conversation_id,
        turns=session.turns + 1,
        last_model=decision.model,
        last_route=decision.route,
        escalated=session.escalated or escalated(decision),
    )


def _cost(usages: Iterable[Usage], rates: Rates | None) -> Decimal | None:
    if rates is None:
        return None
    total = Decimal(0)
    for usage in usages:
        cost = rates.cost(usage)
        if cost is None:
            return None
        total += cost
    return total
