"""The misroute rates of a store: over all traffic, by route and by intent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec

from pointsman.monitoring.misroutes import Errors, Misroutes, Unit, errors_of, misroutes
from pointsman.store.shadow import Shadows
from pointsman.store.shadow_rows import Chosen, Seen
from pointsman.store.store import Store


class Rates(msgspec.Struct, frozen=True):
    """Misroute rates of a period of whole days of UTC. ``unknown``: turns whose confidence is not known, of ``overall.turns``.

    Intent "" is "not recognised". ``corrected``: people's labels took out what the judge gets wrong.
    """

    overall: Misroutes
    by_route: dict[str, Misroutes]
    by_intent: dict[str, Misroutes]
    unknown: int
    corrected: bool
    flips: tuple[int, int]
    """Pairs on which the judge changed its answer with the order, of the pairs that it judged."""


def misroute_rates(store: Store, since_us: int, until_us: int, *, simulated: bool | None = None) -> Rates:
    """Return the misroute rates of the turns between two moments (Unix microseconds), widened to whole days of UTC.

    ``simulated`` None: turns of real and of simulated models together.

    Raises:
        StoreError: the store cannot be read.
    """
    shadows = Shadows(store)
    seen = [one for one in shadows.seen(since_us, until_us) if simulated is None or one.simulated == simulated]
    chosen = [one for one in shadows.chosen(since_us, until_us) if simulated is None or one.simulated == simulated]
    units = [unit_of(one) for one in chosen]
    errors = errors_of(units)
    return Rates(
        overall=_rate(units, seen, errors),
        by_route=_by(zip(chosen, units, strict=True), seen, errors, lambda one: one.route),
        by_intent=_by(zip(chosen, units, strict=True), seen, errors, lambda one: one.intent),
        unknown=sum(one.unknown for one in seen),
        corrected=errors is not None,
        flips=_flips(chosen),
    )


def unit_of(one: Chosen) -> Unit:
    """Return a chosen turn as its rate is worked out: what a person said of a pair does not replace what was judged of it."""
    material = one.material if one.state == "judged" else None
    return Unit(one.probability, material, one.cluster, one.human, one.review)


def _by(
    chosen: Iterable[tuple[Chosen, Unit]],
    seen: Iterable[Seen],
    errors: Errors | None,
    of: Callable[[Chosen | Seen], str],
) -> dict[str, Misroutes]:
    members: dict[str, tuple[list[Unit], list[Seen]]] = defaultdict(lambda: ([], []))
    for one, unit in chosen:
        members[of(one)][0].append(unit)
    for other in seen:
        members[of(other)][1].append(other)
    found = {name: _rate(some, counted, errors) for name, (some, counted) in members.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1].turns))


def _rate(units: list[Unit], seen: list[Seen], errors: Errors | None) -> Misroutes:
    own = None if errors is None else errors_of(units, errors)
    return misroutes(units, sum(one.turns for one in seen), own)


def _flips(chosen: Iterable[Chosen]) -> tuple[int, int]:
    judged = [one for one in chosen if one.decided_by == "judge"]
    return sum(one.verdict == "tie" for one in judged), len(judged)
