"""Batches as a server keeps them: jobs that end after so many polls, with results in another order than they were asked.

Time plays no part: a job is done when it has been looked at ``polls`` times (lists show it too), so tests need not
wait.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.faces import Face, Incoming
from pointsman.emulator.records import Recorded
from pointsman.emulator.script import BatchesSaid

State = Literal["running", "cancelling", "ended", "cancelled", "failed"]
Respond = Callable[[Face, Incoming, str], tuple[int, Any]]
"""Answers an ordinary request with the key given, whole: the status and the body."""


class Answered(msgspec.Struct, frozen=True):
    """An answer ready to be sent. ``lost``: it is never sent, the client waits until it gives up."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    lost: bool = False


class Item(msgspec.Struct, frozen=True):
    """One request of a batch."""

    custom_id: str
    incoming: Incoming


class Verdict(msgspec.Struct, frozen=True):
    """What became of an item: ``status`` and ``body`` as the ordinary API would have answered."""

    custom_id: str
    outcome: Literal["ok", "error", "expired", "cancelled"]
    status: int = 0
    body: Any = None


class Job(msgspec.Struct):
    """One batch. ``told`` holds what the client said of it (metadata, display name), ``problems`` why it failed."""

    id: str
    key: str
    face: Face
    items: list[Item]
    created: float
    polls_left: int
    state: State = "running"
    told: dict[str, Any] = {}
    problems: list[str] = []
    verdicts: list[Verdict] = []

    @property
    def over(self) -> bool:
        """Whether nothing of it is under way any more."""
        return self.state in {"ended", "cancelled", "failed"}

    def count(self, *outcomes: str) -> int:
        """Return how many items ended in one of these ways."""
        return sum(verdict.outcome in outcomes for verdict in self.verdicts)


class BatchJobs:
    """All jobs of an emulator, and the files that were uploaded for them."""

    def __init__(self, said: BatchesSaid, respond: Respond, wall: Callable[[], float]) -> None:
        self.said = said
        self.wall = wall
        self.files: dict[str, tuple[str, bytes]] = {}
        self._respond = respond
        self._jobs: dict[str, Job] = {}
        self._submitted = 0

    def start(self, job_id: str, key: str, face: Face, items: list[Item], told: dict[str, Any]) -> Job:
        """Take a batch on.

        Raises:
            RejectedError: the script wants this submission refused.
        """
        self._submitted += 1
        if self._submitted <= self.said.refuse:
            raise RejectedError("Too many batches are waiting. Try again later.", status=429, retry_after_s=0)
        job = Job(job_id, key, face, items, self.wall(), self.said.polls, told=told)
        if self.said.fail:
            job.state, job.problems = "failed", ["The emulator was told to fail the batch."]
        self._jobs[job_id] = job
        return job

    @property
    def serial(self) -> int:
        """A number no job and no file has yet."""
        return len(self._jobs) + len(self.files) + self._submitted + 1

    @property
    def loses_answer(self) -> bool:
        """Whether the answer to the submission just taken is never sent."""
        return self._submitted <= self.said.lose

    def jobs(self, key: str, dialect: str) -> list[Job]:
        """Return the jobs of a key, newest first."""
        return [job for job in reversed(self._jobs.values()) if job.key == key and job.face.dialect == dialect]

    def job(self, job_id: str, key: str) -> Job:
        """Return a job.

        Raises:
            RejectedError: this key has none of that id.
        """
        job = self._jobs.get(job_id)
        if job is None or job.key != key:
            raise RejectedError(f"No batch {job_id} found.", status=404)
        return job

    def look(self, job: Job) -> Job:
        """Let a job go on by one poll, and return it."""
        if job.over:
            return job
        if job.polls_left > 0:
            job.polls_left -= 1
            return job
        cancelled = job.state == "cancelling"
        # A batch that is cancelled has done a part of its work, and that part is paid.
        done = job.items[: len(job.items) // 2] if cancelled else job.items
        verdicts = [self._verdict(job, item) for item in done]
        verdicts += [Verdict(item.custom_id, "cancelled") for item in job.items[len(done) :]]
        job.verdicts = verdicts[::-1]
        job.state = "cancelled" if cancelled else "ended"
        return job

    def cancel(self, job: Job) -> Job:
        """Begin to cancel a job that is under way."""
        if not job.over:
            job.state, job.polls_left = "cancelling", min(job.polls_left, 1)
        return job

    def remove(self, job: Job) -> None:
        """Forget a job."""
        del self._jobs[job.id]

    def _verdict(self, job: Job, item: Item) -> Verdict:
        if any(fnmatchcase(item.custom_id, pattern) for pattern in self.said.expire):
            return Verdict(item.custom_id, "expired")
        status, body = self._respond(job.face, item.incoming, job.key)
        return Verdict(item.custom_id, "ok" if status == 200 else "error", status, body)  # noqa: PLR2004 - HTTP


class BatchCall(msgspec.Struct, frozen=True):
    """A request to a batch API. ``rest`` is the path after its root, ``key`` the client's API key."""

    record: Recorded
    face: Face
    rest: str
    key: str
    root: str = ""

    def json(self) -> dict[str, Any]:
        """Return the body.

        Raises:
            RejectedError: it is no JSON object.
        """
        try:
            body = msgspec.json.decode(self.record.raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RejectedError("We could not parse the JSON body of your request.") from None
        if not isinstance(body, dict):
            raise RejectedError("The request body must be a JSON object.")
        return body


def page(jobs: list[Job], call: BatchCall, after: str) -> tuple[list[Job], bool]:
    """Return one page of jobs, and whether more follow. ``after`` names the query field with the last id seen."""
    query = call.record.query
    ids = [job.id for job in jobs]
    start = ids.index(query[after]) + 1 if query.get(after) in ids else 0
    size = int(query.get("limit") or 20)
    return jobs[start : start + size], start + size < len(jobs)


def lines(documents: list[Any], *, broken: bool) -> bytes:
    """Return JSON lines; ``broken``: the first one is cut short."""
    encoded = [msgspec.json.encode(document) for document in documents]
    if broken and encoded:
        encoded[0] = encoded[0][: len(encoded[0]) // 2]
    return b"".join(line + b"\n" for line in encoded)


def when(seconds: float) -> str:
    """Return a time as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
