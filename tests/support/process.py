"""The gateway as a stranger starts it: the command, in a process of its own."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_LISTENS = re.compile(r"listens on (http://\S+)")


class Served:
    """A ``pointsman serve`` process and its address."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def kill(self) -> None:
        """Kill it as a machine failure would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@contextlib.contextmanager
def serve(*args: str, cwd: Path) -> Iterator[Served]:
    """Run ``pointsman serve`` on a free port until the block ends."""
    command = [sys.executable, "-m", "pointsman", "serve", "--port", "0", *args]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=cwd) as process:
        seen = []
        assert process.stderr is not None
        for line in process.stderr:
            seen.append(line)
            if match := _LISTENS.search(line):
                break
        else:
            raise AssertionError("the gateway did not start: " + "".join(seen))
        try:
            yield Served(process, match.group(1))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=20)
