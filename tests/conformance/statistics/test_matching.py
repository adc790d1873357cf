"""The Hungarian method against scipy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from pointsman.evaluation.grading_matching import cheapest_pairs


@given(st.integers(1, 6), st.integers(0, 4), st.data())
def test_pairs_cost_what_scipy_s_cost(rows: int, more: int, data: st.DataObject) -> None:
    row = st.lists(st.integers(0, 20), min_size=rows + more, max_size=rows + more)
    costs = data.draw(st.lists(row, min_size=rows, max_size=rows))
    pairs = cheapest_pairs(costs)
    table = np.array(costs)
    assert len(set(pairs)) == rows
    assert sum(costs[place][column] for place, column in enumerate(pairs)) == table[linear_sum_assignment(table)].sum()


def test_nothing_to_pair() -> None:
    assert cheapest_pairs([]) == []
