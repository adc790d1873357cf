"""Picks cases out of a set: by tag or source, and a sample in which every group stands as it does in the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.case_file import order_of
from pointsman.evaluation.cases import Case, CaseVersion

_SIZES = ((2, "1-2 messages"), (6, "3-6 messages"), (12, "7-12 messages"))
_MOST_VALUES = 200


class Summary(msgspec.Struct, frozen=True):
    """What is in a set: counts by source, by kind of gold, and by each tag's values, most frequent first."""

    version: str
    cases: int
    conversations: int
    with_tape: int
    by_source: dict[str, int]
    by_gold: dict[str, int]
    by_tag: dict[str, dict[str, int]]


class Counting:
    """Sums up cases, one at a time."""

    def __init__(self) -> None:
        self._version = CaseVersion()
        self._conversations: set[int] = set()
        self._tape = 0
        self._sources: Counter[str] = Counter()
        self._gold: Counter[str] = Counter()
        self._tags: dict[str, Counter[str]] = {}

    def add(self, case: Case) -> None:
        """Take one case."""
        self._version.add(case)
        self._conversations.add(order_of(case.conversation_id, 0))
        self._tape += bool(case.tape)
        self._sources[case.source] += 1
        self._gold["unknown" if case.gold is None else case.gold.kind] += 1
        for name, value in {**case.tags, "length": length(case)}.items():
            values = self._tags.setdefault(name, Counter())
            # A tag that names every case apart would fill the memory, and tells nothing.
            values[value if value in values or len(values) < _MOST_VALUES else "(others)"] += 1

    def summary(self) -> Summary:
        """Return the sums."""
        return Summary(
            version=self._version.text,
            cases=self._version.cases,
            conversations=len(self._conversations),
            with_tape=self._tape,
            by_source=dict(self._sources.most_common()),
            by_gold=dict(self._gold.most_common()),
            by_tag={name: dict(self._tags[name].most_common()) for name in sorted(self._tags)},
        )


class Filter(msgspec.Struct, frozen=True):
    """What a case must be: values of its tags, its ``source``, its ``gold`` (calls, no_call, reply, unknown) or ``length``.

    Of several conditions on one name one must hold; conditions on different names must all hold.
    """

    wanted: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    def takes(self, case: Case) -> bool:
        """Tell whether a case is wanted."""
        return all(value_of(case, name) in values for name, values in self.wanted.items())


def filter_of(conditions: Iterable[str]) -> Filter:
    """Read conditions.

    Raises:
        UsageError: one is not written ``NAME=VALUE``.
    """
    wanted: dict[str, tuple[str, ...]] = {}
    for condition in conditions:
        name, mark, value = condition.partition("=")
        if not mark or not name:
            raise UsageError(f"--filter {condition[:60]!r}: write NAME=VALUE, for example intent=refund")
        wanted[name] = (*wanted.get(name, ()), value)
    return Filter(wanted)


def value_of(one: Case, name: str) -> str:
    """Return a case's tag, or what is known of every case; "" where it has none."""
    if name in one.tags:
        return one.tags[name]
    match name:
        case "source":
            return one.source
        case "gold":
            return "unknown" if one.gold is None else one.gold.kind
        case "length":
            return length(one)
        case "conversation":
            return one.conversation_id
        case _:
            return ""


def length(case: Case) -> str:
    """Return a case's length in a few steps."""
    messages = len(case.turn.messages)
    return next((name for most, name in _SIZES if messages <= most), "more than 12 messages")


class Stratified:
    """A sample of ``n`` cases with every value of ``by`` in its share (largest remainders), chosen by a hash of their ids.

    Two passes: ``count`` every case, then ask ``takes`` of every case.
    """

    def __init__(self, n: int, by: tuple[str, ...], seed: int = 0) -> None:
        self._n, self._by, self._seed = n, by, seed
        self._keys: dict[tuple[str, ...], list[int]] = {}
        self._limits: dict[tuple[str, ...], int] | None = None

    def count(self, case: Case) -> None:
        """Take note of one case."""
        self._keys.setdefault(self._group(case), []).append(order_of(case.id, self._seed))

    def takes(self, case: Case) -> bool:
        """Tell whether a case is in the sample."""
        if self._limits is None:
            self._limits = self._set_limits()
        return order_of(case.id, self._seed) <= self._limits.get(self._group(case), -1)

    def _group(self, case: Case) -> tuple[str, ...]:
        return tuple(value_of(case, name) for name in self._by)

    def _set_limits(self) -> dict[tuple[str, ...], int]:
        total = sum(map(len, self._keys.values()))
        n = min(self._n, total)
        exact = {group: n * len(keys) / total for group, keys in self._keys.items()}
        taken = {group: int(share) for group, share in exact.items()}
        rest = sorted(exact, key=lambda group: (taken[group] - exact[group], group))
        for group in rest[: n - sum(taken.values())]:
            taken[group] += 1
        return {group: sorted(self._keys[group])[count - 1] if count else -1 for group, count in taken.items()}
