"""Metrics of a gate that stand beside the runs: how many replies a scorecard passes, and what a judge prefers.

A judge decides only once it was measured against people. What it says is corrected by what people said of a part of the same
pairs (prediction-powered inference); until there are labels enough, the metric holds and says how many are needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Protocol

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.gate_arms import Arm, Pair
from pointsman.evaluation.gate_policy import MetricName
from pointsman.evaluation.gate_seam import MetricVerdict, Terms
from pointsman.evaluation.judging import BY_RULE, Judged, JudgedRow, judged_between
from pointsman.evaluation.judging_corrected import CorrectedRate, Seen, corrected_rate
from pointsman.evaluation.judging_standing import Standing, first_words, missing, seen_of, standing
from pointsman.evaluation.scorecard_runs import ScoredRun, read_scored
from pointsman.evaluation.statistics.paired import paired_share
from pointsman.evaluation.statistics.verdict import non_inferior
from pointsman.store.labels import PREFERENCE, Judgement, Labels

_VALUES = {"a": -1.0, "b": 1.0, "same": 0.0, "tie": 0.0}


class Outside(Protocol):
    """One such metric. ``lacks`` says why its judge may not decide yet; None: it may, or there is none."""

    lacks: str | None

    def __call__(self, pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
        """Return the verdict."""
        ...


def outside(old: Arm, new: Arm, labels: Labels | None = None) -> Mapping[MetricName, Outside]:
    """Return the metrics that were measured beside both runs. ``labels`` None: nobody labelled anything.

    Raises:
        UsageError: what is kept of them is damaged.
    """
    found: dict[MetricName, Outside] = {}
    cards = _same_card(old, new)
    if cards is not None:
        found["scorecard"] = Carded(cards[0], cards[1], old.model, new.model, labels)
    judged = [
        Preferred(one, labels)
        for one in judged_between(Path(new.folder), old.model, new.model, new.head.version)
        if Path(one.head.baseline_run).resolve() == Path(old.folder).resolve()
    ]
    if judged:
        # Of several judges, or several prompts of one, the one that may gate; of those the one asked last.
        found["judged"] = max(enumerate(judged), key=lambda one: (one[1].lacks is None, one[0]))[1]
    return found


def _same_card(old: Arm, new: Arm) -> tuple[ScoredRun, ScoredRun] | None:
    """Return the marks of both runs by one card in one version, the one applied last; None where there is none."""
    before = {(one.head.card, one.head.version): one for one in read_scored(Path(old.folder))}
    for one in reversed(list(read_scored(Path(new.folder)))):
        known = before.get((one.head.card, one.head.version))
        if known is not None and one.head.done and known.head.done:
            return known, one
    return None


class Carded:
    """How many replies a card passes, case by case in both arms."""

    def __init__(self, old: ScoredRun, new: ScoredRun, before: str, after: str, labels: Labels | None) -> None:
        self._old, self._new = _passed(old, before), _passed(new, after)
        self._name = f"{new.head.card}@{new.head.version}"
        self.lacks: str | None = None
        if new.head.author:
            metric = f"scorecard:{new.head.card}"
            n = 0 if labels is None else standing(labels, new.head.author, new.head.version, metric).labels
            lacks = missing(n)
            self.lacks = f"judge {new.head.author} on {metric}: {lacks[0]}" if lacks else None

    def __call__(self, pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:
        """Return whether the candidate passes less often, by more than the margin."""
        kept = [pair for pair in pairs if pair.case in self._old and pair.case in self._new]
        if not kept:
            raise UsageError(f"scorecard cannot be judged: {self._name} decides no case in both runs.")
        old, new = ([arm[pair.case] for pair in kept] for arm in (self._old, self._new))
        clusters = [pair.conversation for pair in kept]
        passing = paired_share(old, new, clusters, alpha=terms.alpha)
        failing = paired_share(old, new, clusters, alpha=terms.alpha_fail)
        verdict = non_inferior(
            msgspec.structs.replace(passing, high=failing.high), margin, alpha=terms.alpha, power=terms.power
        )
        rest = len(pairs) - len(kept)
        text = f"{self._name}: {verdict.text}" + (f"; {rest:,} cases undecided" if rest else "")
        found = MetricVerdict(
            "scorecard", verdict.answer, margin, fmean(old), fmean(new), passing.low, failing.high, ratio=False, n=len(kept),
            more=verdict.more, text=text,
        )  # fmt: skip
        return found if self.lacks is None else _held(found, self.lacks)


def _passed(scored: ScoredRun, model: str) -> dict[str, float]:
    """Return of each case the share of repeats that pass, of those decided."""
    cases: dict[str, list[bool]] = defaultdict(list)
    for row in scored.rows:
        if row.model == model and row.passed is not None:
            cases[row.case].append(row.passed)
    return {case: sum(passed) / len(passed) for case, passed in cases.items()}


class Preferred:
    """How much more often a judge prefers the candidate than the baseline, corrected by people."""

    def __init__(self, judged: Judged, labels: Labels | None) -> None:
        self._judged = judged
        head = judged.head
        self._said = {} if labels is None else first_words(labels.labels(PREFERENCE))
        worth: Standing | None = None if labels is None else standing(labels, head.judge, head.version)
        here = sum(row.item in self._said and row.verdict in _VALUES for row in judged.rows)
        lacks = missing(max(here, 0 if worth is None else worth.labels))
        self.lacks: str | None = f"judge {head.judge}: {lacks[0]}" if lacks else None
        if not head.done:
            self.lacks = f"judge {head.judge} has compared {len(judged.rows):,} of {head.cases:,} cases"

    def __call__(self, pairs: Sequence[Pair], margin: float, terms: Terms) -> MetricVerdict:  # noqa: ARG002 - it has its own
        """Return whether people would prefer the baseline, by more than the margin."""
        rate = corrected_rate(self._seen())
        bounds = rate.bounds(terms.alpha, terms.alpha_fail)
        found = MetricVerdict(
            "judged", "hold", margin, None, rate.raw if rate.rate is None else rate.rate, None, None, ratio=False, n=rate.n,
            more=None, text="",
        )  # fmt: skip
        if self.lacks is not None:
            return _held(found, self.lacks)
        if bounds is None:
            return _held(found, f"judge {self._judged.head.judge}: {rate.why}; `pointsman label` them")
        low, high = bounds
        found = msgspec.structs.replace(found, low=low, high=high)
        if low >= -margin:
            return msgspec.structs.replace(found, answer="pass", text=self._text(rate, f"at least {low * 100:+.1f} pp"))
        if high < -margin:
            return msgspec.structs.replace(found, answer="fail", text=self._text(rate, f"at most {high * 100:+.1f} pp"))
        text = self._text(
            rate, f"between {low * 100:+.1f} and {high * 100:+.1f} pp: label more pairs, or run more cases"
        )
        return msgspec.structs.replace(found, text=text)

    def _text(self, rate: CorrectedRate, what: str) -> str:
        ties = sum(row.verdict == "tie" for row in self._judged.rows)
        return f"{what}; by {self._judged.head.judge}, {ties:,} ties, corrected by {rate.labelled:,} labels"

    def _seen(self) -> list[Seen]:
        by_rule = [row for row in self._judged.rows if row.reasons[0] in BY_RULE]
        asked = [row for row in self._judged.rows if row.reasons[0] not in BY_RULE]
        clusters = {row.item: row.conversation for row in asked}
        seen = seen_of([_judgement(self._judged, row) for row in asked], self._said, clusters)
        # What is so needs nobody's word: its label is known.
        known = [
            Seen("by rule", row.verdict, _VALUES[row.verdict], row.conversation, row.verdict, _VALUES[row.verdict])
            for row in by_rule
        ]
        return [*seen, *known]


def _judgement(judged: Judged, row: JudgedRow) -> Judgement:
    return Judgement(row.item, judged.head.judge, judged.head.version, PREFERENCE, row.verdict, 0, row.flipped)


def _held(found: MetricVerdict, why: str) -> MetricVerdict:
    return msgspec.structs.replace(found, answer="hold", low=None, high=None, more=None, text=why)
