"""The OpenAI Files and Batch APIs as the server serves them, as far as a batch of chat completions needs them."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from pointsman.emulator.batch_jobs import Answered, BatchCall, BatchJobs, Item, Job, Verdict, lines, page
from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.faces import Incoming

PATH = re.compile(r"^(?P<root>.*)(?P<rest>/(?:files|batches)(?:/.*)?)$")
_CHAT = "/v1/chat/completions"
_MOST = 50_000
_STATUS = {"running": "in_progress", "cancelling": "cancelling", "ended": "completed"}
_FIELD = re.compile(rb'name="(?P<name>[^"]*)"(?:; filename="(?P<file>[^"]*)")?', re.IGNORECASE)
_encode = msgspec.json.encode


def answer(jobs: BatchJobs, call: BatchCall) -> Answered:
    """Answer a request to ``/v1/files`` or ``/v1/batches``.

    Raises:
        RejectedError: the real server would refuse it.
    """
    method, (what, *parts) = call.record.method, [part for part in call.rest.split("/") if part]
    if what == "files":
        return _upload(jobs, call) if not parts and method == "POST" else _file(jobs, parts, method)
    if not parts:
        return _create(jobs, call) if method == "POST" else _list(jobs, call)
    job = jobs.job(parts[0], call.key)
    if parts[1:] == ["cancel"] and method == "POST":
        return Answered(_encode(_batch(jobs, jobs.cancel(job))))
    if parts[1:] or method != "GET":
        raise RejectedError(f"Invalid URL ({method} {call.record.path})", status=404)
    return Answered(_encode(_batch(jobs, jobs.look(job))))


def _upload(jobs: BatchJobs, call: BatchCall) -> Answered:
    kind = call.record.headers.get("content-type", "")
    _, found, boundary = kind.partition("boundary=")
    if not kind.startswith("multipart/form-data") or not found:
        raise RejectedError("Could not parse multipart form", param="file")
    fields: dict[str, tuple[str, bytes]] = {}
    for piece in call.record.raw.split(b"--" + boundary.strip('"').encode())[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        if match := _FIELD.search(head):
            fields[match["name"].decode()] = ((match["file"] or b"").decode(), data.removesuffix(b"\r\n"))
    if fields.get("purpose", ("", b""))[1] != b"batch":
        raise RejectedError("Invalid value for 'purpose': only 'batch' is emulated", param="purpose")
    if "file" not in fields:
        raise RejectedError("'file' is a required property", param="file")
    file_id = f"file-{jobs.serial:08d}"
    jobs.files[file_id] = fields["file"]
    return Answered(_encode(_file_object(jobs, file_id)))


def _file(jobs: BatchJobs, parts: list[str], method: str) -> Answered:
    if not parts or parts[0] not in jobs.files:
        raise RejectedError(f"No such File object: {parts[0] if parts else ''}", status=404)
    if method == "DELETE":
        del jobs.files[parts[0]]
        return Answered(_encode({"id": parts[0], "object": "file", "deleted": True}))
    if parts[1:] == ["content"]:
        return Answered(jobs.files[parts[0]][1], kind="application/octet-stream")
    return Answered(_encode(_file_object(jobs, parts[0])))


def _file_object(jobs: BatchJobs, file_id: str) -> dict[str, Any]:
    name, data = jobs.files[file_id]
    fixed = {"object": "file", "purpose": "batch", "status": "processed", "created_at": int(jobs.wall())}
    return {"id": file_id, "bytes": len(data), "filename": name} | fixed


def _create(jobs: BatchJobs, call: BatchCall) -> Answered:
    wish = call.json()
    if wish.get("endpoint") != _CHAT:
        raise RejectedError(f"Invalid value for 'endpoint': only {_CHAT} is emulated", param="endpoint")
    if wish.get("completion_window") != "24h":
        raise RejectedError(
            "Invalid value for 'completion_window': supported values are '24h'", param="completion_window"
        )
    file_id = wish.get("input_file_id")
    if not isinstance(file_id, str) or file_id not in jobs.files:
        raise RejectedError(f"No such File object: {file_id}", status=404, param="input_file_id")
    items, problems = _items(jobs.files[file_id][1], call)
    told = {"input_file_id": file_id, "metadata": wish.get("metadata")}
    job = jobs.start(f"batch_{jobs.serial:08d}", call.key, call.face, items, told)
    if problems:
        job.state, job.problems = "failed", problems
    return Answered(_encode(_batch(jobs, job)), lost=jobs.loses_answer)


def _items(data: bytes, call: BatchCall) -> tuple[list[Item], list[str]]:
    """Read the input file as the validation of a batch does."""
    items: dict[str, Item] = {}
    problems: list[str] = []
    models: set[str] = set()
    for number, line in enumerate(data.splitlines(), 1):
        try:
            read = msgspec.json.decode(line)
            custom_id, body = read["custom_id"], read["body"]
            models.add(str(body["model"]))
            if read["url"] != _CHAT or read["method"] != "POST" or custom_id in items:
                raise KeyError
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
            problems.append(f"Line {number} is no valid request: custom_id, method, url and body are needed, ids once.")
            continue
        items[custom_id] = Item(custom_id, Incoming(_CHAT, call.record.headers, body, len(line)))
    if len(models) > 1:
        problems.append("All requests of a batch must name the same model.")
    if not 0 < len(items) <= _MOST and not problems:
        problems.append(f"A batch holds 1 to {_MOST} requests.")
    return list(items.values()), problems


def _list(jobs: BatchJobs, call: BatchCall) -> Answered:
    found, more = page(jobs.jobs(call.key, "openai"), call, "after")
    data = [_batch(jobs, jobs.look(job)) for job in found]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
    return Answered(_encode({"object": "list", "data": data, "has_more": more} | ends))


def _batch(jobs: BatchJobs, job: Job) -> dict[str, Any]:
    if job.over and job.verdicts and "output" not in job.told:
        job.told["output"] = _store(jobs, job, failed=False)
        job.told["error"] = _store(jobs, job, failed=True)
    problems = [{"code": "invalid_request", "message": text, "line": None, "param": None} for text in job.problems]
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": _CHAT,
        "completion_window": "24h",
        "status": _STATUS.get(job.state, job.state),
        "input_file_id": job.told["input_file_id"],
        "output_file_id": job.told.get("output"),
        "error_file_id": job.told.get("error"),
        "errors": {"object": "list", "data": problems} if problems else None,
        "created_at": int(job.created),
        "metadata": job.told["metadata"],
        "request_counts": {
            "total": len(job.items),
            "completed": job.count("ok"),
            "failed": job.count("error", "expired"),
        },
    }


def _store(jobs: BatchJobs, job: Job, *, failed: bool) -> str | None:
    """Write the output file, or the file of errors; return its id, None where nothing belongs into it."""
    chosen = [verdict for verdict in job.verdicts if (verdict.outcome != "ok") == failed]
    if not chosen:
        return None
    file_id = f"file-{jobs.serial:08d}"
    found = [_line(verdict, number) for number, verdict in enumerate(chosen)]
    jobs.files[file_id] = (f"{job.id}.jsonl", lines(found, broken=jobs.said.broken_line and not failed))
    return file_id


def _line(verdict: Verdict, number: int) -> dict[str, Any]:
    line: dict[str, Any] = {"id": f"batch_req_{number:08d}", "custom_id": verdict.custom_id, "error": None}
    if verdict.outcome in {"ok", "error"}:
        response = {"status_code": verdict.status, "request_id": f"req_{number:08d}", "body": verdict.body}
        return line | {"response": response}
    code = f"batch_{verdict.outcome}"
    return line | {"response": None, "error": {"code": code, "message": "This request was not executed in time."}}
