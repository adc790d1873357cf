"""The choice of a model: least expected cost among those that can serve the turn and belong to its route."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.models import Model
from pointsman.domain.decision import TIERS, Exclusion, Reason, Tier
from pointsman.routing.cost import expected_cost
from pointsman.routing.eligibility import Eligibility, beyond_effective, first_token_ms, is_retired
from pointsman.routing.need import Need
from pointsman.routing.policy import Policy

Order = Literal["cheapest", "fastest", "listed"]
# Sorts after every known cost or time.
_UNKNOWN = float("inf")


class Candidate(msgspec.Struct, frozen=True):
    """A model as one turn sees it. ``cost`` is expected USD, None unknown."""

    model: Model
    tier: Tier
    cost: Decimal | None
    beyond_effective: bool = False


class Bench:
    """All models a policy names, with their tiers: what a turn may be given. Not changed after it is made."""

    def __init__(self, policy: Policy, catalog: Catalog) -> None:
        self.policy = policy
        self.catalog = catalog
        self.models: dict[str, Model] = {}
        for name in policy.models():
            self.models[name] = catalog.get(name)
        self.tiers: dict[str, Tier] = {
            name: policy.tier_of_listing(name) or model.tier for name, model in self.models.items()
        }

    def model(self, name: str) -> Model:
        """Return a model the policy names, or any other of the catalogue.

        Raises:
            CatalogError: no such model.
        """
        return self.models.get(name) or self.catalog.get(name)

    def tier(self, name: str) -> Tier:
        """Return the tier the policy puts the model in, else the catalogue's."""
        return self.tiers.get(name) or self.model(name).tier

    def group(self, target: str) -> tuple[str, ...]:
        """Return the models a rule means by a tier's or a model's name."""
        return self.policy.tiers.models(target) if target in TIERS else (target,)


class Slate:
    """The models of a bench as one turn sees them: who may serve it and what each would cost."""

    def __init__(self, bench: Bench, eligibility: Eligibility, need: Need, now: datetime, output: int) -> None:
        self._bench = bench
        self._policy = bench.policy
        self._checks = eligibility.checks(need)
        self._need = need
        self._rates = bench.catalog.rates_on(now)
        self._output = output if need.max_output is None else min(output, need.max_output)
        self._seen: dict[str, Candidate | Exclusion] = {}

    def refusal(self, name: str) -> Exclusion | None:
        """Return why the model cannot serve the turn; None when it can."""
        found = self._seen.get(name) or self._look_at(name)
        return found if type(found) is Exclusion else None

    def eligible(self, names: Iterable[str]) -> list[Candidate]:
        """Return those of ``names`` that can serve the turn, in their order."""
        seen, look_at = self._seen, self._look_at
        found = [seen.get(name) or look_at(name) for name in names]
        return [candidate for candidate in found if type(candidate) is Candidate]

    def candidate(self, name: str) -> Candidate:
        """Return the model with its expected cost."""
        found = self._seen.get(name) or self._look_at(name)
        return found if type(found) is Candidate else self._priced(self._bench.model(name))

    def _look_at(self, name: str) -> Candidate | Exclusion:
        model = self._bench.model(name)
        for check in self._checks:
            refused = check(self._policy, model, self._need)
            if refused is not None:
                self._seen[name] = exclusion = Exclusion(model.id, *refused)
                return exclusion
        self._seen[name] = candidate = self._priced(model)
        return candidate

    def _priced(self, model: Model) -> Candidate:
        need = self._need
        cost = expected_cost(self._rates[model.id], need.estimate, self._output)
        sags = model.effective_context is not None and beyond_effective(model, need)
        return Candidate(model, self._bench.tier(model.id), cost, sags)

    def remarks(self, candidate: Candidate) -> tuple[Reason, ...]:
        """Return what people should know of a chosen model: what confined the choice, what is doubtful, what is unchecked."""
        model, limit = candidate.model, self._need.ttft_p95_ms
        if limit is None and model.retires is None and not self._need.confined:
            return ()
        found = [("privacy", f"{item.why}: {item.residency.words}") for item in self._need.confined]
        if is_retired(model, self._need):
            found.append(
                ("retired", f"the catalogue says its provider retired it on {model.retires}: the provider may refuse")
            )
        if limit is not None and first_token_ms(model, self._need) is None:
            text = f"the first-token time of {model.id} is unknown: the limit of {limit:,.0f} ms is not checked"
            found.append(("latency", text))
        return tuple(Reason("eligibility", name, text) for name, text in found)

    def excluded(self) -> tuple[Exclusion, ...]:
        """Return every refusal given so far."""
        return tuple([found for found in self._seen.values() if type(found) is Exclusion])


def rank(
    candidates: Iterable[Candidate], order: Order, first: Iterable[str] = (), *, sag: bool = True
) -> list[Candidate]:
    """Return candidates best first.

    ``candidates`` come in the policy's order, which decides between equals. ``first`` names models a rule prefers:
    they come before the others. With ``sag``, models whose effective context is exceeded come last. An unknown price
    counts as dearer than any known one, except where the policy lists that model first; it is never taken for zero.
    """
    listed = list(candidates)
    if len(listed) < 2:  # noqa: PLR2004 - nothing to order
        return listed
    preferred = frozenset(first)
    trusted = listed[0]

    def key(candidate: Candidate) -> tuple[bool, bool, float | Decimal, float | Decimal]:
        lead = (candidate.model.id not in preferred, sag and candidate.beyond_effective)
        if order == "listed":
            return (*lead, 0, 0)
        unknown = -1 if candidate is trusted else _UNKNOWN
        cost = unknown if candidate.cost is None else candidate.cost
        if order == "fastest":
            ttft = candidate.model.ttft_p95_ms
            return (*lead, _UNKNOWN if ttft is None else ttft, cost)
        return (*lead, cost, 0)

    return sorted(listed, key=key)
