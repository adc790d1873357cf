"""The same door without ``await``: an event loop in a thread of its own, which any number of threads may ask.

::

    with Pointsman.from_policy("pointsman.yaml").sync() as pm:
        print(pm.turn("Where is my order 48213?").text)
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from pointsman.domain.decision import Decision
from pointsman.domain.message import ToolCall
from pointsman.domain.reply import Event
from pointsman.errors import UsageError
from pointsman.library.asks import Said, WishArgs
from pointsman.library.result import TurnResult

if TYPE_CHECKING:
    from pointsman.library.door import Pointsman

_T = TypeVar("_T")
_END = object()


class SyncPointsman:
    """``Pointsman`` for code without an event loop. Methods may be called from several threads at once."""

    def __init__(self, door: Pointsman) -> None:
        self._door = door
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._asked: set[asyncio.Task[Any]] = set()

    def open(self) -> Self:
        """Start the thread and open the door; ``with`` does it for you.

        Raises:
            UsageError: called inside an event loop, or open already.
            PolicyError, CatalogError, StoreError: as ``Pointsman.start``.
        """
        _outside_a_loop()
        with self._lock:
            if self._loop is not None:
                raise UsageError("this Pointsman is open already")
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=_run, args=(loop,), name="pointsman-sync", daemon=True)
            thread.start()
            try:
                asyncio.run_coroutine_threadsafe(self._door.start(), loop).result()
            except BaseException:
                _stop(loop, thread)
                raise
            self._loop, self._thread = loop, thread
        return self

    def close(self) -> None:
        """Cancel what still runs, close the door and end the thread. Calling it again does nothing.

        A write of an agent that has begun is waited for: its outcome must be known.
        """
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._finish(), loop).result()
        finally:
            _stop(loop, thread)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def decide(self, said: Said, **wishes: Unpack[WishArgs]) -> Decision:
        """See ``Pointsman.decide``."""

        async def decided() -> Decision:
            return self._door.decide(said, **wishes)

        return self._ask(decided())

    def turn(self, said: Said, **wishes: Unpack[WishArgs]) -> TurnResult:
        """See ``Pointsman.turn``."""
        return self._ask(self._door.turn(said, **wishes))

    def stream(self, said: Said, **wishes: Unpack[WishArgs]) -> Iterator[Event]:
        """See ``Pointsman.stream``; closing the iterator early cancels the turn."""
        events = self._door.stream(said, **wishes)

        async def following() -> Any:
            return await anext(events, _END)

        try:
            while (event := self._ask(following())) is not _END:
                yield event
        finally:
            with contextlib.suppress(UsageError):  # the door was closed meanwhile, and the turn with it
                self._ask(events.aclose())

    def run_tool(self, call: ToolCall) -> dict[str, Any]:
        """See ``Pointsman.run_tool``."""
        return self._ask(self._door.run_tool(call))

    def _ask(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            _outside_a_loop()
            with self._lock:
                if self._loop is None:
                    raise UsageError("this Pointsman is not open: use 'with pm.sync() as pm:'")
                future = asyncio.run_coroutine_threadsafe(self._noted(work), self._loop)
        except UsageError:
            work.close()
            raise
        try:
            return future.result()
        except CancelledError:
            raise UsageError("this Pointsman was closed before the turn was finished") from None
        except BaseException:
            future.cancel()  # an interrupt from the keyboard must not leave the turn running
            raise

    async def _noted(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.current_task()
        if task is not None:
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)
        return await work

    async def _finish(self) -> None:
        # What was asked is cancelled, not what it does inside: an agent's tool call that writes is a task of its own.
        await _cancelled(self._asked)
        await self._door.aclose()
        await _cancelled(asyncio.all_tasks() - {asyncio.current_task()})


def _outside_a_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError(
        "the sync door would block the event loop that runs here: use 'async with pm' and 'await pm.turn(...)'"
    )


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


async def _cancelled(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    found = [task for task in tasks if task is not None]
    for task in found:
        task.cancel()
    await asyncio.gather(*found, return_exceptions=True)
