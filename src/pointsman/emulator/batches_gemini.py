"""Gemini batch mode as the server serves it, with inline requests."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import msgspec

from pointsman.emulator.batch_jobs import Answered, BatchCall, BatchJobs, Item, Job, Verdict, when
from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.faces import Incoming

PATH = re.compile(
    r"^(?P<root>.*/v1(?:beta)?)(?P<rest>/models/[^:/]+:batchGenerateContent|/batches(?:/[^/:]+)?(?::cancel)?)$"
)
_STATES = {"ended": "SUCCEEDED", "cancelled": "CANCELLED", "failed": "FAILED"}
_INLINE_BYTES = 20_000_000
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14, 504: 4}
_encode = msgspec.json.encode


def answer(jobs: BatchJobs, call: BatchCall) -> Answered:
    """Answer a request to ``:batchGenerateContent`` or ``/batches``.

    Raises:
        RejectedError: the real server would refuse it.
    """
    method, rest = call.record.method, call.rest
    if rest.startswith("/models/"):
        return _create(jobs, call)
    name, _, verb = rest.removeprefix("/").partition(":")
    if name == "batches":
        return _list(jobs, call)
    job = jobs.job(name, call.key)
    if verb == "cancel" and method == "POST":
        jobs.cancel(job)
        return Answered(b"{}")
    if method == "DELETE":
        jobs.remove(job)
        return Answered(b"{}")
    return Answered(_encode(_operation(jobs.look(job))))


def _create(jobs: BatchJobs, call: BatchCall) -> Answered:
    if len(call.record.raw) > _INLINE_BYTES:
        raise RejectedError("Request payload size exceeds the limit: 20971520 bytes.")
    batch = call.json().get("batch")
    wish: Any = batch if isinstance(batch, dict) else {}
    try:
        requests = wish["inputConfig"]["requests"]["requests"]
        model = unquote(call.rest.removeprefix("/models/").partition(":")[0])
        items = [_item(call, request, model) for request in requests]
    except (KeyError, TypeError, AttributeError):
        raise RejectedError("batch.input_config.requests: inline requests are needed") from None
    if not items:
        raise RejectedError("batch.input_config.requests: at least one request is needed")
    told = {"displayName": wish.get("displayName"), "model": f"models/{model}", "root": call.root}
    job = jobs.start(f"batches/{jobs.serial:012d}", call.key, call.face, items, told)
    return Answered(_encode(_operation(job)), lost=jobs.loses_answer)


def _item(call: BatchCall, request: dict[str, Any], model: str) -> Item:
    body = dict(request["request"])
    body.pop("model", None)
    key = (request.get("metadata") or {}).get("key", "")
    path = f"{call.root}/models/{model}:generateContent"
    return Item(str(key), Incoming(path, call.record.headers, body, len(_encode(body)), model=model))


def _list(jobs: BatchJobs, call: BatchCall) -> Answered:
    size = int(call.record.query.get("pageSize") or 50)
    start = int(call.record.query.get("pageToken") or 0)
    found = jobs.jobs(call.key, "gemini")
    body: dict[str, Any] = {"operations": [_operation(jobs.look(job)) for job in found[start : start + size]]}
    if start + size < len(found):
        body["nextPageToken"] = str(start + size)
    return Answered(_encode(body))


def _operation(job: Job) -> dict[str, Any]:
    kind = "type.googleapis.com/google.ai.generativelanguage.v1beta.GenerateContentBatch"
    stats = {"requestCount": str(len(job.items)), "pendingRequestCount": str(0 if job.over else len(job.items))}
    if job.over:
        stats |= {"successfulRequestCount": str(job.count("ok")), "failedRequestCount": str(job.count("error"))}
    metadata: dict[str, Any] = {
        "@type": kind,
        "name": job.id,
        "displayName": job.told["displayName"],
        "model": job.told["model"],
        "state": f"BATCH_STATE_{_STATES.get(job.state, 'RUNNING')}",
        "createTime": when(job.created),
        "updateTime": when(job.created),
        "batchStats": stats,
    }
    operation: dict[str, Any] = {"name": job.id, "metadata": metadata}
    if job.over:
        metadata["endTime"] = when(job.created)
        operation["done"] = True
    if job.state == "failed":
        operation["error"] = {"code": 13, "message": job.problems[0]}
    elif job.over:
        metadata["output"] = {"inlinedResponses": {"inlinedResponses": [_inlined(verdict) for verdict in job.verdicts]}}
    return operation


def _inlined(verdict: Verdict) -> dict[str, Any]:
    answer: dict[str, Any] = {"metadata": {"key": verdict.custom_id}}
    if verdict.outcome == "ok":
        return answer | {"response": verdict.body}
    if verdict.outcome == "error":
        message = verdict.body["error"]["message"] if isinstance(verdict.body, dict) else str(verdict.body)
        return answer | {"error": {"code": _CODES.get(verdict.status, 13), "message": message}}
    return answer | {"error": {"code": 1 if verdict.outcome == "cancelled" else 4, "message": "not executed"}}
