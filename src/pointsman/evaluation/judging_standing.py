"""What a judge is worth: how it agrees with people, how often it flips, and whether it may gate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pointsman.domain.figures import Rate
from pointsman.evaluation.judging_corrected import CorrectedRate, Seen, corrected_rate, weighted_kappa
from pointsman.evaluation.statistics.agreement import Kappa, cohen_kappa
from pointsman.store.labels import PREFERENCE, Judgement, Label, Labels

LEAST_LABELS = 100
"""Human labels of what a judge judged, before it may gate (goal 15)."""
LOW_KAPPA = 0.6

_PAIR_VALUES = {"a": -1.0, "b": 1.0, "same": 0.0, "tie": 0.0}
_REPLY_VALUES = {"pass": 1.0, "fail": 0.0}


class Standing(msgspec.Struct, frozen=True):
    """A judge in one version on one metric. ``n`` items judged, ``labels`` of them labelled by people.

    ``flips`` counts answers that changed with the order; ``unknown`` what could not be read. ``missing`` says what must be there
    before it may gate, ``warnings`` what to beware of. ``people`` is how people agree with each other. ``sensitivity`` is how
    often the judge passes what people pass, ``specificity`` how often it fails what they fail; both None for pairs.
    """

    judge: str
    version: str
    metric: str
    n: int
    unknown: int
    labels: int
    flips: Rate
    kappa: Kappa | None
    people: Kappa | None
    corrected: CorrectedRate
    missing: tuple[str, ...]
    warnings: tuple[str, ...]
    sensitivity: Rate | None = None
    specificity: Rate | None = None

    @property
    def may_gate(self) -> bool:
        """Whether its verdicts may decide."""
        return not self.missing


def standing(labels: Labels, judge: str, version: str, metric: str = PREFERENCE) -> Standing:
    """Return what a judge is worth by all that is in the store.

    Raises:
        StoreError: the store cannot be read.
    """
    said = first_words(labels.labels(metric))
    judged = labels.judgements(judge, version, metric)
    seen = seen_of(judged, said)
    unknown = sum(one.verdict == "unknown" for one in judged)
    flips = [one.flipped for one in judged if one.flipped is not None]
    known = [one for one in seen if one.human is not None]
    kappa = weighted_kappa(seen)
    return Standing(
        judge=judge,
        version=version,
        metric=metric,
        n=len(judged),
        unknown=unknown,
        labels=len(known),
        flips=Rate(sum(flips), len(flips), unknown),
        kappa=kappa,
        people=between_people(labels.labels(metric)),
        corrected=corrected_rate(seen),
        missing=missing(len(known)),
        warnings=_warnings(kappa, flips),
        sensitivity=None if metric == PREFERENCE else _of(known, "pass"),
        specificity=None if metric == PREFERENCE else _of(known, "fail"),
    )


def missing(labels: int) -> tuple[str, ...]:
    """Return what is missing before a judge may gate."""
    if labels >= LEAST_LABELS:
        return ()
    return (f"{labels} label{'' if labels == 1 else 's'}, {LEAST_LABELS} needed (`pointsman label`)",)


def _warnings(kappa: Kappa | None, flips: Sequence[bool]) -> tuple[str, ...]:
    found = []
    if kappa is not None and kappa.kappa is None:
        found.append("kappa cannot be told: one of the two always says the same")
    elif kappa is not None and kappa.kappa is not None and kappa.kappa < LOW_KAPPA:
        found.append(f"kappa {kappa.kappa:.2f} is below {LOW_KAPPA}: people often say otherwise")
    if len(flips) >= 20 and sum(flips) / len(flips) > 0.2:  # noqa: PLR2004 - one in five
        found.append(f"{sum(flips) / len(flips):.0%} of its answers change with the order of the replies")
    return tuple(found)


def first_words(labels: Iterable[Label]) -> dict[str, str]:
    """Return what the first labeller said of each item who did not skip it."""
    found: dict[str, str] = {}
    for one in labels:
        if one.value != "skip":
            found.setdefault(one.item_id, one.value)
    return found


def seen_of(
    judged: Iterable[Judgement], said: Mapping[str, str], clusters: Mapping[str, str] | None = None
) -> list[Seen]:
    """Return judged items beside what people said; what the judge could not say is left out. ``clusters``: by item."""
    found = []
    for one in judged:
        values = _PAIR_VALUES if one.verdict in _PAIR_VALUES else _REPLY_VALUES
        if one.verdict not in values:
            continue
        human = said.get(one.item_id)
        if human is not None and human not in values:
            human = None
        verdict = "same" if one.verdict == "tie" else one.verdict
        found.append(
            Seen(
                stratum="flipped" if one.flipped else "decided",
                judged=verdict,
                judged_value=values[one.verdict],
                cluster=(clusters or {}).get(one.item_id, one.item_id),
                human=human,
                human_value=None if human is None else values[human],
            )
        )
    return found


def between_people(labels: Iterable[Label]) -> Kappa | None:
    """Return how two people agree on what both labelled; None where nothing was labelled twice.

    Who is first and who second is no matter of names: of each item the earlier label and the later one.
    """
    by_item: dict[str, list[str]] = defaultdict(list)
    for one in labels:
        if one.value != "skip":
            by_item[one.item_id].append(one.value)
    pairs = [(said[0], said[1]) for said in by_item.values() if len(said) > 1]
    if not pairs:
        return None
    return cohen_kappa([first for first, _ in pairs], [second for _, second in pairs])


def _of(known: Sequence[Seen], value: str) -> Rate:
    """Return how often the judge says ``value`` where people do."""
    there = [one for one in known if one.human == value]
    return Rate(sum(one.judged == value for one in there), len(there))
