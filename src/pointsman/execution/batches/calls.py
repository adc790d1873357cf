"""Sends what a batch dialect asks for, and reads results as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import TypeVar

from pointsman.errors import ProviderError
from pointsman.providers.batch_seam import BatchDialect, BatchState, Broken, ItemResult, Received
from pointsman.providers.seam import Answer, Endpoint, Outgoing, Transport
from pointsman.providers.transport_errors import was_never_sent

_T = TypeVar("_T")
CONNECT_S = 10.0
HEAD_S = 600.0
"""Seconds until the head of an answer: an upload of 200 MB comes before it."""
_OK = 200
_LONGEST = 1024 * 1024 * 1024


async def drive(step: Generator[Outgoing, Received, _T], endpoint: Endpoint, transport: Transport) -> _T:
    """Send each request of a step and hand it the answer; return what the step found.

    Raises:
        ProviderError: as the dialect, or the transport, says.
    """
    try:
        outgoing = next(step)
        while True:
            answer = await transport.send(endpoint, outgoing, connect_s=CONNECT_S, head_s=HEAD_S)
            try:
                received = Received(answer.status, answer.headers, await _whole(answer, endpoint.provider))
            finally:
                answer.close()
            outgoing = step.send(received)
    except StopIteration as done:
        found: _T = done.value
        return found
    finally:
        step.close()


async def _whole(answer: Answer, provider: str) -> bytes:
    """Read a body. A Gemini batch that has ended brings all its replies along, twice: more than any other answer may hold."""
    pieces: list[bytes] = []
    size = 0
    async for chunk in answer.chunks():
        pieces.append(chunk)
        size += len(chunk)
        if size > _LONGEST:
            text = f"the provider's answer is larger than {_LONGEST:,} bytes"
            raise ProviderError(text, provider=provider, kind="too_large", retry="no", upstream_status=answer.status)
    return b"".join(pieces)


async def results(
    api: BatchDialect, state: BatchState, template: Outgoing, endpoint: Endpoint, transport: Transport
) -> AsyncIterator[ItemResult | Broken]:
    """Yield the results of a batch that has ended, in the provider's order, without holding them all.

    Raises:
        ProviderError: they cannot be fetched; what was yielded before stands.
    """
    for outgoing in api.fetches(state, template):
        answer = await transport.send(endpoint, outgoing, connect_s=CONNECT_S, head_s=HEAD_S)
        try:
            if answer.status != _OK:
                raise api.dialect.decode_error(answer.status, answer.headers, await answer.read())
            reader = api.reader()
            async for chunk in answer.chunks():
                for found in reader.feed(chunk):
                    yield found
            for found in reader.close():
                yield found
        finally:
            answer.close()


def may_have_arrived(error: ProviderError) -> bool:
    """Return whether the provider may have done what it was asked, although the answer is an error.

    A refusal with a status below 500 is certain, and so is a connection that was never made; a silence, a cut or a fault of
    the server is not.
    """
    if was_never_sent(str(error)):
        return False
    return error.upstream_status is None or error.upstream_status >= 500 or error.kind == "malformed_reply"  # noqa: PLR2004
