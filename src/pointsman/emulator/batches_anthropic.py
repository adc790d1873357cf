"""Anthropic Message Batches as the server serves them."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from pointsman.emulator.batch_jobs import Answered, BatchCall, BatchJobs, Item, Job, Verdict, lines, page, when
from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.faces import Incoming

PATH = re.compile(r"^(?P<root>.*/messages/batches)(?P<rest>/.*)?$")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MOST = 100_000
_DAY_S = 86_400
_STATUS = {"running": "in_progress", "cancelling": "canceling"}
_encode = msgspec.json.encode


def answer(jobs: BatchJobs, call: BatchCall) -> Answered:
    """Answer a request to ``/v1/messages/batches``.

    Raises:
        RejectedError: the real server would refuse it.
    """
    method, parts = call.record.method, [part for part in call.rest.split("/") if part]
    if not parts:
        return _create(jobs, call) if method == "POST" else _list(jobs, call)
    job = jobs.job(parts[0], call.key)
    if parts[1:] == ["cancel"] and method == "POST":
        return Answered(_encode(_batch(jobs.cancel(job), call)))
    if parts[1:] == ["results"] and method == "GET":
        if not job.over:
            raise RejectedError(f"Message batch {job.id} has no results yet: it is still in progress.", status=404)
        found = [{"custom_id": verdict.custom_id, "result": _result(verdict)} for verdict in job.verdicts]
        return Answered(lines(found, broken=jobs.said.broken_line), kind="application/x-jsonl")
    if parts[1:] or method not in {"GET", "DELETE"}:
        raise RejectedError("Not found", status=404)
    if method == "GET":
        return Answered(_encode(_batch(jobs.look(job), call)))
    if not job.over:
        raise RejectedError("A batch that is in progress cannot be deleted: cancel it first.")
    jobs.remove(job)
    return Answered(_encode({"id": job.id, "type": "message_batch_deleted"}))


def _create(jobs: BatchJobs, call: BatchCall) -> Answered:
    requests = call.json().get("requests")
    if not isinstance(requests, list) or not 0 < len(requests) <= _MOST:
        raise RejectedError(f"requests: between 1 and {_MOST} requests are allowed", param="requests")
    items: dict[str, Item] = {}
    for index, request in enumerate(requests):
        where = f"requests.{index}"
        if not isinstance(request, dict) or not isinstance(request.get("params"), dict):
            raise RejectedError(f"{where}.params: Field required")
        custom_id = request.get("custom_id")
        if not isinstance(custom_id, str) or not _ID.fullmatch(custom_id):
            raise RejectedError(f"{where}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        if custom_id in items:
            raise RejectedError(f"{where}.custom_id: must be unique; {custom_id} occurs twice")
        params = request["params"]
        size = len(_encode(params))
        items[custom_id] = Item(custom_id, Incoming(call.root, call.record.headers, params, size))
    job_id = f"msgbatch_{jobs.serial:08d}"
    job = jobs.start(job_id, call.key, call.face, list(items.values()), {})
    if job.state == "failed":  # this server fails items, never a batch
        job.state, job.verdicts = "ended", [_failed(custom_id) for custom_id in items]
    return Answered(_encode(_batch(job, call)), lost=jobs.loses_answer)


def _failed(custom_id: str) -> Verdict:
    error = {"type": "error", "error": {"type": "api_error", "message": "The emulator was told to fail the batch."}}
    return Verdict(custom_id, "error", 500, error)


def _list(jobs: BatchJobs, call: BatchCall) -> Answered:
    found, more = page(jobs.jobs(call.key, "anthropic"), call, "after_id")
    data = [_batch(jobs.look(job), call) for job in found]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return Answered(_encode({"data": data, "has_more": more} | ends))


def _batch(job: Job, call: BatchCall) -> dict[str, Any]:
    over = job.over
    host = call.record.headers.get("host", "localhost")
    counts = {
        "processing": 0 if over else len(job.items),
        "succeeded": job.count("ok"),
        "errored": job.count("error"),
        "canceled": job.count("cancelled"),
        "expired": job.count("expired"),
    }
    return {
        "id": job.id,
        "type": "message_batch",
        "processing_status": _STATUS.get(job.state, "ended"),
        "request_counts": counts,
        "created_at": when(job.created),
        "expires_at": when(job.created + _DAY_S),
        "ended_at": when(job.created) if over else None,
        "archived_at": None,
        "cancel_initiated_at": when(job.created) if job.state in {"cancelling", "cancelled"} else None,
        "results_url": f"http://{host}{call.root}/{job.id}/results" if over else None,
    }


def _result(verdict: Verdict) -> dict[str, Any]:
    if verdict.outcome == "ok":
        return {"type": "succeeded", "message": verdict.body}
    if verdict.outcome == "error":
        return {"type": "errored", "error": verdict.body}
    return {"type": "canceled" if verdict.outcome == "cancelled" else "expired"}
