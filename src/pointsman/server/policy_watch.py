"""Takes a policy file that changed into use, within a second or so and without a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from pointsman.app import Router
from pointsman.errors import PointsmanError
from pointsman.routing.policy import Policy, load_policy

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
Stamp = tuple[int, int, int]


def build(router: Router) -> PolicyWatch | None:
    """Return the watch of the router's policy file; None where the policy came from no file."""
    path = Path(router.policy.source)
    return PolicyWatch(router, path) if path.is_file() else None


class PolicyWatch:
    """Looks at the file once a second. A file that is wrong or needs a restart is told once, and changes nothing."""

    name = "policy"

    def __init__(self, router: Router, path: Path, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._router = router
        self._path = path
        self._pause = pause
        self._seen: Stamp | None = None

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._pause(_LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Look at the file now."""
        stamp = await asyncio.to_thread(_stamp, self._path)
        if stamp is None or stamp == self._seen:
            return  # an editor may have taken it away for a moment
        self._seen = stamp
        try:
            policy: Policy = await asyncio.to_thread(load_policy, self._path)
            if policy.version != self._router.policy.version:
                self._router.adopt(policy)
                _log.warning("policy %s is in force (%s)", policy.version, self._path)
            self._router.policy_waits = None
        except PointsmanError as error:
            self._router.policy_waits = str(error)
            _log.error("the changed policy is not in force: %s", error)


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
