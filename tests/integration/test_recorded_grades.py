"""BFCL mode against the verdicts that came with the recorded outputs (of a checker of 2024). Run with -s to see the counts."""

from __future__ import annotations

from collections import Counter

import pytest

from pointsman.evaluation.graders.bfcl import Bfcl
from support import bfcl_recorded


@pytest.mark.timeout(120)
def test_recorded_verdicts_are_met_but_for_two_named_classes() -> None:
    cases = bfcl_recorded.cases()
    grader = Bfcl()
    counted: Counter[str] = Counter()
    unexplained = []
    for answer, row in bfcl_recorded.outcomes(cases):
        grade = grader.grade(cases[answer.case_id], answer)
        if grade.passed == row["correct"]:
            counted["agree"] += 1
        elif row["error_type"] == "ast_decoder:decoder_failed" and grade.passed:
            # Each model's decoder of 2024 gave up on code marks, and on Gemini's text beside a call; today's reads them.
            counted["read today, not in 2024"] += 1
        elif grade.kind == "call_not_wanted" and row["correct"]:
            # The same on the cases that want no call: what was not read then counted as none made.
            counted["a call today, none in 2024"] += 1
        else:
            unexplained.append((answer.case_id, answer.model, row["error_type"], grade))
    share = counted["agree"] / counted.total()
    print(f"{counted.total():,} recorded outputs, agreement {share:.2%}: {dict(counted)}")  # noqa: T201 - shown by -s
    assert unexplained == []
    assert share > 0.99
