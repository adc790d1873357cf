"""Who works on a run: tells a run whose process died from one that is being worked on."""

from __future__ import annotations

import os
import secrets
import socket
import time
from typing import Final

_FORGOTTEN_S: Final = 24 * 3600.0


class Owner:
    """This process, by host, process id and chance."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(8)}"

    def is_gone(self, other: str, touched_us: int, silent_s: float = _FORGOTTEN_S) -> bool:
        """Return whether the process called ``other``, which last wrote at ``touched_us``, works no more.

        A process on another machine (or in a container that was made anew) cannot be asked, and the number of a dead one may
        have gone to another program: either is taken for gone when nothing was written for ``silent_s`` seconds.
        """
        if other == self.name:
            return False
        if time.time_ns() // 1000 - touched_us > silent_s * 1e6:
            return True
        host, _, rest = other.rpartition(" ")[0].rpartition(" ")
        if host != socket.gethostname():
            return False
        pid = int(rest) if rest.isdigit() else 0
        # The same number with another mark is a former life of ours: containers start with the same ids again.
        return pid in {0, os.getpid()} or not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
