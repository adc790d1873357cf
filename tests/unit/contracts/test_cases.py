"""Every labelled reply in ``tests/data/contract_cases`` gets the verdict its label says."""

from __future__ import annotations

import functools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pointsman.contracts import KINDS, Contract, Verdict
from pointsman.contracts.strict_json import same

FOLDER = Path(__file__).parents[2] / "data" / "contract_cases"
SCHEMAS: dict[str, dict[str, Any]] = json.loads((FOLDER / "schemas.json").read_text("utf-8"))
FILES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
Case = dict[str, Any]


def cases_of(name: str) -> list[Case]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


@functools.cache
def contract_of(name: str, expect_optional: bool = False) -> Contract:
    return Contract(SCHEMAS[name], name=name, expect_optional=expect_optional)


def verdict_of(case: Case) -> Verdict:
    contract = contract_of(case["schema"], case.get("expect_optional", False))
    return contract.check(case["raw"], truncated=case.get("truncated", False), refusal=case.get("refusal", False))


def wrong_with(case: Case, verdict: Verdict) -> str | None:
    wanted = sorted(tuple(one) for one in case.get("failures", ()))
    found = sorted((one.kind, one.pointer) for one in verdict.failures)
    if (verdict.outcome, found) != (case["outcome"], wanted):
        return f"wanted {case['outcome']} {wanted}, got {verdict.outcome} {found}"
    if verdict.outcome == "ok" and verdict.text != case["raw"]:
        return f"the text was changed to {verdict.text!r}"
    if verdict.outcome == "repaired":
        released = json.loads(verdict.text or "")
        if not (same(verdict.value, case["value"]) and same(released, case["value"]) and verdict.repairs):
            return f"wanted the value {case['value']!r}, got {verdict.value!r} with repairs {verdict.repairs}"
    if verdict.outcome == "rejected" and (verdict.text is not None or verdict.value is not None):
        return "a rejected reply has text or value"
    return None


def confusion(cases: list[Case]) -> str:
    """Return the counts of (wanted, got) by outcome and first kind."""

    def label(outcome: str, kinds: list[str]) -> str:
        return outcome if outcome == "ok" else f"{outcome}/{kinds[0] if kinds else '-'}"

    counts: Counter[tuple[str, str]] = Counter()
    for case in cases:
        verdict = verdict_of(case)
        wanted = label(case["outcome"], [one[0] for one in case.get("failures", ())])
        counts[wanted, label(verdict.outcome, list(verdict.kinds))] += 1
    lines = [f"  {count:4d}  {wanted:28} -> {got}" for (wanted, got), count in sorted(counts.items())]
    return "\n".join(["confusion (wanted -> got):", *lines])


@pytest.mark.parametrize("name", FILES)
def test_labelled_replies(name: str) -> None:
    cases = cases_of(name)
    wrong = [
        f"{name}:{number} {case['schema']} {case['raw'][:120]!a}: {problem}"
        for number, case in enumerate(cases, 1)
        if (problem := wrong_with(case, verdict_of(case)))
    ]
    assert not wrong, "\n".join([*wrong, confusion(cases)])


def test_the_labelled_replies_are_many_and_cover_every_kind() -> None:
    cases = [case for name in FILES for case in cases_of(name)]
    assert len(cases) >= 300
    assert len({(case["schema"], case["raw"], *map(str, case.items())) for case in cases}) == len(cases)
    for outcome in ("rejected", "repaired"):
        seen = {kind for case in cases if case["outcome"] == outcome for kind, _ in case["failures"]}
        assert seen >= (set(KINDS) if outcome == "rejected" else {"fenced", "wrapped_payload", "invalid_json"})


def test_no_labelled_reply_is_repaired_where_repair_is_switched_off() -> None:
    for case in cases_of("around"):
        if case["outcome"] == "ok":
            continue
        verdict = Contract(SCHEMAS[case["schema"]], repair=False).check(case["raw"])
        assert verdict.outcome == "rejected"
        assert verdict.kinds
