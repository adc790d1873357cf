"""Whether the figures are up to the turns: after an import or an upgrade the fold has work for a while, and pages say so."""

from __future__ import annotations

from typing import Final

from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.columns.file import read_mark
from pointsman.server.dashboard.view import Shown
from pointsman.store import Store

_MUCH: Final = 20_000
"""Turns the fold may be behind before pages wait for it: about a second of its work."""
_AGAIN_US: Final = 30_000_000


class CatchingUp:
    """Knows how far the fold of one store is. Looks again every half minute once it is no more than ``much`` turns behind."""

    def __init__(self, store: Store, asker: Asker, much: int = _MUCH) -> None:
        self._store = store
        self._asker = asker
        self._much = much
        self._fine_until_us = 0

    def page(self, now_us: int) -> Shown | None:
        """Return the page that tells how far it is, None where the figures can be shown. It blocks: ask it in a thread."""
        if now_us < self._fine_until_us:
            return None
        with self._store.reading() as connection:
            newest = int(connection.execute("SELECT coalesce(max(seq), 0) FROM turn").fetchone()[0])
        done = newest if newest <= self._much else self._folded()
        if newest - done <= self._much:
            self._fine_until_us = now_us + _AGAIN_US
            return None
        return Shown({"done": done, "total": newest}, template="catching_up.html", filtered=False)

    def _folded(self) -> int:
        if not self._asker.file.path.exists():
            return 0
        with self._asker.file.reading() as connection:
            return read_mark(connection).turn_seq
