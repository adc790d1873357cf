"""The cheapest way to pair two lists one to one: the Hungarian method."""

from __future__ import annotations

from collections.abc import Sequence


def cheapest_pairs(costs: Sequence[Sequence[int]]) -> list[int]:
    """Return for each row the column it is paired with, so that the sum of costs is least. At least as many columns as rows.

    The method of Kuhn and Munkres with potentials, O(rows^2 * columns): Burkard, Dell'Amico and Martello, Assignment
    Problems, 4.2. Rows and columns are counted from 1 inside; 0 stands for "none".
    """
    columns = len(costs[0]) if costs else 0
    row_price, column_price = [0] * (len(costs) + 1), [0] * (columns + 1)
    row_of, came_from = [0] * (columns + 1), [0] * (columns + 1)
    for row in range(1, len(costs) + 1):
        row_of[0] = row
        last = _free_column(costs, (row_price, column_price), row_of, came_from)
        while last:
            row_of[last] = row_of[came_from[last]]
            last = came_from[last]
    pairs = [0] * len(costs)
    for column in range(1, columns + 1):
        if row_of[column]:
            pairs[row_of[column] - 1] = column - 1
    return pairs


def _free_column(
    costs: Sequence[Sequence[int]], prices: tuple[list[int], list[int]], row_of: list[int], came_from: list[int]
) -> int:
    """Grow the tree of alternating paths from the row in ``row_of[0]`` until it meets a free column; return that column."""
    row_price, column_price = prices
    columns = range(1, len(row_of))
    slack: dict[int, int] = {}
    reached = [0]
    outside = set(columns)
    while row_of[reached[-1]]:
        here = reached[-1]
        row = row_of[here]
        for column in outside:
            cost = costs[row - 1][column - 1] - row_price[row] - column_price[column]
            if column not in slack or cost < slack[column]:
                slack[column], came_from[column] = cost, here
        nearest = min(outside, key=lambda column: (slack[column], column))
        step = slack[nearest]
        for column in reached:
            row_price[row_of[column]] += step
            column_price[column] -= step
        for column in outside:
            slack[column] -= step
        outside.discard(nearest)
        reached.append(nearest)
    return reached[-1]
