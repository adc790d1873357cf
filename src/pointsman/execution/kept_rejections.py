"""Replies that broke their contract, kept beside the turn: nobody waits for the write, and a failed one stops no turn."""

from __future__ import annotations

import asyncio
import logging

from pointsman.domain.message import JsonObject
from pointsman.execution.privacy.redaction import Redactor
from pointsman.store import Store
from pointsman.store.rejections import Rejection, record_rejection

_log = logging.getLogger(__name__)


class KeptRejections:
    """Writes rejected replies, redacted where the policy says so. ``drain`` waits for those on their way."""

    def __init__(self, store: Store, redactor: Redactor | None) -> None:
        self._store = store
        self._redactor = redactor
        self._writing: set[asyncio.Future[int]] = set()

    def keep(self, rejection: Rejection, schema: JsonObject) -> None:
        """Begin to write ``rejection``, and ``schema`` under its version. Needs a running event loop."""
        if self._redactor is not None:
            try:
                rejection, schema = self._redactor.rejection(rejection), self._redactor.value(schema)
            except Exception as error:  # noqa: BLE001 - nothing may be written that was not looked through; the turn goes on
                _log.error("a rejected reply is not on record: redaction failed (%s)", type(error).__name__)
                return
        task = asyncio.ensure_future(record_rejection(self._store, rejection, schema))
        self._writing.add(task)
        task.add_done_callback(self._written)

    async def drain(self) -> None:
        """Wait until everything handed over is on disk, or was said not to be."""
        if self._writing:
            await asyncio.wait(self._writing)

    def _written(self, task: asyncio.Future[int]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("a rejected reply is not on record: %s", error)
