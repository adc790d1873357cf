"""Who works on a run: tells a run whose process died from one that is being worked on."""

from __future__ import annotations

import os
import secrets
import socket
import time
from pathlib import Path
from typing import Final

_FORGOTTEN_S: Final = 24 * 3600.0


class Owner:
    """This process, by host, process id, the time it was born, and chance."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()} {os.getpid()} {_born(os.getpid())}-{secrets.token_hex(8)}"

    def is_gone(self, other: str, touched_us: int, silent_s: float = _FORGOTTEN_S) -> bool:
        """Return whether the process called ``other``, which last wrote at ``touched_us``, works no more.

        A process on another machine (or in a container that was made anew) cannot be asked, and the number of a dead one may
        have gone to another program: either is taken for gone when nothing was written for ``silent_s`` seconds.
        """
        if other == self.name:
            return False
        if time.time_ns() // 1000 - touched_us > silent_s * 1e6:
            return True
        place, _, mark = other.rpartition(" ")
        host, _, rest = place.rpartition(" ")
        if host != socket.gethostname():
            return False
        pid = int(rest) if rest.isdigit() else 0
        # The same number with another mark is a former life of ours: containers start with the same ids again.
        if pid in {0, os.getpid()} or not _alive(pid):
            return True
        before, told, _ = mark.partition("-")
        now = _born(pid)
        return bool(told and before and now) and before != now  # the number went to another program


def _born(pid: int) -> str:
    """Return when a process began, in ticks since the machine did; "" where the system does not say (proc(5), field 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""  # noqa: PLR2004 - the fields behind the name begin with the third


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
