"""Grades on a Ray cluster: the one that RAY_ADDRESS names, or one of this machine's own for as long as the replay runs.

Ray comes with the extra ``ray``; nothing else imports it. Every machine of a cluster needs this version of pointsman.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Awaitable
from typing import Any, Self

from pointsman.errors import UsageError
from pointsman.evaluation.grading_seam import Grader
from pointsman.evaluation.pools.seam import Batches, Kept, Ungraded, grade_batch, packed
from pointsman.evaluation.run_log import GradeRow


class RayPool(Batches):
    """Grades in ``count`` tasks at a time; 0: as many as the cluster has processors.

    Raises:
        UsageError: ray is not installed, its cluster cannot be reached, or (later) it lost a batch for good.
    """

    def __init__(self, chosen: Grader, kept: Kept, count: int = 0) -> None:
        self._ray = _started(count)
        cpus = int(self._ray.cluster_resources().get("CPU", 1))
        # A failed machine's batches are graded again elsewhere: grading has no memory.
        self._grade = self._ray.remote(num_cpus=1, max_retries=3)(grade_batch)
        self._grader = self._ray.put(packed(chosen))
        super().__init__(kept, max(1, count or cpus), self._sent_off)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._ray.shutdown()

    def _sent_off(self, batch: list[Ungraded]) -> Awaitable[list[GradeRow]]:
        # Off at once, not when it is awaited: the workers are to have work while others are waited for.
        return self._rows(self._grade.remote(self._grader, batch))

    async def _rows(self, sent: Any) -> list[GradeRow]:
        try:
            rows: list[GradeRow] = await asyncio.wrap_future(sent.future())
        except self._ray.exceptions.RayError as error:
            raise UsageError(f"--pool ray: a batch could not be graded: {str(error).splitlines()[-1][:200]}") from None
        return rows


def check_installed() -> None:
    """See that ray is there, before anything else is begun.

    Raises:
        UsageError: it is not; says how to install it.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            "--pool ray needs ray, which is not installed: pip install 'pointsman[ray]', or in a checkout: uv sync --extra ray"
        )


def _started(count: int) -> Any:
    check_installed()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    import ray

    own = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": count or None, "include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level="error", configure_logging=True, ignore_reinit_error=True, **own)
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(f"--pool ray: no cluster: {first[:200]}") from None
    return ray
