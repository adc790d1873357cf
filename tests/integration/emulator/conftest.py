from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Script
from pointsman.emulator.serving import Handle, serve_in_thread

Serve = Callable[..., Handle]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start emulators that stop when the test ends."""
    with ExitStack() as stack:

        def start(script: Script | None = None) -> Handle:
            return stack.enter_context(serve_in_thread(Emulator(script)))

        yield start
