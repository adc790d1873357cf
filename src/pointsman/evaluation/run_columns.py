"""What a report keeps of each grade: some twenty bytes, in columns, so that a million cases fit where a thousand do."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from pointsman.evaluation.case_file import order_of
from pointsman.evaluation.run_log import GradeRow

MOST_VALUES = 40
"""A tag with more values than this (ids, dates) is no way to cut a report."""
_NO_VALUE = 255


class CaseCounts(msgspec.Struct, frozen=True):
    """Counts over the repeats of each case, one place a case. A hash stands for a conversation.

    ``tags`` gives for each tag its values and each case's place among them (``None``: it has none).
    """

    places: Sequence[int]
    right: Sequence[int]
    graded: Sequence[int]
    conform: Sequence[int]
    checked: Sequence[int]
    tags: Mapping[str, tuple[tuple[str, ...], Sequence[int]]]

    def cases_by(self, tag: str) -> Iterator[tuple[str, list[int]]]:
        """Yield each value of a tag with the cases that have it."""
        values, column = self.tags[tag]
        for place, value in sorted(enumerate(values), key=lambda one: one[1]):
            yield value, [case for case, own in enumerate(column) if own == place]


class Columns:
    """Takes the grades of one model, in any order."""

    def __init__(self) -> None:
        self._keys, self._places = array("Q"), array("Q")
        self._marks = array("B")
        self._tags: dict[str, array[int]] = {}
        self._values: dict[str, dict[str, int]] = {}
        self._too_many: set[str] = set()

    def add(self, row: GradeRow, group: str) -> None:
        """Take one grade of the case ``group``."""
        self._tagged(row.tags)
        self._keys.append(order_of(group, 0))
        self._places.append(order_of(row.conversation, 0))
        self._marks.append(_mark(row.passed) | _mark(row.conforms) << 2)

    def _tagged(self, tags: dict[str, str]) -> None:
        for name, column in self._tags.items():
            if name not in tags:
                column.append(_NO_VALUE)
        for name, value in tags.items():
            if name in self._too_many:
                continue
            known = self._values.setdefault(name, {})
            place = known.setdefault(value, len(known))
            if place >= MOST_VALUES:
                self._too_many.add(name)
                self._tags.pop(name, None)
                del self._values[name]
                continue
            own = self._tags.get(name)
            if own is None:
                own = self._tags[name] = array("B", bytes([_NO_VALUE]) * len(self._keys))
            own.append(place)

    def cases(self) -> CaseCounts:
        """Return the counts case by case, in the order of a hash of the case: it tells nothing of how the run went."""
        places = array("Q")
        counts = [array("L") for _ in range(4)]
        tags = {name: (tuple(known), array("B")) for name, known in self._values.items()}
        last = -1
        for row in sorted(range(len(self._keys)), key=self._keys.__getitem__):
            if not places or self._keys[row] != last:
                last = self._keys[row]
                places.append(self._places[row])
                for column in counts:
                    column.append(0)
                for name, (_, own) in tags.items():
                    own.append(self._tags[name][row])
            else:
                for name, (_, own) in tags.items():
                    # Repeats of one case that differ in a tag (the trials of a task) belong to none of its values.
                    if own[-1] != self._tags[name][row]:
                        own[-1] = _NO_VALUE
            passed, conforms = self._marks[row] & 3, self._marks[row] >> 2
            for column, one in zip(counts, (passed == _YES, passed > 0, conforms == _YES, conforms > 0), strict=True):
                column[-1] += one
        right, graded, conform, checked = counts
        return CaseCounts(places, right, graded, conform, checked, tags)


_YES = 2


def _mark(value: bool | None) -> int:
    return 0 if value is None else 1 + value
