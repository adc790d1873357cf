"""What a report says of shares when every case agrees."""

from __future__ import annotations

import pytest

from pointsman.evaluation.run_log import GradeRow
from pointsman.evaluation.run_summary import summarise


@pytest.mark.parametrize("repeats", [1, 4])
def test_full_agreement_keeps_an_interval(repeats: int) -> None:
    rows = [
        GradeRow(f"c{case}", "h", f"talk{case // 2}", "p/m", repeat, "recorded", passed=True, conforms=True)
        for case in range(20)
        for repeat in range(repeats)
    ]
    (model,) = summarise(rows)
    for share in (model.accuracy, model.conformance):
        assert share.share == 1
        assert share.low is not None
        assert share.low == pytest.approx(0.722, abs=0.001), "ten conversations of ten"


def test_repeats_that_differ_in_a_tag_are_not_cut_by_it() -> None:
    rows = [
        GradeRow(f"c{task}-{trial}", "h", f"talk{task}", "p/m", 1, "recorded", passed=trial > task, tags=tags)
        for task in range(4)
        for trial in range(3)
        for tags in [{"task": str(task), "trial": str(trial), "domain": "air" if task else "rail"}]
    ]
    (model,) = summarise(rows, repeats_by="task")
    assert set(model.by_tag) == {"task", "domain"}
    (alone,) = summarise(rows)
    assert set(alone.by_tag) == {"task", "trial", "domain"}
