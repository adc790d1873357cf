"""``POST /v1/traces``: OTLP/HTTP, from programs whose model calls do not pass the gateway."""

from __future__ import annotations

from pointsman.monitoring.otlp.capture import Capture
from pointsman.monitoring.otlp.wire import answer
from pointsman.server.admin.routes import AdminAnswer, AdminCall


async def take_traces(call: AdminCall, /) -> AdminAnswer:
    """Take spans in; the answer is sent when they are durable."""
    router = call.router
    capture = Capture(router.store, router.catalog, router.redactor)
    taken = await capture.take(call.body, call.headers, call.key_id)
    return AdminAnswer(answer(taken.content_type, taken.rejected, taken.why), content_type=taken.content_type)
