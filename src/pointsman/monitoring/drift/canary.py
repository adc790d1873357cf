"""Pinned cases that a model answers every night: first whether the provider answers with another model, then how well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from pointsman.evaluation.case_file import CaseIndex
from pointsman.evaluation.grading_seam import Grader
from pointsman.evaluation.replaying import Source
from pointsman.monitoring.monitors.evidence import two_shares_high
from pointsman.monitoring.monitors.finding import Finding, chance, percent
from pointsman.store.canaries import Night

_BEFORE: Final = 14
_NIGHTS_NEEDED: Final = 2
_P: Final = 0.001
_LEAST: Final = 20
RULE: Final = "canary"


async def answered(index: CaseIndex, source: Source, grader: Grader, at_us: int) -> Night:
    """Let a model answer every case once; what the spend cap leaves out is not asked, and the night says so."""
    served: Counter[str] = Counter()
    failed: list[str] = []
    errors: Counter[str] = Counter()
    graded = passed = 0
    cost: Decimal | None = Decimal(0)
    for case in index:
        answer = await source.answer(case, case.turn, 1, lambda _: None)
        if answer is None:
            errors["max_usd reached"] += 1
            break
        if answer.reply is not None and answer.reply.model:
            served[answer.reply.model] += 1
        if answer.error is not None:
            errors[answer.error] += 1
            continue
        cost = None if cost is None or answer.cost_usd is None else cost + answer.cost_usd
        grade = grader.grade(case, answer)
        if grade.passed is not None:
            graded += 1
            passed += grade.passed
            if not grade.passed:
                failed.append(case.id)
    told = ", ".join(f"{many} x {name}" for name, many in errors.most_common(3)) or None
    simulated = source.origin == "simulated"
    return Night(at_us, source.name, index.version, simulated, graded, passed, tuple(failed), dict(served), cost, told)


def judged(nights: Sequence[Night], floor: float) -> Finding:
    """Return what the newest night of a model says against those before it with the same cases.

    ``nights`` are the oldest first. Another model id comes first; then a fall of ``floor`` at least that chance explains with
    p < 0.001 at most.
    """
    now, before = nights[-1], [one for one in nights[:-1] if one.cases == nights[-1].cases][-_BEFORE:]
    if not now.served and not now.n:
        return _finding(now, "unknown", f"no case was answered: {now.error_text or 'unknown why'}")
    known = {name for one in before for name in one.served}
    new = sorted(set(now.served) - known)
    if before and known and new:
        was = ", ".join(sorted(known))
        return _finding(now, "firing", f"{now.model} is served as {', '.join(new)}, before as {was}; {_accuracy(now)}")
    if now.n < _LEAST or len(before) < _NIGHTS_NEEDED:
        return _finding(
            now, "unknown", f"{_accuracy(now)}; fewer than {_NIGHTS_NEEDED} nights, or {_LEAST} cases, to compare"
        )
    n, hits = sum(one.n for one in before), sum(one.passed for one in before)
    usual, share = hits / n, now.passed / now.n
    p = two_shares_high(now.n - now.passed, now.n, n - hits, n)
    text = f"{_accuracy(now)}, before {percent(usual)} in {len(before)} nights ({chance(p)})"
    if usual - share >= floor and p < _P:
        return _finding(now, "firing", text, usual, p)
    return _finding(now, "recovered" if usual - share < floor / 2 else "fine", text, usual, p)


def _accuracy(night: Night) -> str:
    if not night.n:
        return "no answer could be graded"
    return f"{night.passed} of {night.n} pinned cases pass ({percent(night.passed / night.n)})"


def _finding(night: Night, state: str, text: str, usual: float | None = None, p: float | None = None) -> Finding:
    return Finding(
        rule=RULE,
        kind="canary",
        measure="canary",
        family="provider",
        severity="ticket",
        series=night.model,
        state=state,  # type: ignore[arg-type]  # one of the four words, by the calls above
        text=text,
        labels={"model": night.model},
        n=night.n,
        hits=night.passed,
        share=night.passed / night.n if night.n else None,
        bound=usual,
        p=p,
    )


class Nightly(msgspec.Struct, frozen=True):
    """Where and when: the hour and minute (UTC) at which the cases are answered."""

    hour: int
    minute: int

    @classmethod
    def at(cls, text: str) -> Nightly:
        """Return the time that a policy writes as ``03:00``."""
        hour, _, minute = text.partition(":")
        return cls(int(hour), int(minute))

    def due(self, last_us: int | None, now_us: int) -> bool:
        """Return whether a night's moment lies between the last run and now; a gateway that was down makes up for one."""
        day, moment = 86_400_000_000, (self.hour * 60 + self.minute) * 60_000_000
        latest = (now_us - moment) // day * day + moment
        return last_us is None or last_us < latest
