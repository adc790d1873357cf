"""What people should look at first: what a judge was unsure of, with enough of the rest that the figures stand for everything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

_UNSURE_EVERY = 1.5
_REST_EVERY = 3.0
_REST_FIRST = 2.0
"""Two unsure ones come first, at 0 and 1.5."""


def places(items: Iterable[tuple[str, bool]], *, seed: str = "") -> dict[str, float]:
    """Return the place of each item (id, whether it is an unsure one) in the queue.

    Two of three are unsure ones as long as there are any. Inside each kind the order is random, by a hash of id and ``seed``: the
    first so many of it are a random sample, which is what makes a corrected rate true.
    """
    groups: dict[bool, list[str]] = {True: [], False: []}
    for name, unsure in items:
        groups[unsure].append(name)
    found: dict[str, float] = {}
    for unsure, names in groups.items():
        names.sort(key=lambda name: hashlib.blake2b(f"{seed}\x00{name}".encode(), digest_size=8).digest())
        step, first = (_UNSURE_EVERY, 0.0) if unsure else (_REST_EVERY, _REST_FIRST)
        found |= {name: first + number * step for number, name in enumerate(names)}
    return found
