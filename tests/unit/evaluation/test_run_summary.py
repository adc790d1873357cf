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
