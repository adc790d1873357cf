"""The batch APIs of the emulated servers: which request belongs to which, and who may ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pointsman.emulator import batches_anthropic, batches_gemini, batches_openai
from pointsman.emulator.access import check_key, key_of
from pointsman.emulator.batch_jobs import Answered, BatchCall, BatchJobs
from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.faces import Face
from pointsman.emulator.records import Recorded
from pointsman.emulator.routes import ANTHROPIC, GEMINI, OPENAI

_Serve = Callable[[BatchJobs, BatchCall], Answered]
_SERVERS: Final[tuple[tuple[Face, re.Pattern[str], _Serve], ...]] = (
    (ANTHROPIC, batches_anthropic.PATH, batches_anthropic.answer),
    (GEMINI, batches_gemini.PATH, batches_gemini.answer),
    (OPENAI, batches_openai.PATH, batches_openai.answer),
)


def batch_call(record: Recorded) -> BatchCall | None:
    """Return the request as one to a batch API, None if it is none."""
    for face, path, _ in _SERVERS:
        match = path.match(record.path)
        # Gemini and OpenAI share /v1/batches; only one of them is sent this key.
        if match is None or (
            face is GEMINI and "/v1beta/" not in record.path and "x-goog-api-key" not in record.headers
        ):
            continue
        key = key_of(face.dialect, record.headers, record.query)
        return BatchCall(record, face, match["rest"] or "", key, match["root"])
    return None


def answer_batch(jobs: BatchJobs, call: BatchCall, keys: tuple[str, ...]) -> Answered:
    """Answer a request to a batch API.

    Raises:
        RejectedError: the real server would refuse it.
    """
    check_key(call.face.dialect, call.key, keys)
    serve = next(serve for face, _, serve in _SERVERS if face is call.face)
    try:
        return serve(jobs, call)
    except (TypeError, KeyError, AttributeError, ValueError) as problem:
        raise RejectedError(f"The request is malformed ({type(problem).__name__}: {problem}).") from problem
